//! The report for people. Styles are written always; the stream drops them where they don't belong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::{Conditions, Tally, agreement, hosts, is_failure, rows, text_of};
use crate::exchange::{ClientTls, Exchange, FailWith, Headers, Protocol};
use crate::host::HostKind;
use crate::judge::Mismatch;
use crate::runner::{Failure, Outcome, Verdict};

pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Prints scenarios, failures, conditions of the manifests, skips, where several hosts differ, and
/// last the count of cases.
///
/// # Errors
///
/// If the stream cannot be written.
pub fn write(outcomes: &[Outcome], conditions: &Conditions, out: &mut dyn Write) -> io::Result<()> {
    write_scenarios(outcomes, out)?;
    write_fresh_vms(outcomes, out)?;
    for failed in outcomes
        .iter()
        .filter(|outcome| is_failure(&outcome.verdict))
    {
        write_failed(failed, outcomes, out)?;
    }
    for (file, lines) in conditions {
        let scenario = outcomes.iter().find(|outcome| outcome.file == *file);
        let name = scenario.map_or("", |outcome| &outcome.scenario);
        writeln!(out, "\n{YELLOW}manifests of {name}{YELLOW:#}")?;
        lines
            .iter()
            .try_for_each(|line| writeln!(out, "  {line}"))?;
    }
    write_skips(outcomes, out)?;
    agreement::write_differences(outcomes, out)?;
    let tally = Tally::of(outcomes);
    let style = if tally.failed > 0 { RED } else { GREEN };
    writeln!(out, "\n{style}{tally}{style:#}")
}

fn write_scenarios(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let several = hosts(outcomes).len() > 1;
    let width = outcomes
        .iter()
        .map(|outcome| outcome.scenario.chars().count())
        .max()
        .unwrap_or(0);
    for scenario in outcomes.chunk_by(|a, b| (&a.file, a.host) == (&b.file, b.host)) {
        let Some(Outcome {
            scenario: name,
            host,
            ..
        }) = scenario.first()
        else {
            continue;
        };
        let tally = Tally::of(scenario);
        let (mark, style) = match tally {
            Tally { failed: 1.., .. } => ("✗", RED),
            Tally { passed: 0, .. } => ("-", YELLOW),
            _ => ("✓", GREEN),
        };
        write!(out, "{style}{mark}{style:#} {name:width$}  ")?;
        if several {
            write!(out, "{host:8}  ")?;
        }
        writeln!(out, "{tally}")?;
    }
    Ok(())
}

/// The cases that got a fresh VM.
fn write_fresh_vms(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    for outcome in outcomes {
        if let Some(trapped) = &outcome.fresh_vm_after {
            let (scenario, case, host) = (&outcome.scenario, &outcome.case, outcome.host);
            writeln!(
                out,
                "{YELLOW}note{YELLOW:#} {scenario}/{case} on {host} got a fresh VM: a trap in `{trapped}` \
                 ended the VM before"
            )?;
        }
    }
    Ok(())
}

/// An error that several cases of a scenario share, such as a Gateway that is not there, is told
/// with the first of them.
fn write_failed(failed: &Outcome, outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut same = outcomes.iter().filter(|other| is_same_error(failed, other));
    let first = same.next();
    if first.is_some_and(|first| !std::ptr::eq(first, failed)) {
        return Ok(());
    }
    write_title(failed, out)?;
    write_details(&failed.verdict, out)?;
    match same.count() {
        0 => Ok(()),
        more => block("also", &[format!("{more} more in this scenario")], out),
    }
}

fn is_same_error(one: &Outcome, other: &Outcome) -> bool {
    let (
        Verdict::Error {
            message: one_says, ..
        },
        Verdict::Error {
            message: other_says,
            ..
        },
    ) = (&one.verdict, &other.verdict)
    else {
        return false;
    };
    one.file == other.file && one_says == other_says
}

fn write_title(failed: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let (word, host) = (word(&failed.verdict), failed.host);
    let (scenario, case) = (&failed.scenario, &failed.case);
    let (file, line) = (failed.file.display(), failed.line);
    writeln!(
        out,
        "\n{RED}{word}{RED:#} {BOLD}{scenario}/{case}{BOLD:#} on {host}"
    )?;
    writeln!(out, "  {DIM}{file}:{line}{DIM:#}")
}

/// What there is to say about a failure.
pub(super) fn write_details(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    match verdict {
        Verdict::Failed(failure) => write_failure(failure, out),
        Verdict::Error { message, log } => {
            let message: Vec<_> = message.lines().map(str::to_owned).collect();
            block("error", &message, out)?;
            block("log", log, out)
        }
        Verdict::Passed | Verdict::Skipped { .. } => Ok(()),
    }
}

