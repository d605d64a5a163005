//! `gwf`, the command.

fn main() {}
