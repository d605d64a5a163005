//! The report as one JSON document. Its fields are those of [`Document`]; they may be added to,
//! and are not renamed or removed.

use std::io::{self, Write};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Row, Tally, hosts, rows, text_of};
use crate::exchange::Headers;
use crate::host::HostKind;
use crate::judge::Mismatch;
use crate::runner::{Failure, Outcome, Verdict};

/// The document.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// `passed`, `failed`, `skipped`: numbers of cases.
    #[serde(flatten)]
    pub tally: Tally,
    /// The hosts of the run: `core`, `wasmtime`, `envoy`.
    pub hosts: Vec<HostKind>,
    /// The cases, in the order they ran.
    pub cases: Vec<Case<'a>>,
}

/// A case.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Case<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Name of the case.
    pub case: &'a str,
    /// Path of its `cases.yaml`.
    pub file: &'a Path,
    /// Its line there, from 1.
    pub line: u64,
    /// Whether a host passes it and another one fails it.
    pub differs: bool,
    /// What came of it on each host.
    pub results: Vec<HostResult<'a>>,
}

/// What came of a case on a host.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostResult<'a> {
    /// The host.
    pub host: HostKind,
    /// The case in which a trap ended the VM, so that this one got a fresh VM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh_vm_after: Option<&'a str>,
    /// The verdict and what belongs to it.
    #[serde(flatten)]
    pub verdict: HostVerdict<'a>,
}

/// `verdict`, and beside it what belongs to it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum HostVerdict<'a> {
    /// Every answer fits.
    Passed,
    /// An answer does not fit.
    Failed {
        /// What differs: `field`, `expected`, `got`.
        mismatches: &'a [Mismatch],
        /// What was sent.
        request: SentRequest<'a>,
        /// What came back.
        response: ReceivedResponse,
        /// What the filters logged and decided, line by line.
        trace: &'a [String],
    },
    /// It was not run.
    Skipped {
        /// Why not.
        reason: &'a str,
    },
    /// There was no answer.
    Error {
        /// Why not.
        message: &'a str,
        /// The end of the host's log.
        log: &'a [String],
    },
}

/// A request.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentRequest<'a> {
    /// `NAMESPACE/NAME` of the Gateway.
    pub gateway: String,
    /// Port of the listener.
    pub port: u16,
    /// `:method`.
    pub method: &'a str,
    /// `:authority`.
    pub authority: &'a str,
    /// `:path`; bytes that are no text are replaced.
    pub path: String,
    /// Its headers, in order.
    pub headers: Vec<Header>,
    /// Which of several requests it was, from 1.
    pub attempt: Option<u32>,
}

/// A header or trailer; bytes that are no text are replaced.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// One line of it.
    pub value: String,
}

/// An answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedResponse {
    /// HTTP status.
    pub status: u16,
    /// Its headers, in order.
    pub headers: Vec<Header>,
    /// Its trailers, in order.
    pub trailers: Vec<Header>,
    /// `NAMESPACE/SERVICE` that was reached, or null.
    pub backend: Option<String>,
}

/// Prints the document.
///
/// # Errors
///
/// If the stream cannot be written.
pub fn write(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &document(outcomes))?;
    writeln!(out)
}

/// The document for these outcomes.
#[must_use]
pub fn document(outcomes: &[Outcome]) -> Document<'_> {
    Document {
        tally: Tally::of(outcomes),
        hosts: hosts(outcomes),
        cases: rows(outcomes).iter().filter_map(case).collect(),
    }
}

fn case<'a>(row: &Row<'a>) -> Option<Case<'a>> {
    let first = *row.outcomes.first()?;
    Some(Case {
        scenario: &first.scenario,
        case: &first.case,
        file: &first.file,
        line: first.line,
        differs: row.differs(),
        results: row.outcomes.iter().copied().map(result).collect(),
    })
}

fn result(outcome: &Outcome) -> HostResult<'_> {
    HostResult {
        host: outcome.host,
        fresh_vm_after: outcome.fresh_vm_after.as_deref(),
        verdict: match &outcome.verdict {
            Verdict::Passed => HostVerdict::Passed,
            Verdict::Skipped { reason } => HostVerdict::Skipped { reason },
            Verdict::Error { message, log } => HostVerdict::Error { message, log },
            Verdict::Failed(failure) => HostVerdict::Failed {
                mismatches: &failure.mismatches,
                request: sent(failure),
                response: received(failure),
                trace: &failure.answer.why,
            },
        },
    }
}

fn sent(failure: &Failure) -> SentRequest<'_> {
    let exchange = &failure.exchange;
    SentRequest {
        gateway: format!("{}/{}", exchange.gateway_namespace, exchange.gateway),
        port: exchange.port,
        method: &exchange.method,
        authority: &exchange.authority,
        path: text_of(&exchange.path),
        headers: pairs(&exchange.headers),
        attempt: failure.attempt,
    }
}

fn received(failure: &Failure) -> ReceivedResponse {
    let answer = &failure.answer;
    let seen = answer.seen.as_ref();
    ReceivedResponse {
        status: answer.status,
        headers: pairs(&answer.headers),
        trailers: pairs(&answer.trailers),
        backend: seen.map(|seen| format!("{}/{}", seen.namespace, seen.service)),
    }
}

fn pairs(headers: &Headers) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| Header {
            name: text_of(name),
            value: text_of(value),
        })
        .collect()
}
