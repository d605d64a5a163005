//! CORS.

use crate::header::{HeaderEdit, is_token, is_value};
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::route::spec::CorsSpec;

/// The `CORS` filter of a rule.
#[derive(Debug, Clone)]
pub struct Cors {
    origins: Vec<Origin>,
    credentials: bool,
    methods: List,
    headers: List,
    expose: List,
    max_age: u32,
}

#[derive(Debug, Clone)]
enum Origin {
    Any,
    Exact(Box<str>),
    /// `https://*.example.com`: what stands before and after the `*`.
    Wildcard(Box<str>, Box<str>),
}

#[derive(Debug, Clone)]
enum List {
    Any,
    /// Joined by commas; may be empty.
    Names(Box<str>),
}

impl Cors {
    /// Compiles the filter.
    ///
    /// # Errors
    /// An origin, method or header name that is none.
    pub fn new(spec: &CorsSpec) -> Result<Self, InvalidConfig> {
        let origins = spec.allow_origins.iter().enumerate().map(|(at, origin)| {
            Origin::new(origin).ok_or_else(|| {
                let reason = format!(
                    "`{origin}`: * or scheme://host[:port], with at most one * in the host"
                );
                InvalidConfig::new(format_args!("allowOrigins[{at}]"), reason)
            })
        });
        Ok(Cors {
            origins: origins.collect::<Result<_, _>>()?,
            credentials: spec.allow_credentials.unwrap_or(false),
            methods: List::new("allowMethods", &spec.allow_methods)?,
            headers: List::new("allowHeaders", &spec.allow_headers)?,
            expose: List::new("exposeHeaders", &spec.expose_headers)?,
            max_age: spec.max_age.unwrap_or(5),
        })
    }

    /// The method that a preflight asks for, if the request is one (Fetch standard, 4.8): OPTIONS
    /// with `origin` and `access-control-request-method`.
    pub fn preflight_method<'a>(head: &RequestHead<'a>) -> Option<&'a [u8]> {
        if head.method() != b"OPTIONS" {
            return None;
        }
        head.values(b"origin").next()?;
        head.values(b"access-control-request-method").next()
    }

    /// The gateway's answer to a preflight. "If the request Origin does not match the configured
    /// allowed origins, the gateway returns 204/200 response but doesn't set the relevant
    /// cross-origin response headers."
    pub fn preflight(&self, head: &RequestHead) -> Reply {
        let reply = Reply::new(200);
        let Some(mut edits) = self.origin_edits(head) else {
            return reply;
        };
        // What is asked for may return in the answer, so it must be able to stand in a header.
        let wanted = |name| {
            let value = head.header(name).filter(|value| is_value(value));
            value.map(|value| value.into_owned())
        };
        let methods = self.answer(&self.methods, wanted(b"access-control-request-method"));
        let allowed = self.answer(&self.headers, wanted(b"access-control-request-headers"));
        edits.extend(methods.map(|value| HeaderEdit::set("access-control-allow-methods", value)));
        edits.extend(allowed.map(|value| HeaderEdit::set("access-control-allow-headers", value)));
        let max_age = self.max_age.to_string().into_bytes();
        edits.push(HeaderEdit::set("access-control-max-age", max_age));
        edits.into_iter().fold(reply, Reply::with)
    }

    /// The headers for the response to any other request; none for an origin that is not allowed.
    pub fn response_edits(&self, head: &RequestHead) -> Vec<HeaderEdit<'static>> {
        self.origin_edits(head).unwrap_or_default()
    }

    fn origin_edits(&self, head: &RequestHead) -> Option<Vec<HeaderEdit<'static>>> {
        let origin = head.values(b"origin").next()?;
        if !self.origins.iter().any(|allowed| allowed.matches(origin)) {
            return None;
        }
        let any = self
            .origins
            .iter()
            .any(|origin| matches!(origin, Origin::Any));
        let mut edits = Vec::new();
        if any && !self.credentials {
            edits.push(HeaderEdit::set(
                "access-control-allow-origin",
                b"*".to_vec(),
            ));
        } else {
            edits.push(HeaderEdit::set(
                "access-control-allow-origin",
                origin.to_vec(),
            ));
            // The answer differs by origin, so a cache must keep one for each (Fetch, 3.2.5).
            edits.push(HeaderEdit::add("vary", b"origin".to_vec()));
        }
        if self.credentials {
            edits.push(HeaderEdit::set(
                "access-control-allow-credentials",
                b"true".to_vec(),
            ));
        }
        let exposed = self.answer(&self.expose, None);
        edits.extend(exposed.map(|value| HeaderEdit::set("access-control-expose-headers", value)));
        Some(edits)
    }

    /// A list as it is answered. "When the request is credentialed, the gateway must not specify
    /// the `*` wildcard", but what the client asked for, or nothing if it asked for nothing.
    fn answer(&self, list: &List, asked: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match list {
            List::Any if self.credentials => asked,
            List::Any => Some(b"*".to_vec()),
            List::Names(names) if names.is_empty() => None,
            List::Names(names) => Some(names.as_bytes().to_vec()),
        }
    }
}

