//! What the loaded objects mean together: routes attached to listeners, references followed to
//! backends, policies attached to their targets, and what each filter decides.

pub(crate) mod attach;
pub(crate) mod backend;
pub(crate) mod bundle;
pub(crate) mod canary;
pub(crate) mod convert;
pub(crate) mod ingress;
pub(crate) mod limits;
pub(crate) mod model;
pub(crate) mod native;
pub(crate) mod target;
