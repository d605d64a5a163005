//! An answer of the gateway itself, as a value.

use crate::header::HeaderEdit;
use std::borrow::Cow;

/// An answer that is sent instead of forwarding the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status. A gRPC caller gets 200 and the status that Envoy maps it to.
    pub status: u16,
    /// Headers in lower case, without content-type.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// Content type of the body. Envoy writes `text/plain` for a body that comes without.
    pub content_type: Option<Box<str>>,
    /// Body, for gRPC callers the message.
    pub body: Vec<u8>,
    /// The gRPC status to send instead of the one that follows from the HTTP status.
    pub grpc_status: Option<u8>,
}

impl Reply {
    /// An empty answer.
    pub fn new(status: u16) -> Self {
        Reply {
            status,
            ..Reply::default()
        }
    }

    /// Adds a header. Names are to be in lower case.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds what an edit writes, whether it sets or adds; one that removes changes nothing.
    #[must_use]
    pub fn with(self, edit: HeaderEdit<'static>) -> Self {
        match edit {
            HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => self.header(name, value),
            HeaderEdit::Remove(_) => self,
        }
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first value of a header.
    pub fn header_value(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|header| header.0 == name)
            .map(|header| header.1.as_slice())
    }
}
