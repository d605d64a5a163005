//! The conditions of a match, one by one: what each asks, whether a request fulfils it, and what the
//! request has instead.

use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::key::KeySpec;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::grpc_method;
use gateway_filter_sdk::route::spec::{
    GrpcMethodSpec, MatchKind, MatchSpec, Metadata, MethodSpec, NamedMatchSpec, RouteKind,
    RouteMatchSpec, RouteSpec, RuleSpec, RulesSpec, ValueMatchSpec,
};
use gateway_filter_sdk::router::Router;

use super::facts::Failed;

/// What the condition of the path is called.
pub(super) const PATH: &str = "path";

/// One condition of a match.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// `path`, `header x-version`.
    what: String,
    relation: Relation,
    value: String,
    /// A match with this condition and no other.
    alone: (RouteKind, MatchSpec),
    source: Source,
}

/// How the request's value is compared with that of the condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Prefix,
    Pattern,
    Network,
    Not,
}

/// Where the request has its value.
#[derive(Debug, Clone)]
enum Source {
    Path,
    Method,
    GrpcService,
    GrpcMethod,
    /// Compared as it is written, and of a header all lines.
    Header(String),
    QueryParam(String),
    Key(KeySpec),
    /// The whole request.
    Request,
}

/// All conditions of a match; there is always at least one, of the path.
pub(super) fn parts(kind: RouteKind, spec: &MatchSpec) -> Vec<Part> {
    let mut parts = match kind {
        RouteKind::HTTPRoute => vec![path(spec.path.as_ref())],
        RouteKind::GRPCRoute => grpc(spec.method.as_ref()),
    };
    parts.extend(conditions(spec));
    parts
}

impl Part {
    /// `path prefix /v2`, `header x-version = 2`, `cookie group ~ b.*`.
    pub(super) fn text(&self) -> String {
        let Part { what, value, .. } = self;
        match self.relation {
            Relation::Equal => format!("{what} = {value}"),
            Relation::Prefix => format!("{what} prefix {value}"),
            Relation::Pattern => format!("{what} ~ {value}"),
            Relation::Network => format!("{what} in {value}"),
            Relation::Not => format!("not ({value})"),
        }
    }

    /// The same for every way to write the same condition.
    pub(super) fn canonical(&self) -> String {
        let is_prefix = self.relation == Relation::Prefix && self.value != "/";
        match self.value.strip_suffix('/').filter(|_| is_prefix) {
            Some(value) => Part {
                value: value.to_owned(),
                ..self.clone()
            }
            .text(),
            None => self.text(),
        }
    }

    /// Whether it says little of a request that it fulfils it: every path, a method.
    pub(super) fn is_trivial(&self) -> bool {
        let every_path = self.relation == Relation::Prefix && self.value == "/";
        every_path || matches!(self.source, Source::Method)
    }

    /// What fails of it, if it does.
    pub(super) fn failed(&self, head: &RequestHead) -> Option<Failed> {
        let (kind, alone) = &self.alone;
        (!holds(*kind, alone, head)).then(|| Failed {
            what: self.what.clone(),
            wanted: match self.relation {
                Relation::Equal => self.value.clone(),
                Relation::Prefix => format!("{} or beneath", self.value),
                Relation::Pattern => format!("a match of {}", self.value),
                Relation::Network => format!("an address in {}", self.value),
                Relation::Not => format!("not ({})", self.value),
            },
            got: self.source.value(head),
        })
    }
}

impl Source {
    fn value(&self, head: &RequestHead) -> Option<String> {
        let grpc = || grpc_method(head.path());
        let key = |key: &KeySpec| key.value(head, &MockHost::default());
        let value = match self {
            Source::Path => Some(head.path().to_vec()),
            Source::Method => Some(head.method().to_vec()),
            Source::GrpcService => grpc().map(|(service, _)| service.to_vec()),
            Source::GrpcMethod => grpc().map(|(_, method)| method.to_vec()),
            Source::Header(name) => head.header(name.as_bytes()).map(|value| value.to_vec()),
            Source::QueryParam(name) => head.query_param(name.as_bytes()).map(<[u8]>::to_vec),
            Source::Key(spec) => key(spec),
            Source::Request => Some(b"all of it".to_vec()),
        };
        value.map(|value| String::from_utf8_lossy(&value).into_owned())
    }
}

