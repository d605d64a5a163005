//! DirectResponse: Envoy Gateway's HTTPRouteFilter of that kind.

use super::HeaderModifier;
use crate::header::{HeaderEdit, is_value};
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::route::spec::DirectResponseSpec;

/// A fixed answer.
#[derive(Debug, Clone)]
pub struct DirectResponse {
    status: u16,
    content_type: Option<Box<str>>,
    body: Vec<Piece>,
    header: HeaderModifier,
}

/// A piece of the body.
#[derive(Debug, Clone)]
enum Piece {
    Text(Box<str>),
    /// `%REQ(NAME)%`: a header of the request; `-` where it has none, as Envoy's formatter writes.
    RequestHeader(Box<str>),
}

impl DirectResponse {
    /// Compiles the answer.
    ///
    /// # Errors
    /// A status outside 200 to 599, a bad content type or header.
    pub fn new(spec: &DirectResponseSpec) -> Result<Self, InvalidConfig> {
        let status = spec.status_code.unwrap_or(200);
        if !(200..=599).contains(&status) {
            return Err(InvalidConfig::new("statusCode", "200 to 599"));
        }
        let content_type = spec.content_type.as_deref();
        if content_type.is_some_and(|value| !is_value(value.as_bytes())) {
            return Err(InvalidConfig::new("contentType", "has control characters"));
        }
        let header = spec.header.as_ref().map(HeaderModifier::new).transpose();
        Ok(DirectResponse {
            status,
            content_type: content_type.map(Into::into),
            body: pieces(spec.body.as_deref().unwrap_or_default()),
            header: header
                .map_err(|error| error.within("header"))?
                .unwrap_or_default(),
        })
    }

    /// The answer to one request.
    pub fn reply(&self, head: &RequestHead) -> Reply {
        let mut body = Vec::new();
        for piece in &self.body {
            match piece {
                Piece::Text(text) => body.extend_from_slice(text.as_bytes()),
                Piece::RequestHeader(name) => {
                    let value = head.values(name.as_bytes()).next();
                    body.extend_from_slice(value.unwrap_or(b"-"));
                }
            }
        }
        let content_type = self.content_type.clone();
        let reply = Reply {
            content_type,
            ..Reply::new(self.status).body(body)
        };
        self.header.edits().fold(reply, edited)
    }
}

fn edited(mut reply: Reply, edit: HeaderEdit) -> Reply {
    if let HeaderEdit::Set(name, _) | HeaderEdit::Remove(name) = &edit {
        reply.headers.retain(|header| header.0 != *name);
    }
    match edit {
        HeaderEdit::Set(name, value) if name == "content-type" => {
            reply.content_type = Some(String::from_utf8_lossy(&value).into());
        }
        HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => {
            let name = name.into_owned();
            reply.headers.push((name.into(), value.into_owned()));
        }
        HeaderEdit::Remove(_) => {}
    }
    reply
}

fn pieces(body: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("%REQ(") {
        let Some((name, following)) = after.split_once(")%") else {
            break;
        };
        pieces.push(Piece::Text(before.into()));
        pieces.push(Piece::RequestHeader(name.to_ascii_lowercase().into()));
        rest = following;
    }
    pieces.push(Piece::Text(rest.into()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_headers_are_filled_in() {
        let spec =
            r#"{"statusCode": 503, "body": "%REQ(:METHOD)% %REQ(X-None)% 100%REQ( %REQ(:path)%!"}"#;
        let direct = DirectResponse::new(&serde_json::from_str(spec).unwrap()).unwrap();
        let head = RequestHead::new([(&b":method"[..], &b"GET"[..]), (&b":path"[..], &b"/p"[..])]);
        let reply = direct.reply(&head);
        assert_eq!(reply.status, 503);
        assert_eq!(String::from_utf8_lossy(&reply.body), "GET - 100-!");
    }
}
