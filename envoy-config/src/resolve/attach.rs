//! Which routes attach to which listeners: the rules of the Gateway API, v1.

mod conflict;
mod hostname;
mod listeners;
mod namespaces;
mod routes;

pub(crate) use listeners::{Listener, Protocol, listeners, missing_gateways};
pub(crate) use namespaces::selects;
pub(crate) use routes::{Attachment, attach, missing_parents};