/// Whether a request fulfils a match, by the compiled match itself.
fn holds(kind: RouteKind, spec: &MatchSpec, head: &RequestHead) -> bool {
    let rule = RuleSpec {
        matches: vec![spec.clone()],
        ..RuleSpec::default()
    };
    let route = RouteSpec {
        api_version: None,
        kind,
        metadata: Metadata {
            namespace: String::new(),
            name: String::new(),
            creation_timestamp: None,
        },
        listeners: None,
        spec: RulesSpec {
            rules: vec![rule],
            ..RulesSpec::default()
        },
    };
    let router = Router::try_from(RouteMatchSpec {
        listeners: Vec::new(),
        routes: vec![route],
    });
    let entries = |router: &Router| {
        let listener = router.listener_for(None, b"")?;
        Some(listener.entries().iter().all(|entry| entry.matches(head)))
    };
    router.ok().as_ref().and_then(entries).unwrap_or(false)
}

fn path(spec: Option<&ValueMatchSpec>) -> Part {
    let kind = spec.and_then(|spec| spec.kind);
    let value = spec.and_then(|spec| spec.value.clone());
    Part {
        what: PATH.into(),
        relation: relation(kind.unwrap_or(MatchKind::PathPrefix)),
        value: value.unwrap_or_else(|| "/".into()),
        alone: (
            RouteKind::HTTPRoute,
            MatchSpec {
                path: spec.cloned(),
                ..MatchSpec::default()
            },
        ),
        source: Source::Path,
    }
}

fn grpc(method: Option<&MethodSpec>) -> Vec<Part> {
    let spec = match method {
        Some(MethodSpec::Grpc(spec)) => spec.clone(),
        _ => GrpcMethodSpec::default(),
    };
    let relation = relation(spec.kind.unwrap_or(MatchKind::Exact));
    let part = |what: &str, value: &Option<String>, alone: GrpcMethodSpec, source| {
        let value = value.clone().filter(|value| !value.is_empty())?;
        Some(Part {
            what: what.to_owned(),
            relation,
            value,
            alone: (
                RouteKind::GRPCRoute,
                MatchSpec {
                    method: Some(MethodSpec::Grpc(alone)),
                    ..MatchSpec::default()
                },
            ),
            source,
        })
    };
    let service = GrpcMethodSpec {
        method: None,
        ..spec.clone()
    };
    let method = GrpcMethodSpec {
        service: None,
        ..spec.clone()
    };
    let parts = [
        part("service", &spec.service, service, Source::GrpcService),
        part("method", &spec.method, method, Source::GrpcMethod),
    ];
    let parts: Vec<Part> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        return parts;
    }
    vec![Part {
        what: PATH.into(),
        relation: Relation::Equal,
        value: "/{service}/{method}".into(),
        alone: (RouteKind::GRPCRoute, MatchSpec::default()),
        source: Source::Path,
    }]
}

