//! The path of a match: HTTPRoute paths and gRPC methods alike.

use super::error::InvalidMatch;
use super::pattern::{Pattern, literal_prefix};
use super::rank::PathRank;
use super::spec::{GrpcMethodSpec, MatchKind, ValueMatchSpec};

/// What a match asks of the path, its query removed.
#[derive(Debug, Clone, PartialEq)]
pub enum PathMatch {
    /// The path equals the value, letter case included.
    Exact(Box<str>),
    /// The path equals the value or lies beneath it: "matches based on a URL path prefix split by
    /// `/`. […] A trailing slash is ignored."
    Prefix(Box<str>),
    /// The whole path matches.
    Regex(Box<PathRegex>),
    /// `/service/method`.
    Grpc(Box<GrpcMatch>),
}

/// A pattern for the whole path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathRegex {
    source: Box<str>,
    pattern: Pattern,
}

/// A gRPC service and method; an absent part matches everything.
#[derive(Debug, Clone, PartialEq)]
pub struct GrpcMatch {
    service: Option<NamePattern>,
    method: Option<NamePattern>,
}

#[derive(Debug, Clone, PartialEq)]
enum NamePattern {
    Exact(Box<str>),
    Regex(Pattern),
}

impl PathMatch {
    /// The path of an HTTPRoute match. "The default is a prefix path match on `/`."
    ///
    /// # Errors
    /// A path that no request can have, or a pattern that does not compile.
    pub fn http(spec: Option<&ValueMatchSpec>) -> Result<Self, InvalidMatch> {
        let value = spec.and_then(|spec| spec.value.as_deref()).unwrap_or("/");
        match spec
            .and_then(|spec| spec.kind)
            .unwrap_or(MatchKind::PathPrefix)
        {
            MatchKind::Exact => Ok(PathMatch::Exact(checked_path(value)?.into())),
            MatchKind::PathPrefix => Ok(PathMatch::Prefix(checked_path(value)?.into())),
            MatchKind::RegularExpression => Ok(PathMatch::Regex(Box::new(PathRegex {
                source: value.into(),
                pattern: Pattern::new(value)?,
            }))),
        }
    }

    /// The method of a GRPCRoute match; absent is every service and method.
    ///
    /// # Errors
    /// A name with a slash in it, a pattern that does not compile, or neither part given.
    pub fn grpc(spec: Option<&GrpcMethodSpec>) -> Result<Self, InvalidMatch> {
        let Some(spec) = spec else {
            return Ok(PathMatch::Grpc(Box::new(GrpcMatch {
                service: None,
                method: None,
            })));
        };
        let kind = spec.kind.unwrap_or(MatchKind::Exact);
        let part = |text: &Option<String>| match text.as_deref() {
            None | Some("") => Ok(None),
            Some(name) => NamePattern::new(kind, name).map(Some),
        };
        let grpc = GrpcMatch {
            service: part(&spec.service)?,
            method: part(&spec.method)?,
        };
        if grpc.service.is_none() && grpc.method.is_none() {
            return Err(InvalidMatch::GrpcEmpty);
        }
        Ok(PathMatch::Grpc(Box::new(grpc)))
    }

    /// Whether a path without query matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        match self {
            PathMatch::Exact(value) => path == value.as_bytes(),
            PathMatch::Prefix(prefix) => under_prefix(path, prefix).is_some(),
            PathMatch::Regex(regex) => regex.pattern.matches(path),
            PathMatch::Grpc(grpc) => grpc.matches(path),
        }
    }

    /// The matched prefix, for `ReplacePrefixMatch`.
    pub fn prefix(&self) -> Option<&str> {
        match self {
            PathMatch::Prefix(prefix) => Some(prefix),
            _ => None,
        }
    }

    pub(super) fn rank(&self) -> PathRank {
        match self {
            PathMatch::Exact(_) => PathRank::Exact,
            PathMatch::Prefix(prefix) => PathRank::Prefix(prefix.chars().count()),
            PathMatch::Regex(regex) => PathRank::Regex(regex.source.chars().count()),
            PathMatch::Grpc(grpc) => PathRank::Grpc {
                service: characters(grpc.service.as_ref()),
                method: characters(grpc.method.as_ref()),
            },
        }
    }

    /// The paths under which the index files this match.
    pub(super) fn scope(&self) -> PathScope<'_> {
        match self {
            PathMatch::Exact(value) => PathScope::Exact(value.as_bytes()),
            PathMatch::Prefix(prefix) => PathScope::Beneath(trimmed(prefix)),
            PathMatch::Regex(regex) => {
                let literal = literal_prefix(&regex.source);
                // The last segment may go on in the pattern.
                PathScope::Beneath(
                    literal
                        .rfind('/')
                        .and_then(|at| literal.get(..at))
                        .unwrap_or(""),
                )
            }
            PathMatch::Grpc(grpc) => match &grpc.service {
                Some(NamePattern::Exact(service)) => PathScope::Segment(service),
                _ => PathScope::Beneath(""),
            },
        }
    }
}

