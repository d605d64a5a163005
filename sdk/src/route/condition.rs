//! What a match asks beside the path: method, headers, query, and conditions of our own.

use super::cidr::Cidr;
use super::error::InvalidMatch;
use super::jwt;
use super::path::PathMatch;
use super::pattern::Pattern;
use super::spec::{MatchKind, MatchSpec, MethodSpec, NamedMatchSpec, RouteKind};
use crate::header::is_token;
use crate::request::RequestHead;

/// The conditions of one match that are not its path. All of them must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditions {
    method: Option<Box<str>>,
    headers: Box<[NamedMatch]>,
    query_params: Box<[NamedMatch]>,
    extensions: Option<Box<Extensions>>,
}

/// The conditions that the specification does not have.
#[derive(Debug, Clone, Default, PartialEq)]
struct Extensions {
    cookies: Box<[NamedMatch]>,
    sources: Box<[Cidr]>,
    claims: Box<[NamedMatch]>,
    not: Box<[Forbidden]>,
}

/// One entry of `not`: a match without rank.
#[derive(Debug, Clone, PartialEq)]
struct Forbidden {
    path: Option<PathMatch>,
    conditions: Conditions,
}

#[derive(Debug, Clone, PartialEq)]
struct NamedMatch {
    name: Box<str>,
    value: ValueMatch,
}

#[derive(Debug, Clone, PartialEq)]
enum ValueMatch {
    Exact(Box<str>),
    Regex(Pattern),
}

impl Conditions {
    /// Whether all conditions hold.
    pub fn hold(&self, head: &RequestHead) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| head.method() == method.as_bytes())
            && self.headers.iter().all(|header| {
                head.header(header.name.as_bytes())
                    .is_some_and(|value| header.value.matches(&value))
            })
            && self.query_params.iter().all(|param| {
                head.query_param(param.name.as_bytes())
                    .is_some_and(|value| param.value.matches(value))
            })
            && self
                .extensions
                .as_ref()
                .is_none_or(|extensions| extensions.hold(head))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Conditions::default()
    }

    /// Whether the client's address is asked for.
    pub fn needs_source(&self) -> bool {
        self.extensions.as_ref().is_some_and(|extensions| {
            !extensions.sources.is_empty()
                || extensions
                    .not
                    .iter()
                    .any(|entry| entry.conditions.needs_source())
        })
    }

    pub(super) fn has_method(&self) -> bool {
        self.method.is_some()
    }

    pub(super) fn header_count(&self) -> usize {
        self.headers.len()
    }

    pub(super) fn query_param_count(&self) -> usize {
        self.query_params.len()
    }

    pub(super) fn extension_count(&self) -> usize {
        self.extensions.as_ref().map_or(0, |extensions| {
            let sources = usize::from(!extensions.sources.is_empty());
            [
                extensions.cookies.len(),
                sources,
                extensions.claims.len(),
                extensions.not.len(),
            ]
            .into_iter()
            .fold(0, usize::saturating_add)
        })
    }
}

impl Extensions {
    fn hold(&self, head: &RequestHead) -> bool {
        self.cookies.iter().all(|cookie| {
            head.cookie(cookie.name.as_bytes())
                .is_some_and(|value| cookie.value.matches(value))
        }) && (self.sources.is_empty()
            || head
                .source
                .is_some_and(|source| self.sources.iter().any(|cidr| cidr.contains(source))))
            && self.claims_hold(head)
            && !self.not.iter().any(|entry| entry.holds(head))
    }

    fn claims_hold(&self, head: &RequestHead) -> bool {
        if self.claims.is_empty() {
            return true;
        }
        let Some(claims) = head.bearer_token().and_then(jwt::claims) else {
            return false;
        };
        self.claims.iter().all(|claim| {
            jwt::values(&claims, &claim.name)
                .iter()
                .any(|value| claim.value.matches(value.as_bytes()))
        })
    }
}

impl Forbidden {
    fn holds(&self, head: &RequestHead) -> bool {
        self.path
            .as_ref()
            .is_none_or(|path| path.matches(head.path()))
            && self.conditions.hold(head)
    }
}

impl ValueMatch {
    fn matches(&self, value: &[u8]) -> bool {
        match self {
            ValueMatch::Exact(exact) => value == exact.as_bytes(),
            ValueMatch::Regex(pattern) => pattern.matches(value),
        }
    }
}

/// Compiles the path and the conditions of one match. The error's path is relative to the match.
pub(crate) fn compile(
    kind: RouteKind,
    spec: &MatchSpec,
) -> Result<(PathMatch, Conditions), (String, InvalidMatch)> {
    let path = path(kind, spec)?;
    Ok((path, conditions(kind, spec, true)?))
}