impl Origin {
    fn new(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Origin::Any);
        }
        let lower = text.to_ascii_lowercase();
        let (scheme, host) = lower.split_once("://")?;
        let plain = |text: &str| !text.contains(['/', '*', '@', ' ', '?', '#']);
        if !matches!(scheme, "http" | "https") || host.is_empty() {
            return None;
        }
        match lower.split_once('*') {
            None => plain(host).then(|| Origin::Exact(without_default_port(&lower).into())),
            Some((before, after)) => (plain(after) && before.ends_with("://")).then(|| {
                Origin::Wildcard(before.into(), without_default_port_of(scheme, after).into())
            }),
        }
    }

    /// Whether an Origin header is allowed. "`*` is a greedy match to the left, including any
    /// number of DNS labels"; "if not included, port 80 is assumed for http scheme origins, and
    /// port 443 is assumed for https origins".
    fn matches(&self, origin: &[u8]) -> bool {
        // It returns in the answer, so it must be able to stand in a header.
        let Some(origin) = std::str::from_utf8(origin)
            .ok()
            .filter(|_| is_value(origin))
        else {
            return false;
        };
        let lower = origin.to_ascii_lowercase();
        let origin = without_default_port(&lower);
        match self {
            Origin::Any => true,
            Origin::Exact(exact) => origin == &**exact,
            Origin::Wildcard(before, after) => origin
                .strip_prefix(&**before)
                .and_then(|rest| rest.strip_suffix(&**after))
                .is_some_and(|label| !label.is_empty() && !label.contains(['/', ':'])),
        }
    }
}

fn without_default_port(origin: &str) -> &str {
    let scheme = origin.split_once("://").map_or("", |(scheme, _)| scheme);
    without_default_port_of(scheme, origin)
}

fn without_default_port_of<'a>(scheme: &str, text: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    text.strip_suffix(port).unwrap_or(text)
}

