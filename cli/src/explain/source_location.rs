//! Where things are written: from routes, listeners and policies to file and line.

use gateway_bundle::{Document, Entry, ListenerInfo, Manifests, Report, Severity};
use gateway_filter_sdk::route::spec::RouteKind;
use serde_json::Value;

use super::facts::{ConditionFacts, SourceLocation};

/// The manifests, and what was refused of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct SourceMap<'m> {
    pub(super) manifests: &'m Manifests,
    pub(super) report: &'m Report,
}

/// A rule of a route, as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuleSource<'m> {
    document: &'m Document,
    rule: usize,
}

impl<'m> SourceMap<'m> {
    /// The rule with this index, of the route with this `<namespace>/<name>`.
    pub(super) fn rule(&self, kind: RouteKind, route: &str, rule: usize) -> Option<RuleSource<'m>> {
        let kind = kind_name(kind);
        let document = self.object(kind, route)?;
        Some(RuleSource { document, rule })
    }

    /// Where a listener of a Gateway, or of a ListenerSet attached to it, is written.
    pub(super) fn listener(&self, listener: &ListenerInfo) -> Option<SourceLocation> {
        let parts: Vec<&str> = listener.name.split('/').collect();
        let (kind, owner) = match parts.as_slice() {
            [namespace, gateway, _] => ("Gateway", format!("{namespace}/{gateway}")),
            [_, _, namespace, set, _] => ("ListenerSet", format!("{namespace}/{set}")),
            _ => return None,
        };
        let document = self.object(kind, &owner)?;
        let at = named(document.value(), "/spec/listeners", &listener.section)?;
        Some(place(document, &format!("spec.listeners[{at}]")))
    }

    /// The entry of that name in a list of the configuration of a filter, or else the
    /// BackendTrafficPolicy with that `<namespace>/<name>`.
    pub(super) fn policy(&self, list: &str, name: &str) -> Option<SourceLocation> {
        let configured = |document: &'m Document| {
            let filters = document.value().pointer("/spec/wasm")?.as_array()?;
            // In `gateway` the list is in the part for its stage.
            let places = ["", "limits/", "canaries/"].map(|part| format!("config/{part}{list}"));
            let mut found = filters.iter().enumerate().flat_map(|(filter, one)| {
                let places = places.iter();
                places.filter_map(move |list| {
                    let at = named(one, &format!("/{list}"), name)?;
                    let list = list.replace('/', ".");
                    Some(format!("spec.wasm[{filter}].{list}[{at}]"))
                })
            });
            Some(place(document, &found.next()?))
        };
        let mut policies = self.of_kind("EnvoyExtensionPolicy");
        let traffic = || self.object("BackendTrafficPolicy", name);
        policies
            .find_map(configured)
            .or_else(|| Some(place(traffic()?, "spec")))
    }

    /// What was refused of a rule.
    pub(super) fn conditions(&self, rule: RuleSource) -> Vec<ConditionFacts> {
        let object = rule.document.object();
        let (from, to) = rule.lines();
        let is_of_rule = |entry: &&Entry| {
            let within = (from..to).contains(&(entry.line, entry.column));
            within && entry.file == rule.document.file() && entry.object == object
        };
        let refused = self.report.entries.iter();
        let refused = refused.filter(|entry| entry.severity == Severity::Error);
        refused.filter(is_of_rule).map(condition).collect()
    }

    /// What was refused of policies that can make rules answer 500.
    pub(super) fn refused_policies(&self) -> Vec<ConditionFacts> {
        let entries = self.report.entries.iter();
        let refused = entries.filter(|entry| {
            entry.severity == Severity::Error && entry.object.starts_with("BackendTrafficPolicy ")
        });
        refused.map(condition).collect()
    }

    /// What is wrong with a backendRef of a rule.
    pub(super) fn backend(&self, rule: RuleSource, backend: usize) -> Option<ConditionFacts> {
        let path = format!("spec.rules[{}].backendRefs[{backend}]", rule.rule);
        let position = rule.document.position(&path);
        let here = (position.line, position.column);
        let mut entries = self.report.entries.iter();
        let is_here = |entry: &&Entry| {
            entry.file == rule.document.file()
                && (entry.line, entry.column) == here
                && entry.severity == Severity::Error
        };
        entries.find(is_here).map(condition)
    }

    fn object(&self, kind: &str, name: &str) -> Option<&'m Document> {
        let mut documents = self.of_kind(kind);
        documents.find(|one| format!("{}/{}", one.namespace(), one.name()) == name)
    }

    fn of_kind<'k>(&self, kind: &'k str) -> impl Iterator<Item = &'m Document> + use<'m, 'k> {
        let documents = self.manifests.documents();
        documents.filter(move |document| document.kind() == kind)
    }
}

