//! A backend that answers with a status, headers and body of the request's choice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::exchange::BackendResponse;

/// Request header that asks for it.
pub(in crate::envoy) const RESPONSE: &str = "x-echo-response";

/// Its value: JSON, with the body in base64.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// The value that asks for `response`; none where nothing is asked for.
pub(in crate::envoy) fn header(response: &BackendResponse) -> Option<String> {
    if *response == BackendResponse::default() {
        return None;
    }
    let asked = Asked {
        status: response.status,
        headers: response.headers.clone(),
        body: response.body.as_ref().map(|body| STANDARD.encode(body)),
    };
    serde_json::to_string(&asked).ok()
}

/// What a request asks for.
pub(super) fn asked(head: &Parts) -> BackendResponse {
    let asked = || -> Option<BackendResponse> {
        let value = head.headers.get(RESPONSE)?;
        let asked: Asked = serde_json::from_slice(value.as_bytes()).ok()?;
        Some(BackendResponse {
            status: asked.status,
            headers: asked.headers,
            body: match asked.body {
                Some(body) => Some(STANDARD.decode(body).ok()?),
                None => None,
            },
        })
    };
    asked().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn what_is_asked_for_is_understood() {
        let comma = vec![("vary".to_owned(), "a, b".to_owned())];
        for (status, headers, body) in [
            (Some(503), Vec::new(), None),
            (None, comma, Some(b"\xff\0 any".to_vec())),
            (Some(200), Vec::new(), Some(Vec::new())),
        ] {
            let response = BackendResponse {
                status,
                headers,
                body,
            };
            let request = Request::get("/").header(RESPONSE, header(&response).unwrap());
            let head = request.body(()).unwrap().into_parts().0;
            assert_eq!(asked(&head), response);
        }
        assert_eq!(header(&BackendResponse::default()), None);
        let plain = Request::get("/").body(()).unwrap().into_parts().0;
        assert_eq!(asked(&plain), BackendResponse::default());
    }
}