/// The paths that a match can apply to: one path, or all paths beneath one.
pub(super) enum PathScope<'a> {
    /// This path only.
    Exact(&'a [u8]),
    /// Paths beneath this one, which has no slash at its end.
    Beneath(&'a str),
    /// Paths whose first segment is this.
    Segment(&'a str),
}

impl GrpcMatch {
    fn matches(&self, path: &[u8]) -> bool {
        let Some((service, method)) = grpc_method(path) else {
            return false;
        };
        self.service
            .as_ref()
            .is_none_or(|name| name.matches(service))
            && self.method.as_ref().is_none_or(|name| name.matches(method))
    }
}

impl NamePattern {
    fn new(kind: MatchKind, name: &str) -> Result<Self, InvalidMatch> {
        match kind {
            MatchKind::Exact if name.contains('/') => Err(InvalidMatch::GrpcName(name.to_owned())),
            MatchKind::Exact => Ok(NamePattern::Exact(name.into())),
            MatchKind::RegularExpression => Pattern::new(name).map(NamePattern::Regex),
            MatchKind::PathPrefix => Err(InvalidMatch::PrefixOfValue),
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self {
            NamePattern::Exact(exact) => name == exact.as_bytes(),
            NamePattern::Regex(pattern) => pattern.matches(name),
        }
    }
}

/// A pattern has no characters of its own to count, so a name beats it.
fn characters(name: Option<&NamePattern>) -> usize {
    match name {
        Some(NamePattern::Exact(exact)) => exact.chars().count(),
        _ => 0,
    }
}

/// `/service/method` in its two parts, neither of them empty.
pub fn grpc_method(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = path.strip_prefix(b"/")?;
    let (service, method) = rest.split_at_checked(rest.iter().position(|&byte| byte == b'/')?)?;
    let method = method.get(1..)?;
    (!service.is_empty() && !method.is_empty()).then_some((service, method))
}

/// What follows a prefix that covers whole segments of the path: nothing, or `/…`.
pub fn under_prefix<'a>(path: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    if !path.starts_with(b"/") {
        return None;
    }
    let rest = path.strip_prefix(trimmed(prefix).as_bytes())?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

fn trimmed(prefix: &str) -> &str {
    prefix.strip_suffix('/').unwrap_or(prefix)
}

/// The rules of the HTTPRoute custom resource for an Exact or PathPrefix value.
fn checked_path(value: &str) -> Result<&str, InvalidMatch> {
    let parts = ["//", "/./", "/../", "%2f", "%2F", "#"];
    let bad = !value.starts_with('/')
        || parts.iter().any(|part| value.contains(part))
        || value.ends_with("/.")
        || value.ends_with("/..");
    if bad {
        Err(InvalidMatch::Path(value.to_owned()))
    } else {
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(value: &str) -> PathMatch {
        PathMatch::Prefix(value.into())
    }

    #[test]
    fn a_prefix_takes_whole_segments() {
        for value in ["/v2", "/v2/"] {
            let prefix = prefix(value);
            assert!(prefix.matches(b"/v2") && prefix.matches(b"/v2/") && prefix.matches(b"/v2/a"));
            assert!(
                !prefix.matches(b"/v2example") && !prefix.matches(b"/V2") && !prefix.matches(b"/")
            );
        }
        assert!(prefix("/").matches(b"/") && prefix("/").matches(b"/any"));
        assert!(!prefix("/").matches(b"*") && !prefix("/").matches(b""));
    }

    #[test]
    fn paths_no_request_can_have_are_refused() {
        for value in [
            "", "a", "/a//b", "/./a", "/a/../b", "/a/..", "/a%2Fb", "/a#b",
        ] {
            let spec = ValueMatchSpec {
                kind: None,
                value: Some(value.to_owned()),
            };
            assert!(PathMatch::http(Some(&spec)).is_err(), "{value}");
        }
    }

    #[test]
    fn grpc_parts_match_alone_and_together() {
        let grpc = |service: Option<&str>, method: Option<&str>, kind| {
            PathMatch::grpc(Some(&GrpcMethodSpec {
                kind,
                service: service.map(str::to_owned),
                method: method.map(str::to_owned),
            }))
        };
        let both = grpc(Some("a.S"), Some("M"), None).unwrap();
        assert!(both.matches(b"/a.S/M") && !both.matches(b"/a.S/N") && !both.matches(b"/a.S/M/"));
        let method = grpc(None, Some("M"), None).unwrap();
        assert!(method.matches(b"/x/M") && !method.matches(b"/M") && !method.matches(b"//M"));
        let regex = grpc(Some("a\\..*"), None, Some(MatchKind::RegularExpression)).unwrap();
        assert!(regex.matches(b"/a.T/N") && !regex.matches(b"/b.T/N"));
        assert_eq!(grpc(None, Some(""), None), Err(InvalidMatch::GrpcEmpty));
        assert!(grpc(Some("a/b"), None, None).is_err());
        assert!(PathMatch::grpc(None).unwrap().matches(b"/x/y"));
    }
}
