//! Events for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::event::{Backend, Event, Facts, ListenerFact, RejectedEntry, RequestLine};

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

/// Writes an event: of the first configuration all that is to be known, of a reload what changed, of a
/// request one line.
///
/// # Errors
///
/// Those of `out`.
pub fn write(event: &Event, out: &mut dyn Write) -> io::Result<()> {
    match event {
        Event::Ready(facts) => {
            write_facts(facts, out)?;
            writeln!(
                out,
                "{DIM}An edit of a manifest or module is picked up. Ctrl-C ends it.{DIM:#}\n"
            )
        }
        Event::Reloaded { changes, facts } => {
            let changes = match changes.as_slice() {
                [] => "all is as before".to_owned(),
                changes => changes.join(", "),
            };
            writeln!(out, "{GOOD}reloaded{GOOD:#} {changes}")?;
            facts
                .rejected
                .iter()
                .try_for_each(|entry| write_rejected(entry, out))
        }
        Event::Rejected { errors } => {
            let messages: Vec<_> = errors.iter().map(|one| one.message.trim_end()).collect();
            writeln!(out, "{BAD}rejected{BAD:#} {}", messages.join("\n"))?;
            writeln!(out, "         the configuration before it stays in force")
        }
        Event::Request(request) => write_request(request, out),
        // People read it on standard error.
        Event::Failed { .. } => Ok(()),
    }
}

fn write_facts(facts: &Facts, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "Envoy {} serves", facts.envoy)?;
    match facts.admin {
        Some(admin) => writeln!(out, "; its admin interface is http://{admin}\n")?,
        None => writeln!(out, "\n")?,
    }
    write_listeners(&facts.listeners, out)?;
    if !facts.services.is_empty() {
        writeln!(out, "\n{BOLD}Services{BOLD:#}")?;
    }
    let services = facts.services.iter().map(|service| {
        let behind = match service.backend {
            Backend::Echo => "echo".to_owned(),
            Backend::Address => service.address.to_string(),
        };
        [service.service.clone(), behind, String::new()]
    });
    let called = facts.called.iter().map(|service| {
        let at = match service.address {
            Some(address) => address.to_string(),
            None => format!(
                "nowhere; say where with --cluster {}=HOST:PORT",
                service.name
            ),
        };
        [service.name.clone(), at, "called by filters".to_owned()]
    });
    write_table(&services.chain(called).collect::<Vec<_>>(), out)?;
    if !facts.rejected.is_empty() {
        writeln!(out, "\n{BOLD}Rejected or not supported{BOLD:#}")?;
        facts
            .rejected
            .iter()
            .try_for_each(|entry| write_rejected(entry, out))?;
    }
    if !facts.examples.is_empty() {
        writeln!(out, "\n{BOLD}Try{BOLD:#}")?;
        facts
            .examples
            .iter()
            .try_for_each(|example| writeln!(out, "  {example}"))?;
    }
    writeln!(out)
}

fn write_listeners(listeners: &[ListenerFact], out: &mut dyn Write) -> io::Result<()> {
    let mut rest = listeners;
    while let Some(first) = rest.first() {
        let (own, others) = rest.split_at(
            rest.iter()
                .take_while(|listener| listener.gateway == first.gateway)
                .count(),
        );
        rest = others;
        writeln!(out, "{BOLD}Gateway {}{BOLD:#}", first.gateway)?;
        let rows = own.iter().map(|listener| {
            [
                listener.listener.clone(),
                format!("{} {}", listener.protocol, listener.port),
                listener
                    .hostname
                    .clone()
                    .unwrap_or_else(|| "any host".to_owned()),
                listener.url.clone().unwrap_or_default(),
                listener.notes.join(", "),
            ]
        });
        write_table(&rows.collect::<Vec<_>>(), out)?;
    }
    Ok(())
}

fn write_table<const N: usize>(rows: &[[String; N]], out: &mut dyn Write) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("  {cell:width$}"))
            .collect();
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_rejected(entry: &RejectedEntry, out: &mut dyn Write) -> io::Result<()> {
    let style = if entry.severity == "error" { BAD } else { DIM };
    let severity = entry.severity;
    let (file, line, object) = (&entry.file, entry.line, &entry.object);
    write!(
        out,
        "  {style}{severity}{style:#} {file}:{line}: {object}: "
    )?;
    if let Some(condition) = &entry.condition {
        write!(out, "{condition}: ")?;
    }
    writeln!(out, "{}", entry.message)
}

/// `GET host/path 200 via_upstream 3ms  RULE -> BACKEND  limit 10, 9 left, reset in 30s`
fn write_request(request: &RequestLine, out: &mut dyn Write) -> io::Result<()> {
    let text = |value: &Option<String>| {
        let value = value.as_deref().filter(|value| !value.is_empty());
        value.unwrap_or("-").to_owned()
    };
    let status = request.status.unwrap_or(0);
    let style = if (100..400).contains(&status) {
        GOOD
    } else {
        BAD
    };
    let (method, host, path) = (
        text(&request.method),
        text(&request.authority),
        text(&request.path),
    );
    write!(out, "{method} {host}{path} {style}{status}{style:#}")?;
    if let Some(grpc) = &request.grpc_status {
        write!(out, " grpc {grpc}")?;
    }
    let (details, duration) = (text(&request.details), request.duration_ms.unwrap_or(0));
    write!(out, " {details} {duration}ms  {}", text(&request.rule))?;
    if let Some(backend) = &request.backend {
        write!(out, " -> {backend}")?;
    }
    if let Some(limit) = &request.limit {
        write!(out, "  limit {limit}, {} left", text(&request.remaining))?;
    }
    if let Some(reset) = &request.reset {
        write!(out, ", reset in {reset}s")?;
    }
    if let Some(after) = &request.retry_after {
        write!(out, ", retry after {after}s")?;
    }
    writeln!(out)
}
