//! What tells clients and tiers apart: a value of the request.

use crate::header;
use crate::host::{HostError, Properties, source_address};
use crate::json::Tree;
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::route::jwt;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

/// A request, and what is costly to find out about it, found once and only when asked for.
pub(crate) struct Subject<'a> {
    pub(crate) head: &'a RequestHead<'a>,
    host: &'a dyn Properties,
    source: OnceCell<Option<IpAddr>>,
    claims: OnceCell<Option<Tree>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(head: &'a RequestHead<'a>, host: &'a dyn Properties) -> Self {
        Subject {
            head,
            host,
            source: OnceCell::new(),
            claims: OnceCell::new(),
        }
    }

    pub(crate) fn source(&self) -> Result<Option<IpAddr>, HostError> {
        if let Some(source) = self.source.get() {
            return Ok(*source);
        }
        let source = match self.head.source {
            Some(source) => Some(source),
            None => source_address(self.host)?,
        };
        Ok(*self
            .source
            .get_or_init(|| source.map(|ip| ip.to_canonical())))
    }

    fn claims(&self) -> Option<&Tree> {
        let decoded = || jwt::claims(self.head.bearer_token()?);
        self.claims.get_or_init(decoded).as_ref()
    }
}

/// A value of the request; exactly one member is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySpec {
    /// The first value of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A claim of the bearer token, or a path of claims joined by dots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_claim: Option<String>,
    /// A cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// A query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_param: Option<String>,
    /// The client's address: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<bool>,
}

impl KeySpec {
    /// The value that a request has there; none either if not exactly one place is named.
    pub fn value(&self, head: &RequestHead, host: &dyn Properties) -> Option<Vec<u8>> {
        let value = Key::try_from(self).ok()?.value(&Subject::new(head, host));
        value.ok()?.map(Cow::into_owned)
    }
}

/// Where a value is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    Header(Box<str>),
    JwtClaim(Box<str>),
    Cookie(Box<str>),
    QueryParam(Box<str>),
    SourceAddress,
}

impl Key {
    pub(crate) fn header(name: &str) -> Result<Self, InvalidConfig> {
        header::configured(name, "").map(Key::Header)
    }

    /// The first value: of a header with several lines, its first line, as Envoy's descriptors have
    /// it.
    pub(crate) fn value<'s>(
        &self,
        subject: &Subject<'s>,
    ) -> Result<Option<Cow<'s, [u8]>>, HostError> {
        Ok(match self {
            Key::Header(name) => subject
                .head
                .values(name.as_bytes())
                .next()
                .map(Cow::Borrowed),
            Key::Cookie(name) => subject.head.cookie(name.as_bytes()).map(Cow::Borrowed),
            Key::QueryParam(name) => query_param(subject.head, name.as_bytes()),
            Key::JwtClaim(name) => subject.claims().and_then(|claims| {
                let first = jwt::values(claims, name).into_iter().next();
                first.map(|value| Cow::Owned(value.into_bytes()))
            }),
            Key::SourceAddress => subject
                .source()?
                .map(|address| Cow::Owned(address.to_string().into_bytes())),
        })
    }

    /// Whether the value fulfils a condition: of a header the lines joined by commas, of a claim
    /// that is a list any of its elements.
    pub(crate) fn is(
        &self,
        subject: &Subject,
        holds: impl Fn(&[u8]) -> bool,
    ) -> Result<bool, HostError> {
        Ok(match self {
            Key::Header(name) => subject
                .head
                .header(name.as_bytes())
                .is_some_and(|value| holds(&value)),
            Key::JwtClaim(name) => subject.claims().is_some_and(|claims| {
                let values = jwt::values(claims, name);
                values.iter().any(|value| holds(value.as_bytes()))
            }),
            _ => self.value(subject)?.is_some_and(|value| holds(&value)),
        })
    }
}

impl TryFrom<&KeySpec> for Key {
    type Error = InvalidConfig;

