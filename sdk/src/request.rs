//! A request's head, read once and borrowed.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;

/// A borrowed header entry: name in lower case, value as bytes.
pub type HeaderRef<'a> = (&'a [u8], &'a [u8]);

/// What decisions are made from: pseudo-headers, headers and the client's address.
///
/// Names are in lower case, as Envoy delivers them. Values are bytes: nothing says that a header
/// is UTF-8.
#[derive(Debug, Clone, Default)]
pub struct RequestHead<'a> {
    entries: Vec<HeaderRef<'a>>,
    method: &'a [u8],
    authority: &'a [u8],
    scheme: &'a [u8],
    /// `:path` with its query; most requests are decided on without taking it apart.
    target: &'a [u8],
    /// Where its path ends, once somebody asked.
    path_end: Cell<Option<usize>>,
    /// Address of the client; read only where a match asks for it.
    pub source: Option<IpAddr>,
}

impl<'a> RequestHead<'a> {
    /// Reads a header block that holds the pseudo-headers as ordinary entries, the way Envoy's
    /// request map does. The path ends at the first `?` or `#`.
    pub fn new(entries: impl IntoIterator<Item = HeaderRef<'a>>) -> Self {
        let entries = entries.into_iter();
        // One allocation for what is usual; an iterator over the ABI's form knows no lower bound.
        let expected = entries.size_hint().1.unwrap_or(0).min(128);
        let mut head = RequestHead {
            entries: Vec::with_capacity(expected),
            ..RequestHead::default()
        };
        head.entries.extend(entries);
        for &(name, value) in &head.entries {
            // Pseudo-headers come first (RFC 9113, 8.3).
            if name.first() != Some(&b':') {
                break;
            }
            match name {
                b":method" => head.method = value,
                b":authority" => head.authority = value,
                b":scheme" => head.scheme = value,
                b":path" => head.target = value,
                _ => {}
            }
        }
        head
    }

    /// The same request with another method.
    pub fn with_method(&self, method: &'a [u8]) -> Self {
        RequestHead {
            method,
            ..self.clone()
        }
    }

    /// `:method`.
    pub fn method(&self) -> &'a [u8] {
        self.method
    }

    /// `:authority` as sent, with its port.
    pub fn authority(&self) -> &'a [u8] {
        self.authority
    }

    /// `:scheme`.
    pub fn scheme(&self) -> &'a [u8] {
        self.scheme
    }

    /// `:path` as sent, with its query.
    pub fn target(&self) -> &'a [u8] {
        self.target
    }

    /// `:path` without its query.
    pub fn path(&self) -> &'a [u8] {
        self.target.get(..self.path_end()).unwrap_or(self.target)
    }

    /// What follows the `?` of `:path`.
    pub fn query(&self) -> Option<&'a [u8]> {
        let query = self.target.get(self.path_end()..)?.strip_prefix(b"?")?;
        Some(split_once(query, b'#').map_or(query, |(query, _)| query))
    }

    fn path_end(&self) -> usize {
        let is_end = |byte: &u8| matches!(byte, b'?' | b'#');
        let end = self.path_end.get().unwrap_or_else(|| {
            let end = self.target.iter().position(is_end);
            end.unwrap_or(self.target.len())
        });
        self.path_end.set(Some(end));
        end
    }

    /// The host to match: `:authority` in lower case, without its port and a final dot.
    pub fn host(&self) -> Cow<'a, [u8]> {
        let host = without_port(self.authority);
        let host = host.strip_suffix(b".").unwrap_or(host);
        if host.iter().any(u8::is_ascii_uppercase) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        }
    }

    /// Every entry, pseudo-headers included, in order.
    pub fn entries(&self) -> &[HeaderRef<'a>] {
        &self.entries
    }

    /// The values of a header, one by one. `name` is in lower case.
    pub fn values<'s>(&'s self, name: &'s [u8]) -> impl Iterator<Item = &'a [u8]> + 's {
        self.entries
            .iter()
            .filter(move |entry| entry.0 == name)
            .map(|entry| entry.1)
    }

    /// A header's value; several lines are joined by a comma, as RFC 9110 (5.3) allows and the
    /// Gateway API's header match expects.
    pub fn header(&self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        let mut values = self.values(name);
        let first = values.next()?;
        let Some(second) = values.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(Cow::Owned(joined))
    }

    /// The first value of a query parameter, undecoded, as Envoy compares it. A parameter without
    /// `=` has the empty value.
    pub fn query_param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.query()?.split(|&byte| byte == b'&').find_map(|pair| {
            let (key, value) = split_once(pair, b'=').unwrap_or((pair, b""));
            (key == name).then_some(value)
        })
    }

    /// The first value of a cookie. Pairs without `=` are passed over; quotes around a value are
    /// not part of it (RFC 6265, 4.1.1).
    pub fn cookie(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.entries
            .iter()
            .filter(|entry| entry.0 == b"cookie")
            .flat_map(|entry| entry.1.split(|&byte| byte == b';'))
            .find_map(|pair| {
                let (key, value) = split_once(pair.trim_ascii(), b'=')?;
                (key == name).then(|| unquoted(value))
            })
    }

    /// The token of `authorization: Bearer …`.
    pub fn bearer_token(&self) -> Option<&'a [u8]> {
        let value = self.values(b"authorization").next()?;
        let (scheme, token) = split_once(value, b' ')?;
        scheme
            .eq_ignore_ascii_case(b"bearer")
            .then(|| token.trim_ascii())
    }
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == separator)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .unwrap_or(value)
}

