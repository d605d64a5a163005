//! Who answered, and the request as the backend saw it.

use crate::exchange::{Answer, Exchange, Seen, Simulation};
use crate::scenario::Backends;
use crate::scenario::model::{AnsweredBy, Expected, ExpectedRequest};

use super::{ABSENT, Findings, header};

const GATEWAY: &str = "(the gateway)";

pub(super) fn compare_answerer(
    expected: &Expected,
    sent: &Exchange,
    answer: &Answer,
    backends: &Backends,
    found: &mut Findings,
) {
    let got = answer
        .seen
        .as_ref()
        .map(|seen| Answerer::of(seen, backends));
    // A backend that fails on demand is meant to be reached.
    let refused = matches!(answer.status, 404 | 421 | 500);
    let refused = refused && sent.simulation == Simulation::default();
    match (&expected.answered_by, got) {
        (AnsweredBy::Unstated, Some(got)) if refused => {
            found.add("backend", GATEWAY, got.shown());
        }
        (AnsweredBy::Gateway, Some(got)) => found.add("backend", GATEWAY, got.shown()),
        (AnsweredBy::Backend { namespace, names }, got) => {
            let fits = got.as_ref().is_some_and(|got| {
                namespace
                    .as_deref()
                    .is_none_or(|wanted| wanted == got.namespace)
                    && (names.is_empty() || names.iter().any(|name| got.is_pod_of(name)))
            });
            if !fits {
                let namespace = namespace.as_deref().unwrap_or("*");
                let wanted = if names.is_empty() {
                    format!("{namespace}/*")
                } else {
                    let names: Vec<_> = names.iter().map(|n| format!("{namespace}/{n}")).collect();
                    names.join(" or ")
                };
                found.add(
                    "backend",
                    wanted,
                    got.map_or_else(|| GATEWAY.into(), |g| g.shown()),
                );
            }
        }
        (AnsweredBy::Unstated, _) | (AnsweredBy::Gateway, None) => {}
    }
}

/// A backend that was reached.
struct Answerer<'a> {
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Answerer<'a> {
    fn of(seen: &'a Seen, backends: &'a Backends) -> Self {
        Self {
            namespace: &seen.namespace,
            name: backends.behind(&seen.namespace, &seen.service),
        }
    }

    /// The suite compares by prefix of the pod's name, which goes on after a dash.
    fn is_pod_of(&self, name: &str) -> bool {
        self.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    fn shown(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

pub(super) fn compare(wanted: &ExpectedRequest, seen: Option<&Seen>, found: &mut Findings) {
    let Some(seen) = seen else {
        found.add("expectedRequest", "(a backend reached)", GATEWAY);
        return;
    };
    let parts = [
        ("expectedRequest.method", &wanted.method, &seen.method),
        ("expectedRequest.host", &wanted.host, &seen.authority),
        ("expectedRequest.path", &wanted.path, &seen.path),
    ];
    for (field, wanted, got) in parts {
        if let Some(wanted) = wanted {
            found.same(field, wanted, got);
        }
    }
    for (name, wanted) in &wanted.headers {
        let got = header::joined(&seen.headers, name);
        let got = got.as_deref().unwrap_or(ABSENT);
        found.same(&format!("expectedRequest.headers.{name}"), wanted, got);
    }
    header::compare_absent(
        "expectedRequest.headers",
        &wanted.absent_headers,
        &seen.headers,
        found,
    );
    compare_body(wanted, seen, found);
}

/// Body and trailers. Of a long body a part is kept, so that its size counts, too.
fn compare_body(wanted: &ExpectedRequest, seen: &Seen, found: &mut Findings) {
    let stated = wanted.body.as_ref();
    let size = stated.map(|body| u64::try_from(body.len()).unwrap_or(u64::MAX));
    if let Some(size) = wanted.body_size.or(size) {
        let (wanted, got) = (size.to_string(), seen.body_size.to_string());
        found.same("expectedRequest.bodySize", &wanted, &got);
    }
    if let Some(wanted) = stated.filter(|wanted| **wanted != seen.body) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        found.add("expectedRequest.body", text(wanted), text(&seen.body));
    }
    for (name, wanted) in &wanted.trailers {
        let got = header::joined(&seen.trailers, name);
        let got = got.as_deref().unwrap_or(ABSENT);
        found.same(&format!("expectedRequest.trailers.{name}"), wanted, got);
    }
}
