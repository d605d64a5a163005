//! RequestRedirect.

use super::PathModifier;
use super::rewrite::precise;
use crate::reply::Reply;
use crate::request::{RequestHead, without_port};
use crate::route::InvalidConfig;
use crate::route::spec::RedirectSpec;

/// A redirect, and where to.
#[derive(Debug, Clone)]
pub struct Redirect {
    scheme: Option<&'static str>,
    hostname: Option<Box<str>>,
    port: Option<u16>,
    path: Option<PathModifier>,
    status: u16,
}

impl Redirect {
    /// Compiles the redirect.
    ///
    /// # Errors
    /// A scheme other than http and https, a bad hostname or path, port 0, or a status that is not
    /// 301, 302, 303, 307 or 308.
    pub fn new(spec: &RedirectSpec) -> Result<Self, InvalidConfig> {
        let scheme = match spec.scheme.as_deref() {
            None => None,
            Some("http") => Some("http"),
            Some("https") => Some("https"),
            Some(other) => {
                let reason = format_args!("`{other}`: http or https").to_string();
                return Err(InvalidConfig::new("scheme", reason));
            }
        };
        let status = spec.status_code.unwrap_or(302);
        if ![301, 302, 303, 307, 308].contains(&status) {
            let reason = format_args!("{status}: 301, 302, 303, 307 or 308").to_string();
            return Err(InvalidConfig::new("statusCode", reason));
        }
        if spec.port == Some(0) {
            return Err(InvalidConfig::new("port", "1 to 65535"));
        }
        let path = spec.path.as_ref().map(PathModifier::new).transpose();
        Ok(Redirect {
            scheme,
            hostname: spec.hostname.as_deref().map(precise).transpose()?,
            port: spec.port,
            path: path.map_err(|error| error.within("path"))?,
            status,
        })
    }

    /// Whether the matched prefix is needed.
    pub fn needs_prefix(&self) -> bool {
        self.path.as_ref().is_some_and(PathModifier::needs_prefix)
    }

    /// The answer. `listener_port` is the port of the Gateway's listener, not of a socket.
    pub fn reply(&self, head: &RequestHead, prefix: Option<&str>, listener_port: u16) -> Reply {
        let mut location = Vec::new();
        let scheme = self.scheme.map_or(head.scheme(), str::as_bytes);
        let scheme = if scheme.eq_ignore_ascii_case(b"https") {
            "https"
        } else {
            "http"
        };
        location.extend_from_slice(scheme.as_bytes());
        location.extend_from_slice(b"://");
        let host = self.hostname.as_ref().map(|name| name.as_bytes());
        location.extend_from_slice(host.unwrap_or(without_port(head.authority())));
        if let Some(port) = self.written_port(scheme, listener_port) {
            location.extend_from_slice(format!(":{port}").as_bytes());
        }
        match &self.path {
            Some(path) => location.extend(path.apply(head.path(), prefix)),
            None => location.extend_from_slice(head.path()),
        }
        if let Some(query) = head.query() {
            location.push(b'?');
            location.extend_from_slice(query);
        }
        Reply::new(self.status).header("location", printable(&location))
    }

    /// "If no port is specified, the redirect port MUST be derived using the following rules: If
    /// redirect scheme is not-empty, the redirect port MUST be the well-known port associated with
    /// the redirect scheme. […] If redirect scheme is empty, the redirect port MUST be the Gateway
    /// Listener port." And: "Implementations SHOULD NOT add the port number in the 'Location'
    /// header" for 80 with http and 443 with https.
    fn written_port(&self, scheme: &str, listener_port: u16) -> Option<u16> {
        let well_known = if scheme == "https" { 443 } else { 80 };
        let derived = if self.scheme.is_some() {
            well_known
        } else {
            listener_port
        };
        Some(self.port.unwrap_or(derived)).filter(|&port| port != well_known)
    }
}

/// The request's own bytes return in the Location: what is not visible ASCII is percent-encoded,
/// so that no byte of it can end the header.
fn printable(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for &byte in location {
        if byte.is_ascii_graphic() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(spec: &str, scheme: &str, authority: &[u8], path: &[u8], port: u16) -> String {
        let redirect = Redirect::new(&serde_json::from_str(spec).unwrap()).unwrap();
        let head = RequestHead::new([
            (&b":scheme"[..], scheme.as_bytes()),
            (&b":authority"[..], authority),
            (&b":path"[..], path),
        ]);
        let reply = redirect.reply(&head, Some("/a"), port);
        String::from_utf8(reply.header_value("location").unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_port_follows_the_rules() {
        for (spec, scheme, port, expected) in [
            ("{}", "http", 80, "http://h/a"),
            ("{}", "http", 8080, "http://h:8080/a"),
            (r#"{"scheme": "https"}"#, "http", 8080, "https://h/a"),
            (r#"{"scheme": "https"}"#, "http", 80, "https://h/a"),
            (r#"{"scheme": "http"}"#, "https", 443, "http://h/a"),
            (r#"{"port": 80}"#, "http", 8080, "http://h/a"),
            (
                r#"{"port": 8443, "scheme": "https"}"#,
                "http",
                80,
                "https://h:8443/a",
            ),
            (r#"{"port": 443}"#, "http", 80, "http://h:443/a"),
            (r#"{"hostname": "o.org"}"#, "https", 443, "https://o.org/a"),
        ] {
            assert_eq!(
                location(spec, scheme, b"h:1234", b"/a", port),
                expected,
                "{spec}"
            );
        }
    }

    #[test]
    fn path_changes_and_query_stays() {
        let prefix = r#"{"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}}"#;
        assert_eq!(
            location(prefix, "http", b"h", b"/a/x?q=1", 80),
            "http://h/b/x?q=1"
        );
        let full = r#"{"path": {"type": "ReplaceFullPath", "replaceFullPath": "/b"}}"#;
        assert_eq!(
            location(full, "http", b"h", b"/a/x?q=1", 80),
            "http://h/b?q=1"
        );
    }

    #[test]
    fn no_byte_of_the_request_can_end_the_header() {
        assert_eq!(
            location("{}", "http", b"h\r\nx: y", b"/\xff\r\n", 80),
            "http://h%0D%0Ax:%20y/%FF%0D%0A"
        );
    }

    #[test]
    fn bad_fields_are_named() {
        for (spec, message) in [
            (r#"{"scheme": "ftp"}"#, "scheme: `ftp`: http or https"),
            (
                r#"{"statusCode": 200}"#,
                "statusCode: 200: 301, 302, 303, 307 or 308",
            ),
            (r#"{"port": 0}"#, "port: 1 to 65535"),
            (
                r#"{"hostname": "*.a.com"}"#,
                "hostname: no wildcard is allowed here",
            ),
        ] {
            let error = Redirect::new(&serde_json::from_str(spec).unwrap()).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
