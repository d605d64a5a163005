//! The `#[http_filter]` attribute.