/// The host of an authority. The colons of an IPv6 literal stand inside brackets.
pub fn without_port(authority: &[u8]) -> &[u8] {
    let digits = authority
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let host = authority
        .get(..authority.len().saturating_sub(digits))
        .unwrap_or(authority);
    host.strip_suffix(b":").unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(entries: &[(&'a str, &'a str)]) -> RequestHead<'a> {
        RequestHead::new(
            entries
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        )
    }

    #[test]
    fn path_and_query_are_parted() {
        let head = head(&[(":path", "/a/b?x=1&y&x=2&=3#f"), ("x", "1")]);
        assert_eq!(head.path(), b"/a/b");
        assert_eq!(head.query(), Some(&b"x=1&y&x=2&=3"[..]));
        assert_eq!(
            head.query_param(b"x"),
            Some(&b"1"[..]),
            "the first value counts"
        );
        assert_eq!(head.query_param(b"y"), Some(&b""[..]));
        assert_eq!(head.query_param(b"z"), None);
    }

    #[test]
    fn host_has_no_port_and_no_capitals() {
        for (authority, host) in [
            ("Example.COM:8080", "example.com"),
            ("example.com", "example.com"),
            ("example.com.", "example.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("a:b", "a:b"),
            ("1234", "1234"),
            ("", ""),
        ] {
            assert_eq!(
                &*head(&[(":authority", authority)]).host(),
                host.as_bytes(),
                "{authority}"
            );
        }
    }

    #[test]
    fn lines_of_one_name_are_joined() {
        let head = head(&[("a", "1"), ("b", "x"), ("a", "2"), ("a", "")]);
        assert_eq!(head.header(b"a").as_deref(), Some(&b"1,2,"[..]));
        assert_eq!(head.header(b"b").as_deref(), Some(&b"x"[..]));
        assert_eq!(head.header(b"c"), None);
    }

    #[test]
    fn cookies_survive_any_spelling() {
        let head = head(&[("cookie", "a; =; ;; b = 2;c=\"3\""), ("cookie", "d=4=5")]);
        assert_eq!(head.cookie(b"a"), None);
        assert_eq!(head.cookie(b"c"), Some(&b"3"[..]));
        assert_eq!(head.cookie(b"d"), Some(&b"4=5"[..]));
        assert_eq!(head.cookie(b""), Some(&b""[..]));
    }

    #[test]
    fn bearer_scheme_is_case_insensitive() {
        assert_eq!(
            head(&[("authorization", "bEARER  t")]).bearer_token(),
            Some(&b"t"[..])
        );
        assert_eq!(head(&[("authorization", "Basic t")]).bearer_token(), None);
        assert_eq!(head(&[("authorization", "Bearer")]).bearer_token(), None);
    }
}