fn path(kind: RouteKind, spec: &MatchSpec) -> Result<PathMatch, (String, InvalidMatch)> {
    match (kind, &spec.method) {
        (RouteKind::HTTPRoute, Some(MethodSpec::Grpc(_))) => {
            Err(("method".into(), InvalidMatch::WrongKind("HTTPRoute")))
        }
        (RouteKind::HTTPRoute, _) => {
            PathMatch::http(spec.path.as_ref()).map_err(|error| ("path.value".into(), error))
        }
        (RouteKind::GRPCRoute, Some(MethodSpec::Http(_))) => {
            Err(("method".into(), InvalidMatch::WrongKind("GRPCRoute")))
        }
        (RouteKind::GRPCRoute, _) if spec.path.is_some() => {
            Err(("path".into(), InvalidMatch::WrongKind("GRPCRoute")))
        }
        (RouteKind::GRPCRoute, Some(MethodSpec::Grpc(grpc))) => {
            PathMatch::grpc(Some(grpc)).map_err(|error| ("method".into(), error))
        }
        (RouteKind::GRPCRoute, None) => {
            PathMatch::grpc(None).map_err(|error| ("method".into(), error))
        }
    }
}

fn conditions(
    kind: RouteKind,
    spec: &MatchSpec,
    outermost: bool,
) -> Result<Conditions, (String, InvalidMatch)> {
    let method = match &spec.method {
        Some(MethodSpec::Http(method)) if !is_token(method.as_bytes()) => {
            return Err(("method".into(), InvalidMatch::Method(method.clone())));
        }
        Some(MethodSpec::Http(method)) => Some(method.as_str().into()),
        _ => None,
    };
    Ok(Conditions {
        method,
        headers: named("headers", &spec.headers, header_name)?,
        query_params: named("queryParams", &spec.query_params, any_name)?,
        extensions: extensions(kind, spec, outermost)?.map(Box::new),
    })
}

fn extensions(
    kind: RouteKind,
    spec: &MatchSpec,
    outermost: bool,
) -> Result<Option<Extensions>, (String, InvalidMatch)> {
    let sources = spec.source_cidrs.iter().enumerate().map(|(at, text)| {
        text.parse()
            .map_err(|error| (format!("sourceCIDRs[{at}]"), error))
    });
    let not = spec.not.iter().enumerate().map(|(at, entry)| {
        forbidden(kind, entry, outermost).map_err(|(path, error)| {
            (
                if path.is_empty() {
                    format!("not[{at}]")
                } else {
                    format!("not[{at}].{path}")
                },
                error,
            )
        })
    });
    let extensions = Extensions {
        cookies: named("cookies", &spec.cookies, any_name)?,
        sources: sources.collect::<Result<_, _>>()?,
        claims: named("jwtClaims", &spec.jwt_claims, any_name)?,
        not: not.collect::<Result<_, _>>()?,
    };
    Ok((extensions != Extensions::default()).then_some(extensions))
}

fn forbidden(
    kind: RouteKind,
    spec: &MatchSpec,
    outermost: bool,
) -> Result<Forbidden, (String, InvalidMatch)> {
    if !outermost {
        return Err((String::new(), InvalidMatch::NestedNot));
    }
    let asks_path = spec.path.is_some() || matches!(spec.method, Some(MethodSpec::Grpc(_)));
    let path = if asks_path {
        Some(path(kind, spec)?)
    } else {
        None
    };
    let conditions = conditions(kind, spec, false)?;
    if path.is_none() && conditions.is_empty() {
        return Err((String::new(), InvalidMatch::EmptyNot));
    }
    Ok(Forbidden { path, conditions })
}

/// "If multiple entries specify equivalent header names, only the first entry with an equivalent
/// name MUST be considered for a match. Subsequent entries […] MUST be ignored." The same is said
/// of query parameters.
fn named(
    field: &str,
    specs: &[NamedMatchSpec],
    canonical: fn(&str) -> Result<Box<str>, InvalidMatch>,
) -> Result<Box<[NamedMatch]>, (String, InvalidMatch)> {
    let mut matches: Vec<NamedMatch> = Vec::with_capacity(specs.len());
    for (at, spec) in specs.iter().enumerate() {
        let place = |member| move |error| (format!("{field}[{at}].{member}"), error);
        let name = canonical(&spec.name).map_err(place("name"))?;
        let value = match spec.kind.unwrap_or(MatchKind::Exact) {
            MatchKind::Exact => ValueMatch::Exact(spec.value.as_str().into()),
            MatchKind::RegularExpression => {
                ValueMatch::Regex(Pattern::new(&spec.value).map_err(place("value"))?)
            }
            MatchKind::PathPrefix => return Err(place("type")(InvalidMatch::PrefixOfValue)),
        };
        if matches.iter().all(|earlier| earlier.name != name) {
            matches.push(NamedMatch { name, value });
        }
    }
    Ok(matches.into())
}

fn header_name(name: &str) -> Result<Box<str>, InvalidMatch> {
    if is_token(name.as_bytes()) {
        Ok(name.to_ascii_lowercase().into())
    } else {
        Err(InvalidMatch::HeaderName(name.to_owned()))
    }
}

fn any_name(name: &str) -> Result<Box<str>, InvalidMatch> {
    if name.is_empty() {
        Err(InvalidMatch::EmptyName)
    } else {
        Ok(name.into())
    }
}

#[cfg(test)]
mod tests;