/// Those that are not about the path. They are the same for both kinds of route.
fn conditions(spec: &MatchSpec) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(MethodSpec::Http(method)) = &spec.method {
        let alone = MatchSpec {
            method: spec.method.clone(),
            ..any_path()
        };
        parts.push(condition("method", method.clone(), alone, Source::Method));
    }
    parts.extend(named(&spec.headers, "header", |one, name| {
        let headers = vec![one.clone()];
        let alone = MatchSpec {
            headers,
            ..any_path()
        };
        (alone, Source::Header(name.to_ascii_lowercase()))
    }));
    parts.extend(named(&spec.query_params, "query parameter", |one, name| {
        let query_params = vec![one.clone()];
        let alone = MatchSpec {
            query_params,
            ..any_path()
        };
        (alone, Source::QueryParam(name.to_owned()))
    }));
    parts.extend(named(&spec.cookies, "cookie", |one, name| {
        let key = KeySpec {
            cookie: Some(name.to_owned()),
            ..KeySpec::default()
        };
        let cookies = vec![one.clone()];
        let alone = MatchSpec {
            cookies,
            ..any_path()
        };
        (alone, Source::Key(key))
    }));
    if !spec.source_cidrs.is_empty() {
        parts.push(network(&spec.source_cidrs));
    }
    parts.extend(named(&spec.jwt_claims, "claim", |one, name| {
        let key = KeySpec {
            jwt_claim: Some(name.to_owned()),
            ..KeySpec::default()
        };
        let jwt_claims = vec![one.clone()];
        let alone = MatchSpec {
            jwt_claims,
            ..any_path()
        };
        (alone, Source::Key(key))
    }));
    parts.extend(spec.not.iter().map(not));
    parts
}

fn network(networks: &[String]) -> Part {
    let key = KeySpec {
        source_address: Some(true),
        ..KeySpec::default()
    };
    let alone = MatchSpec {
        source_cidrs: networks.to_vec(),
        ..any_path()
    };
    Part {
        relation: Relation::Network,
        ..condition("client", networks.join(", "), alone, Source::Key(key))
    }
}

fn not(spec: &MatchSpec) -> Part {
    let mut parts = match (&spec.path, &spec.method) {
        (Some(_), _) => vec![path(spec.path.as_ref())],
        (None, Some(MethodSpec::Grpc(_))) => grpc(spec.method.as_ref()),
        (None, _) => Vec::new(),
    };
    parts.extend(conditions(spec));
    let texts: Vec<String> = parts.iter().map(Part::canonical).collect();
    let alone = MatchSpec {
        not: vec![spec.clone()],
        ..any_path()
    };
    let mut part = condition("not", texts.join(", "), alone, Source::Request);
    if matches!(spec.method, Some(MethodSpec::Grpc(_))) {
        part.alone.0 = RouteKind::GRPCRoute;
        part.alone.1.path = None;
    }
    Part {
        relation: Relation::Not,
        ..part
    }
}

/// "Subsequent entries with an equivalent name MUST be ignored."
fn named(
    specs: &[NamedMatchSpec],
    what: &str,
    alone: impl Fn(&NamedMatchSpec, &str) -> (MatchSpec, Source),
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for one in specs {
        let name = match what {
            "header" => one.name.to_ascii_lowercase(),
            _ => one.name.clone(),
        };
        let (alone, source) = alone(one, &name);
        let part = Part {
            relation: relation(one.kind.unwrap_or(MatchKind::Exact)),
            ..condition(&format!("{what} {name}"), one.value.clone(), alone, source)
        };
        if parts.iter().all(|earlier| earlier.what != part.what) {
            parts.push(part);
        }
    }
    parts
}

fn condition(what: &str, value: String, alone: MatchSpec, source: Source) -> Part {
    Part {
        what: what.to_owned(),
        relation: Relation::Equal,
        value,
        alone: (RouteKind::HTTPRoute, alone),
        source,
    }
}

/// A match that every path fulfils, `*` among them.
fn any_path() -> MatchSpec {
    let every = ValueMatchSpec {
        kind: Some(MatchKind::RegularExpression),
        value: Some(".*".into()),
    };
    MatchSpec {
        path: Some(every),
        ..MatchSpec::default()
    }
}

fn relation(kind: MatchKind) -> Relation {
    match kind {
        MatchKind::Exact => Relation::Equal,
        MatchKind::PathPrefix => Relation::Prefix,
        MatchKind::RegularExpression => Relation::Pattern,
    }
}

#[cfg(test)]
mod tests;
