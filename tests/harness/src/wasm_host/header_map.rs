//! A header map that behaves as Envoy's (`source/common/http/header_map_impl.cc`).
//!
//! Names are in lower case and pseudo-headers come first. Names that Envoy keeps in a fixed slot
//! have one entry, to which further values are joined by a comma; others have one entry per value.

use crate::exchange::Headers;

/// Which of Envoy's maps this is: the fixed slots differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapKind {
    /// Request headers.
    #[default]
    Request,
    /// Response headers.
    Response,
    /// Trailers of either direction, and gRPC metadata.
    Trailers,
}

/// Headers or trailers of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderMap {
    kind: MapKind,
    entries: Headers,
}

impl HeaderMap {
    /// An empty map.
    pub fn new(kind: MapKind) -> Self {
        Self {
            kind,
            entries: Headers::new(),
        }
    }

    /// A map of these pairs, added one by one.
    pub fn from_pairs<'a>(
        kind: MapKind,
        pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Self {
        let mut map = Self::new(kind);
        for (name, value) in pairs {
            map.add(name, value);
        }
        map
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.entries.iter().map(|(n, v)| (&n[..], &v[..]))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first entry of that name. The case of `name` does not matter.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let named = |(n, _): &(&[u8], &[u8])| n.eq_ignore_ascii_case(name);
        self.iter().find(named).map(|(_, value)| value)
    }

    /// Every entry of that name.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Every entry of that name, joined by a comma as the `request.headers` attribute does.
    pub fn joined(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut values = self.values(name);
        let mut joined = values.next()?.to_vec();
        for value in values {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(joined)
    }

    /// `addCopy`: a further entry, or a further value in the fixed slot of that name.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        if has_fixed_slot(self.kind, &name)
            && let Some((_, slot)) = self.entries.iter_mut().find(|(n, _)| *n == name)
        {
            if !slot.is_empty() && !value.is_empty() {
                slot.push(b',');
            }
            slot.extend_from_slice(value);
            return;
        }
        let place = if name.starts_with(b":") {
            self.entries
                .iter()
                .take_while(|(n, _)| n.starts_with(b":"))
                .count()
        } else {
            self.entries.len()
        };
        self.entries.insert(place, (name, value.to_vec()));
    }

    /// `setCopy`: all entries of that name give way to one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Removes all entries of that name.
    pub fn remove(&mut self, name: &[u8]) {
        self.entries.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// What `proxy_set_header_map_pairs` does: every present name is removed, then each pair added.
    pub fn replace_all<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) {
        *self = Self::from_pairs(self.kind, pairs);
    }

    /// Sum of the lengths of names and values.
    pub fn byte_size(&self) -> usize {
        self.iter().map(|(n, v)| n.len() + v.len()).sum()
    }

    /// The entries without pseudo-headers.
    pub fn regular(&self) -> Headers {
        let regular = |(name, _): &&(Vec<u8>, Vec<u8>)| !name.starts_with(b":");
        self.entries.iter().filter(regular).cloned().collect()
    }
}

/// Whether a name, in lower case, has a fixed slot: the list that Envoy prints at start
/// ("HTTP header map info").
fn has_fixed_slot(kind: MapKind, name: &[u8]) -> bool {
    let listed = |names: &[&str]| names.binary_search_by(|n| n.as_bytes().cmp(name)).is_ok();
    let prefixed = |prefixes: &[&str]| prefixes.iter().any(|p| name.starts_with(p.as_bytes()));
    match kind {
        MapKind::Request => listed(REQUEST_SLOTS) || prefixed(REQUEST_PREFIXES),
        MapKind::Response => listed(RESPONSE_SLOTS) || prefixed(RESPONSE_PREFIXES),
        MapKind::Trailers => listed(&["grpc-message", "grpc-status"]),
    }
}

const REQUEST_PREFIXES: &[&str] = &["access-control-request-", "if-", "x-envoy-"];
const REQUEST_SLOTS: &[&str] = &[
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    "accept",
    "accept-encoding",
    "authentication",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "proxy-status",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];
const RESPONSE_PREFIXES: &[&str] = &["access-control-", "x-envoy-"];
const RESPONSE_SLOTS: &[&str] = &[
    ":status",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "proxy-status",
    "server",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-request-id",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let bytes = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        HeaderMap::from_pairs(MapKind::Request, bytes)
    }

    fn listed(map: &HeaderMap) -> Vec<String> {
        map.iter()
            .map(|(n, v)| format!("{}={}", n.escape_ascii(), v.escape_ascii()))
            .collect()
    }

    #[test]
    fn fixed_slots_join_and_others_do_not() {
        let headers = map(&[
            (":path", "/x"),
            ("Accept", "a"),
            ("x-a", "1"),
            ("ACCEPT", "b"),
            ("X-A", "2"),
            (":path", "/second"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
        ]);
        assert_eq!(
            listed(&headers),
            [
                ":path=/x,/second",
                "accept=a,b",
                "x-a=1",
                "x-a=2",
                "cookie=a=1",
                "cookie=b=2"
            ]
        );
        assert_eq!(headers.joined(b"x-a").unwrap(), b"1,2");
        assert_eq!(headers.get(b"X-A").unwrap(), b"1");
    }

    #[test]
    fn set_leaves_one_entry_and_pseudo_headers_stay_first() {
        let mut headers = map(&[(":path", "/"), ("x-a", "1"), ("x-a", "2"), ("x-b", "3")]);
        headers.set(b"X-A", b"9");
        headers.set(b":path", b"/new");
        assert_eq!(listed(&headers), [":path=/new", "x-b=3", "x-a=9"]);
        headers.remove(b"X-b");
        assert_eq!(headers.byte_size(), ":path/newx-a9".len());
    }

    #[test]
    fn slots_are_sorted_so_that_they_are_found() {
        assert!(REQUEST_SLOTS.is_sorted() && RESPONSE_SLOTS.is_sorted());
    }

    #[test]
    fn slots_differ_between_request_and_response() {
        let pairs = [(b"vary".as_slice(), b"a".as_slice()), (b"vary", b"b")];
        assert_eq!(HeaderMap::from_pairs(MapKind::Request, pairs).len(), 2);
        assert_eq!(HeaderMap::from_pairs(MapKind::Response, pairs).len(), 1);
    }
}
