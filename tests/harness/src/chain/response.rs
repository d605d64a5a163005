//! A response on its way to the client.

use crate::wasm_host::{HeaderMap, ResponseInfo};

/// Headers, body as it comes in pieces, and trailers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Response {
    pub(crate) headers: HeaderMap,
    pub(crate) chunks: Vec<Vec<u8>>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) info: ResponseInfo,
}