    fn try_from(spec: &KeySpec) -> Result<Self, InvalidConfig> {
        let named = |name: &Option<String>, field: &str, key: fn(Box<str>) -> Key| {
            name.as_deref().map(|name| match name {
                "" => Err(InvalidConfig::new(field, "the name is empty")),
                name => Ok(key(name.into())),
            })
        };
        let header = spec
            .header
            .as_deref()
            .map(|name| Key::header(name).map_err(|error| error.within("header")));
        let source = spec.source_address.map(|wanted| match wanted {
            true => Ok(Key::SourceAddress),
            false => Err(InvalidConfig::new("sourceAddress", "true, or leave it out")),
        });
        let mut keys = [
            header,
            named(&spec.jwt_claim, "jwtClaim", Key::JwtClaim),
            named(&spec.cookie, "cookie", Key::Cookie),
            named(&spec.query_param, "queryParam", Key::QueryParam),
            source,
        ]
        .into_iter()
        .flatten();
        match (keys.next(), keys.next()) {
            (Some(key), None) => key,
            _ => Err(InvalidConfig::new(
                "",
                "exactly one of header, jwtClaim, cookie, queryParam and sourceAddress is set",
            )),
        }
    }
}

/// The first value of a query parameter, decoded as Envoy decodes it for its rate limit actions
/// (`Http::Utility::QueryParamsMulti::parseAndDecodeQueryString`).
fn query_param<'a>(head: &RequestHead<'a>, name: &[u8]) -> Option<Cow<'a, [u8]>> {
    head.query()?.split(|&byte| byte == b'&').find_map(|pair| {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let key = decoded(parts.next()?);
        (*key == *name).then(|| decoded(parts.next().unwrap_or_default()))
    })
}

fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut rest = text.iter().copied();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(byte));
                rest = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mock::MockHost;

    fn value(key: &str, entries: &[(&str, &str)]) -> Option<String> {
        let spec: KeySpec = serde_json::from_str(key).unwrap();
        let key = Key::try_from(&spec).unwrap();
        let host = MockHost::default().attribute("source.address", "[::ffff:192.0.2.1]:99");
        let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        let found = key.value(&Subject::new(&head, &host)).unwrap();
        found.map(|value| String::from_utf8(value.into_owned()).unwrap())
    }

    #[test]
    fn a_key_is_found_wherever_it_is() {
        // {"sub":"ada","org":{"plan":"gold"}}
        let token = "Bearer e30.eyJzdWIiOiJhZGEiLCJvcmciOnsicGxhbiI6ImdvbGQifX0.x";
        let request = [
            (":path", "/?id=a%20b%2&id=c&%6eo=1&x"),
            ("x-key", "first"),
            ("x-key", "second"),
            ("cookie", "c=1"),
            ("authorization", token),
        ];
        for (key, expected) in [
            (r#"{"header": "X-Key"}"#, Some("first")),
            (r#"{"header": "x-none"}"#, None),
            (r#"{"cookie": "c"}"#, Some("1")),
            (r#"{"queryParam": "id"}"#, Some("a b%2")),
            (r#"{"queryParam": "no"}"#, Some("1")),
            (r#"{"queryParam": "x"}"#, Some("")),
            (r#"{"jwtClaim": "sub"}"#, Some("ada")),
            (r#"{"jwtClaim": "org.plan"}"#, Some("gold")),
            (r#"{"sourceAddress": true}"#, Some("192.0.2.1")),
        ] {
            assert_eq!(value(key, &request).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn a_key_has_one_place() {
        for (key, message) in [
            (
                "{}",
                ": exactly one of header, jwtClaim, cookie, queryParam and sourceAddress is set",
            ),
            (
                r#"{"header": "a", "cookie": "b"}"#,
                ": exactly one of header, jwtClaim, cookie, queryParam and sourceAddress is set",
            ),
            (r#"{"header": "a b"}"#, "header: `a b`: not a header name"),
            (r#"{"cookie": ""}"#, "cookie: the name is empty"),
            (
                r#"{"sourceAddress": false}"#,
                "sourceAddress: true, or leave it out",
            ),
        ] {
            let spec: KeySpec = serde_json::from_str(key).unwrap();
            assert_eq!(Key::try_from(&spec).unwrap_err().to_string(), message);
        }
    }
}
