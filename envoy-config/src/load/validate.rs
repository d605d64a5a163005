//! The bounds and patterns that the custom resource definitions set, beyond the types: what an API
//! server would not accept and a filter should never see. Regular expressions are compiled where
//! they are used; here they are only not empty.

mod backend_ref;
mod checker;
mod filter;
mod listener;
mod policy;
mod route;
mod route_filter;
mod syntax;

pub(crate) use syntax::path;

use super::document::Document;
use super::kind::ObjectKind;
use super::problem::Problem;
use checker::{Checker, Field};

/// Everything that is out of bounds in an object of a right shape.
pub(crate) fn check(document: &Document, kind: ObjectKind) -> Vec<Problem> {
    let mut checker = Checker {
        document,
        problems: Vec::new(),
    };
    let root = Field {
        value: document.value(),
        path: String::new(),
    };
    if let Some(spec) = root.get("spec") {
        match kind {
            ObjectKind::Gateway => listener::gateway(&mut checker, &spec),
            ObjectKind::ListenerSet => listener::listener_set(&mut checker, &spec),
            ObjectKind::Route(kind) => route::route(&mut checker, &spec, kind),
            ObjectKind::HTTPRouteFilter => route_filter::route_filter(&mut checker, &spec),
            ObjectKind::BackendTrafficPolicy => policy::traffic(&mut checker, &spec),
            ObjectKind::ClientTrafficPolicy => policy::client(&mut checker, &spec),
            ObjectKind::EnvoyExtensionPolicy => policy::extension(&mut checker, &spec),
            _ => {}
        }
    }
    checker.problems
}
