//! References to backends, wherever they stand.

use super::checker::{Checker, Field};
use super::syntax;

/// What holds of every reference to a backend, of mirrors too. "Port is required when the referent
/// is a Kubernetes Service."
pub(super) fn backend_ref(checker: &mut Checker, backend: &Field) {
    checker.syntax(backend.get("name"), syntax::length(1, 253));
    checker.port(backend.get("port"));
    let kind = backend.get("kind").map_or("Service", |kind| kind.text());
    if backend.text_of("group").is_empty() && kind == "Service" && backend.get("port").is_none() {
        checker.refuse(backend, "a reference to a Service needs a port");
    }
}
