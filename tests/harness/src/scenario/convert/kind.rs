//! The kinds of case, and which fields each of them has.

use super::super::format::{Entry, Trial};
use super::{Wrong, wrong};

/// Refuses two kinds in one case, and fields that a kind has no use for.
pub(super) fn check(entry: &Entry) -> Result<(), Wrong> {
    let kinds = [
        ("policyStatus", entry.policy_status.is_some()),
        ("weights", entry.weights.is_some()),
        ("mirrorDistribution", entry.mirror_distribution.is_some()),
        ("websocket", entry.websocket.is_some()),
        ("anyOf", entry.any_of.is_some()),
        ("grpc", entry.grpc.is_some()),
    ];
    let mut stated = kinds.into_iter().filter(|(_, is)| *is);
    let Some((kind, _)) = stated.next() else {
        return Ok(());
    };
    let other = stated.next().map(|(other, _)| other);
    let unused = fields(entry).into_iter().find(|(name, is)| {
        *is && match kind {
            "weights" => !OF_BACKENDS.contains(name) && *name != "expectedRequest",
            "mirrorDistribution" => OF_REQUESTS.contains(name),
            "websocket" => *name == "request",
            "anyOf" => ["backend", "backendOneOf", "answeredByGateway"].contains(name),
            "grpc" => !OF_REQUESTS.contains(name),
            _ => false,
        }
    });
    match other.or(unused.map(|(name, _)| name)) {
        Some(field) => wrong(field, format!("cannot be combined with {kind}")),
        None => Ok(()),
    }
}

/// Whether nothing but time passes.
pub(super) fn waits_only(entry: &Entry) -> bool {
    let kinds = [
        entry.weights.is_some(),
        entry.mirror_distribution.is_some(),
        entry.websocket.is_some(),
        entry.any_of.is_some(),
        entry.grpc.is_some(),
    ];
    entry.advance.is_some() && !kinds.contains(&true) && !fields(entry).iter().any(|(_, is)| *is)
}

/// Fields for what is sent several times, or followed up.
const OF_REQUESTS: [&str; 5] = ["repeat", "eventually", "capture", "samePod", "metrics"];

/// Fields that say what backends do.
const OF_BACKENDS: [&str; 4] = [
    "backendStatus",
    "backendResponse",
    "backendSetResponseHeaders",
    "backendSimulation",
];

/// The fields of a plain case, and whether they are stated.
fn fields(entry: &Entry) -> [(&'static str, bool); 19] {
    [
        ("request", entry.request.is_some()),
        ("response", entry.response.is_some()),
        ("repeat", entry.repeat.is_some()),
        ("eventually", entry.eventually.is_some()),
        ("capture", !entry.capture.is_empty()),
        ("samePod", entry.same_pod.is_some()),
        ("metrics", !entry.metrics.is_empty()),
        ("redirectRequest", entry.redirect_request.is_some()),
        ("expectedRequest", entry.expected_request.is_some()),
        ("backend", entry.backend.is_some()),
        ("backendOneOf", entry.backend_one_of.is_some()),
        ("namespace", entry.namespace.is_some()),
        ("answeredByGateway", entry.answered_by_gateway),
        ("firstHeaderValueOnly", entry.first_header_value_only),
        ("mirroredTo", !entry.mirrored_to.is_empty()),
        ("backendStatus", !entry.backend_status.is_empty()),
        ("backendResponse", entry.backend_response.is_some()),
        (
            "backendSetResponseHeaders",
            !entry.backend_set_response_headers.is_empty(),
        ),
        ("backendSimulation", entry.backend_simulation.is_some()),
    ]
}

/// What of a case an alternative may state as well.
pub(super) fn trial(entry: Entry) -> Trial {
    Trial {
        request: entry.request,
        response: entry.response,
        grpc: entry.grpc,
        redirect_request: entry.redirect_request,
        expected_request: entry.expected_request,
        backend: entry.backend,
        backend_one_of: entry.backend_one_of,
        namespace: entry.namespace,
        answered_by_gateway: entry.answered_by_gateway,
        first_header_value_only: entry.first_header_value_only,
        mirrored_to: entry.mirrored_to,
        backend_status: entry.backend_status,
        backend_response: entry.backend_response,
        backend_set_response_headers: entry.backend_set_response_headers,
        backend_simulation: entry.backend_simulation,
        internal_redirect: entry.internal_redirect,
        extension_effects: entry.extension_effects,
    }
}
