//! Which routes attach to which listeners: the rules of the Gateway API, v1.

mod conflict;
mod hostname;
mod listener;
mod listeners;
mod namespaces;
mod routes;

pub(crate) use listener::{AttachedListener, Protocol};
pub(crate) use listeners::{listeners, missing_gateways};
pub(crate) use namespaces::selects;
pub(crate) use routes::{Attachment, attach, missing_parents};
