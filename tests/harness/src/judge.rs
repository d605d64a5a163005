//! Whether an answer fits what a case expects: the rules of the Gateway API conformance suite
//! (`CompareRoundTrip` in `conformance/utils/http/http.go`).
//!
//! The status decides first; if it is wrong, nothing else is compared. If it is right, everything that
//! the case states is, whatever the status: the suite's own comparer stops short on most of them, so
//! that scenarios taken from it state only what it compares.

mod header;
mod mirror;
mod redirect;
mod request;
mod response;
mod status;
mod weights;

use crate::exchange::{Answer, Exchange};
use crate::scenario::Backends;
use crate::scenario::model::Expected;

pub(crate) use self::header::joined as header_text;
pub(crate) use self::mirror::{copied, copies};
pub(crate) use self::response::cookie_value;
pub(crate) use self::weights::Distribution;

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// What was compared, as `response.headers.x-a` or `backend`.
    pub field: String,
    /// What it had to be.
    pub expected: String,
    /// What it was.
    pub got: String,
}

/// Compares an answer with what is expected. Empty if it fits.
#[must_use]
pub fn judge(
    expected: &Expected,
    sent: &Exchange,
    answer: &Answer,
    backends: &Backends,
) -> Vec<Mismatch> {
    let mut found = Findings::default();
    status::compare(&expected.status, answer, &mut found);
    if !found.0.is_empty() {
        return found.0;
    }
    request::compare_answerer(expected, sent, answer, backends, &mut found);
    response::compare(expected, answer, &mut found);
    if let Some(wanted) = &expected.request {
        request::compare(wanted, answer.seen.as_ref(), &mut found);
    }
    response::compare_messages(expected, answer, &mut found);
    if let Some(wanted) = &expected.redirect {
        redirect::compare(wanted, sent, answer, &mut found);
    }
    found.0
}

/// What has been found not to be as expected.
#[derive(Default)]
struct Findings(Vec<Mismatch>);

impl Findings {
    fn add(
        &mut self,
        field: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) {
        self.0.push(Mismatch {
            field: field.into(),
            expected: expected.into(),
            got: got.into(),
        });
    }

    /// Adds a finding unless both are the same.
    fn same(&mut self, field: &str, expected: &str, got: &str) {
        if expected != got {
            self.add(field, expected, got);
        }
    }
}

/// How a header or another thing that is not there is shown.
const ABSENT: &str = "(absent)";

#[cfg(test)]
mod tests;
