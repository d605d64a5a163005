//! Cases × hosts. The hosts must agree: what one passes, none may fail.

use std::io::{self, Write};

use super::text::{RED, style, word};
use super::{hosts, rows};
use crate::runner::Outcome;

/// Prints a line for each case with the verdict of each host, `≠` where they differ.
///
/// # Errors
///
/// If the stream cannot be written.
pub fn write(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let hosts = hosts(outcomes);
    for host in &hosts {
        write!(out, "{host:10}")?;
    }
    writeln!(out, "  case")?;
    for row in rows(outcomes) {
        for host in &hosts {
            match row.outcomes.iter().find(|outcome| outcome.host == *host) {
                Some(Outcome { verdict, .. }) => {
                    let (style, word) = (style(verdict), word(verdict));
                    write!(out, "{style}{word:10}{style:#}")?;
                }
                None => write!(out, "{:10}", "")?,
            }
        }
        let mark = if row.differs() { "≠" } else { " " };
        if let Some(Outcome { scenario, case, .. }) = row.outcomes.first() {
            writeln!(out, "{RED}{mark}{RED:#} {scenario}/{case}")?;
        }
    }
    Ok(())
}