fn write_failure(failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    block("sent", &sent(&failure.exchange, failure.attempt), out)?;
    write_mismatches(&failure.mismatches, out)?;
    let answer = &failure.answer;
    let from = match &answer.seen {
        Some(seen) => format!("from {}/{}", seen.namespace, seen.service),
        None => "from the gateway".to_owned(),
    };
    let mut came = vec![format!("{} {from}", answer.status)];
    came.extend(lines(&answer.headers));
    came.extend(lines(&answer.trailers));
    block("came", &came, out)?;
    block("why", &answer.why, out)
}

/// Lines under a label, aligned.
fn block(label: &str, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    for (i, line) in lines.iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        writeln!(out, "  {DIM}{label:8}{DIM:#}{line}")?;
    }
    Ok(())
}

fn sent(exchange: &Exchange, attempt: Option<u32>) -> Vec<String> {
    let protocol = match exchange.protocol {
        Protocol::Http => "HTTP/1.1",
        Protocol::H2c => "HTTP/2",
        Protocol::Grpc => "gRPC",
    };
    let Exchange {
        method,
        gateway_namespace,
        gateway,
        port,
        ..
    } = exchange;
    let path = text_of(&exchange.path);
    let tls = match &exchange.tls {
        None => String::new(),
        Some(ClientTls { server_name: None }) => " over TLS without server name".to_owned(),
        Some(ClientTls {
            server_name: Some(name),
        }) => format!(" over TLS to {name}"),
    };
    let number = attempt.map_or_else(String::new, |number| format!(", request {number}"));
    let mut sent = vec![
        format!(
            "{method} {path} {protocol}{tls} to {gateway_namespace}/{gateway} port {port}{number}"
        ),
        format!("host: {}", exchange.authority),
    ];
    sent.extend(lines(&exchange.headers));
    for (name, value) in &exchange.backend_response_headers {
        sent.push(format!("(the backend answers with {name}: {value})"));
    }
    for (service, status) in &exchange.backend_status {
        sent.push(format!("({service} answers {status})"));
    }
    if let Some(delay) = exchange.simulation.delay {
        sent.push(format!("(the backend answers after {delay:?})"));
    }
    if let Some(failing) = &exchange.simulation.failing {
        let with = match failing.with {
            FailWith::Status(status) => format!("with {status}"),
            FailWith::TcpReset => "by a reset".to_owned(),
        };
        let (attempts, after) = (failing.attempts, failing.after);
        sent.push(format!(
            "(the first {attempts} attempts fail {with} after {after:?})"
        ));
    }
    for message in &exchange.messages {
        sent.push(format!("(over a WebSocket) {message:?}"));
    }
    sent
}

fn lines(headers: &Headers) -> impl Iterator<Item = String> {
    headers
        .iter()
        .map(|(name, value)| format!("{}: {}", text_of(name), text_of(value)))
}

/// What was expected (`-`) and what came (`+`), field by field.
fn write_mismatches(mismatches: &[Mismatch], out: &mut dyn Write) -> io::Result<()> {
    let width = mismatches
        .iter()
        .map(|found| found.field.chars().count())
        .max()
        .unwrap_or(0);
    let mut label = "differs";
    for Mismatch {
        field,
        expected,
        got,
    } in mismatches
    {
        let mut field = field.as_str();
        for change in TextDiff::from_lines(expected.as_str(), got.as_str()).iter_all_changes() {
            let style = match change.tag() {
                ChangeTag::Delete => RED,
                ChangeTag::Insert => GREEN,
                ChangeTag::Equal => Style::new(),
            };
            let sign = change.tag();
            let line = change.value().trim_end_matches('\n');
            write!(out, "  {DIM}{label:8}{DIM:#}{field:width$}  ")?;
            writeln!(out, "{style}{sign} {line}{style:#}")?;
            (label, field) = ("", "");
        }
    }
    Ok(())
}

/// Reasons with the number of cases, and the hosts if it is not all of them.
fn write_skips(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, (usize, BTreeSet<HostKind>)> = BTreeMap::new();
    for row in rows(outcomes) {
        let mut counted = BTreeSet::new();
        for outcome in row.outcomes {
            if let Verdict::Skipped { reason } = &outcome.verdict {
                let (count, hosts) = reasons.entry(reason).or_default();
                *count += usize::from(counted.insert(reason));
                hosts.insert(outcome.host);
            }
        }
    }
    if !reasons.is_empty() {
        writeln!(out, "\n{YELLOW}skipped{YELLOW:#}")?;
    }
    let all = hosts(outcomes).len();
    for (reason, (count, hosts)) in reasons {
        write!(out, "{count:6}  {reason}")?;
        if hosts.len() < all {
            let hosts: Vec<_> = hosts.iter().map(HostKind::to_string).collect();
            write!(out, " (on {})", hosts.join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The word for a verdict in tables.
pub(super) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "FAILED",
        Verdict::Skipped { .. } => "skipped",
        Verdict::Error { .. } => "ERROR",
    }
}

/// Its colour.
pub(super) fn style(verdict: &Verdict) -> Style {
    match verdict {
        Verdict::Passed => GREEN,
        Verdict::Skipped { .. } => YELLOW,
        Verdict::Failed(_) | Verdict::Error { .. } => RED,
    }
}
