//! Cases × hosts. The hosts must agree: what one passes, none may fail.

use std::io::{self, Write};

use super::text::{RED, style, word};
use super::{Row, Tally, hosts, rows};
use crate::host::HostKind;
use crate::runner::Outcome;

/// Prints a line for each case with the verdict of each host, `≠` where they differ, and last the
/// count of cases.
///
/// # Errors
///
/// If the stream cannot be written.
pub fn write(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(outcomes);
    write_table(&hosts(outcomes), &rows, out)?;
    let differing = rows.iter().filter(|row| row.differs()).count();
    writeln!(
        out,
        "\nthe hosts differ on {differing} of {} cases",
        rows.len()
    )?;
    writeln!(out, "{}", Tally::of(outcomes))
}

/// The lines of that table on which the hosts differ; nothing if they agree.
pub(super) fn write_differences(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let differing: Vec<_> = rows(outcomes).into_iter().filter(Row::differs).collect();
    if differing.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{RED}the hosts differ{RED:#}")?;
    write_table(&hosts(outcomes), &differing, out)
}

fn write_table(hosts: &[HostKind], rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    for host in hosts {
        write!(out, "{host:10}")?;
    }
    writeln!(out, "  case")?;
    for row in rows {
        for host in hosts {
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