impl RuleSource<'_> {
    /// Where the rule is written.
    pub(super) fn place(&self) -> SourceLocation {
        place(self.document, &format!("spec.rules[{}]", self.rule))
    }

    /// Where one of its matches is, of so many that it came to. Those that an HTTPRouteFilter makes
    /// more of have the rule's place.
    pub(super) fn of_match(&self, index: usize, all: usize) -> SourceLocation {
        match self.written("matches") {
            written if written.len() == all => {
                let path = format!("spec.rules[{}].matches[{index}]", self.rule);
                place(self.document, &path)
            }
            _ => self.place(),
        }
    }

    /// The types of its filters, and of those of a backendRef, with their places.
    pub(super) fn filters(&self, backend: Option<usize>) -> Vec<(String, SourceLocation)> {
        let of_rule = std::iter::once("filters".to_owned());
        let of_backend = backend.map(|at| format!("backendRefs[{at}].filters"));
        let lists = of_rule.chain(of_backend);
        let filters = lists.flat_map(|list| {
            let owner = match (list.as_str(), backend) {
                ("filters", _) | (_, None) => self.value(),
                (_, Some(at)) => self.written("backendRefs").get(at),
            };
            let filters = owner.and_then(|owner| owner.get("filters"));
            let filters = filters.and_then(Value::as_array).map(Vec::as_slice);
            let filters = filters.unwrap_or_default().iter().enumerate();
            filters.map(move |(index, filter)| {
                let path = format!("spec.rules[{}].{list}[{index}]", self.rule);
                let kind = filter.get("type").and_then(Value::as_str);
                (kind.unwrap_or_default().to_owned(), path)
            })
        });
        let found = filters.map(|(kind, path)| (kind, place(self.document, &path)));
        found.collect()
    }

    /// The index of the backendRef that leads to a backend, `<namespace>/<name>:<port>`.
    pub(super) fn backend_of(&self, backend: &str) -> Option<usize> {
        let text = |one: &Value, field: &str| one.get(field)?.as_str().map(str::to_owned);
        self.backend_refs().iter().position(|one| {
            let namespace = text(one, "namespace");
            let namespace = namespace.unwrap_or_else(|| self.document.namespace().to_owned());
            let name = text(one, "name").unwrap_or_default();
            let port = one.get("port").and_then(Value::as_u64).unwrap_or_default();
            format!("{namespace}/{name}:{port}") == backend
        })
    }

    /// The backendRefs as they are written.
    pub(super) fn backend_refs(&self) -> &[Value] {
        self.written("backendRefs")
    }

    fn value(&self) -> Option<&Value> {
        let rules = self.document.value().pointer("/spec/rules")?;
        rules.get(self.rule)
    }

    fn written(&self, list: &str) -> &[Value] {
        let list = self.value().and_then(|rule| rule.get(list));
        let list = list.and_then(Value::as_array).map(Vec::as_slice);
        list.unwrap_or_default()
    }

    /// From its beginning to that of the next rule, as line and column.
    fn lines(&self) -> ((usize, usize), (usize, usize)) {
        let at = |rule: usize| {
            let position = self.document.position(&format!("spec.rules[{rule}]"));
            (position.line, position.column)
        };
        let rules = self.document.value().pointer("/spec/rules");
        let count = rules.and_then(Value::as_array).map_or(0, Vec::len);
        let next = self.rule + 1;
        let end = match next < count {
            true => at(next),
            false => (usize::MAX, 0),
        };
        (at(self.rule), end)
    }
}

/// `HTTPRoute` or `GRPCRoute`.
pub(super) fn kind_name(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::HTTPRoute => "HTTPRoute",
        RouteKind::GRPCRoute => "GRPCRoute",
    }
}

/// The index of the item of that name in a list.
fn named(value: &Value, list: &str, name: &str) -> Option<usize> {
    let items = value.pointer(list)?.as_array()?;
    let is = |item: &Value| item.get("name").and_then(Value::as_str) == Some(name);
    items.iter().position(is)
}

fn place(document: &Document, path: &str) -> SourceLocation {
    SourceLocation {
        file: document.file().to_owned(),
        line: document.position(path).line,
    }
}

fn condition(entry: &Entry) -> ConditionFacts {
    let condition = entry.condition.as_ref();
    ConditionFacts {
        object: entry.object.clone(),
        condition: condition.map(ToString::to_string).unwrap_or_default(),
        message: entry.message.clone(),
        place: SourceLocation {
            file: entry.file.clone(),
            line: entry.line,
        },
    }
}
