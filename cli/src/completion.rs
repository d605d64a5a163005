//! `gwf completion`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use miette::Result;

use crate::output;

const EXAMPLES: &str = "\
Examples:
  source <(gwf completion bash)
  gwf completion zsh > \"${fpath[1]}/_gwf\"
  gwf completion fish > ~/.config/fish/completions/gwf.fish";

/// Print the completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CompletionCommand {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionCommand {
    pub(super) fn run(&self) -> Result<bool> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "gwf", &mut script);
        output::print(|out| out.write_all(&script))?;
        Ok(true)
    }
}