impl List {
    fn new(field: &str, names: &[String]) -> Result<Self, InvalidConfig> {
        if names.iter().any(|name| name == "*") {
            return Ok(List::Any);
        }
        match names.iter().position(|name| !is_token(name.as_bytes())) {
            None => Ok(List::Names(names.join(", ").into())),
            Some(at) => Err(InvalidConfig::new(
                format_args!("{field}[{at}]"),
                "not a token of HTTP",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(spec: &str) -> Cors {
        Cors::new(&serde_json::from_str(spec).unwrap()).unwrap()
    }

    fn preflight<'a>(origin: &'a str, method: &'a str, headers: &'a str) -> RequestHead<'a> {
        let entries = [
            (":method", "OPTIONS"),
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ];
        RequestHead::new(
            entries
                .into_iter()
                .filter(|entry| !entry.1.is_empty())
                .map(|(n, v)| (n.as_bytes(), v.as_bytes())),
        )
    }

    fn value(reply: &Reply, name: &str) -> Option<String> {
        reply
            .header_value(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn origins_match_by_scheme_host_and_port() {
        for (allowed, origin, matches) in [
            ("https://www.foo.com", "https://www.foo.com", true),
            ("https://www.foo.com", "https://www.foo.com:443", true),
            ("https://www.foo.com", "http://www.foo.com", false),
            ("https://*.bar.com", "https://xpto.www.bar.com", true),
            ("https://*.bar.com", "https://bar.com", false),
            ("https://*.bar.com", "https://evil.com/.bar.com", false),
            ("https://*.bar.com", "https://evil.com:1.bar.com", false),
            ("http://*", "http://any.com", true),
            ("http://*:8080", "http://any.com:8080", true),
            ("*", "null", true),
        ] {
            assert_eq!(
                Origin::new(allowed).unwrap().matches(origin.as_bytes()),
                matches,
                "{allowed} {origin}"
            );
        }
        for bad in [
            "",
            "foo.com",
            "ftp://a",
            "https://",
            "https://a*b.com",
            "https://a.com/",
            "https://*.*.com",
        ] {
            assert!(Origin::new(bad).is_none(), "{bad}");
        }
    }

    /// Found by the fuzz target `request`.
    #[test]
    fn what_would_end_a_header_is_not_reflected() {
        let spec = r#"{"allowOrigins": ["https://*"], "allowMethods": ["*"], "allowHeaders": ["*"], "allowCredentials": true}"#;
        let asked = preflight("https://a.com", "PUT\r\nx: y", "\u{15}-a");
        let reply = cors(spec).preflight(&asked);
        assert_eq!(
            value(&reply, "access-control-allow-origin").unwrap(),
            "https://a.com"
        );
        assert_eq!(value(&reply, "access-control-allow-methods"), None);
        assert_eq!(value(&reply, "access-control-allow-headers"), None);
        let forged = preflight("https://a\r\nx: y", "PUT", "");
        assert!(cors(spec).preflight(&forged).headers.is_empty());
        assert!(cors(spec).response_edits(&forged).is_empty());
    }

    #[test]
    fn wildcards_are_spelled_out_where_credentials_are_allowed() {
        let spec = r#"{"allowOrigins": ["*"], "allowMethods": ["*"], "allowHeaders": ["*"], "exposeHeaders": ["*"], "allowCredentials": CRED}"#;
        let asked = preflight("https://a.com", "PUT", "x-1, x-2");
        let with = cors(&spec.replace("CRED", "true")).preflight(&asked);
        assert_eq!(
            value(&with, "access-control-allow-origin").unwrap(),
            "https://a.com"
        );
        assert_eq!(value(&with, "access-control-allow-methods").unwrap(), "PUT");
        assert_eq!(
            value(&with, "access-control-allow-headers").unwrap(),
            "x-1, x-2"
        );
        assert_eq!(value(&with, "access-control-expose-headers"), None);
        assert_eq!(
            value(&with, "access-control-allow-credentials").unwrap(),
            "true"
        );
        let without = cors(&spec.replace("CRED", "false")).preflight(&asked);
        assert_eq!(value(&without, "access-control-allow-origin").unwrap(), "*");
        assert_eq!(
            value(&without, "access-control-allow-methods").unwrap(),
            "*"
        );
        assert_eq!(value(&without, "access-control-allow-credentials"), None);
        assert_eq!(value(&without, "access-control-max-age").unwrap(), "5");
    }

    #[test]
    fn a_foreign_origin_gets_no_cors_header() {
        let reply = cors(r#"{"allowOrigins": ["https://a.com"]}"#).preflight(&preflight(
            "https://b.com",
            "GET",
            "",
        ));
        assert!(reply.status == 200 && reply.headers.is_empty());
    }

    #[test]
    fn a_preflight_is_options_with_origin_and_method() {
        assert_eq!(
            Cors::preflight_method(&preflight("https://a.com", "PUT", "")),
            Some(&b"PUT"[..])
        );
        assert_eq!(
            Cors::preflight_method(&preflight("https://a.com", "", "")),
            None
        );
        assert_eq!(Cors::preflight_method(&preflight("", "PUT", "")), None);
    }
}
