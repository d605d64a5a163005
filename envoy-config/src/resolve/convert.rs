//! A route to the rules that the route-match filter reads.

mod extension;
mod filters;

pub(crate) use extension::refusing;

use crate::load::model::{BackendRef, Route, RouteRule};
use crate::load::route_filter::RouteMatchFilter;
use crate::load::{Manifests, Object};
use crate::report::{Condition, Report};
use crate::resolve::backend::{self, Resolved};
use crate::resolve::native::{Mirror, NativeSettings};
use filters::{Refusal, RuleFilters, merge_rewrites};
use gateway_filter_sdk::route::spec::{
    BackendRefSpec, FilterSpec, MatchKind, MatchSpec, RouteKind, RuleSpec, RulesSpec,
    ValueMatchSpec,
};
use serde_json::Value;

/// A route, converted.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) spec: RulesSpec,
    /// Of each rule of `spec`, in order.
    pub(crate) rules: Vec<ConvertedRule>,
}

/// What a rule needs besides the `route-match` filter.
#[derive(Debug, Default)]
pub(crate) struct ConvertedRule {
    /// Its valid backends, in order and with repetitions.
    pub(crate) backends: Vec<Resolved>,
    /// Those that copies of requests go to.
    pub(crate) mirrors: Vec<Resolved>,
    pub(crate) native: NativeSettings,
}

impl Converted {
    /// The valid backends of all rules, mirrors among them, with repetitions.
    pub(crate) fn backends(&self) -> impl Iterator<Item = &Resolved> {
        let rules = self.rules.iter();
        rules.flat_map(|rule| rule.backends.iter().chain(&rule.mirrors))
    }
}

/// Converts an attached route; reports what is not as it should be.
pub(crate) fn convert(
    manifests: &Manifests,
    route: &Object<Route>,
    report: &mut Report,
) -> Converted {
    let mut converter = Converter {
        manifests,
        route,
        report,
    };
    let spec = &route.value.spec;
    // "Rules: default [{matches: [{path: {type: PathPrefix, value: /}}]}]", of HTTPRoute alone.
    let default = [RouteRule::default()];
    let rules = match (&spec.rules, route.value.kind) {
        (Some(rules), _) => rules.as_slice(),
        (None, RouteKind::HTTPRoute) => &default,
        (None, RouteKind::GRPCRoute) => &[],
    };
    let (specs, rules) = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| converter.rule(index, rule))
        .unzip();
    let hostnames = spec.hostnames.clone().unwrap_or_default();
    Converted {
        spec: RulesSpec {
            hostnames,
            rules: specs,
            ..RulesSpec::default()
        },
        rules,
    }
}

struct Converter<'a> {
    manifests: &'a Manifests,
    route: &'a Object<Route>,
    report: &'a mut Report,
}

impl Converter<'_> {
    fn rule(&mut self, index: usize, rule: &RouteRule) -> (RuleSpec, ConvertedRule) {
        let path = format!("spec.rules[{index}]");
        let matches = rule.matches.clone().unwrap_or_default();
        let name = rule.name.clone();
        let filters = self.filters(&path, rule.filters.as_deref(), true);
        let Ok(RuleFilters {
            filters,
            matches: conditions,
            native,
            mirrors,
        }) = filters
        else {
            let refused = extension::refusing(RuleSpec {
                name,
                matches,
                ..RuleSpec::default()
            });
            return (refused, ConvertedRule::default());
        };
        let mut converted = ConvertedRule {
            backends: Vec::new(),
            mirrors,
            native: NativeSettings {
                timeouts: rule.timeouts.clone(),
                retry: rule.retry.clone(),
                session_persistence: rule.session_persistence.is_some(),
                ..native
            },
        };
        let matches = and(matches, &conditions, self.route.value.kind);
        let mut backend_refs = Vec::new();
        for (number, backend) in rule.backend_refs.iter().flatten().enumerate() {
            let path = format!("{path}.backendRefs[{number}]");
            backend_refs.push(self.backend(&path, backend, &mut converted));
        }
        let spec = RuleSpec {
            name,
            matches,
            filters,
            backend_refs,
            ..RuleSpec::default()
        };
        (spec, converted)
    }

    fn backend(
        &mut self,
        path: &str,
        backend: &BackendRef,
        rule: &mut ConvertedRule,
    ) -> BackendRefSpec {
        let resolved = backend::resolve(self.manifests, self.route, backend);
        let own = self.route.document.namespace();
        let mut spec = BackendRefSpec {
            group: backend.group.clone(),
            kind: backend.kind.clone(),
            name: backend.name.clone(),
            namespace: Some(backend.namespace.as_deref().unwrap_or(own).to_owned()),
            port: backend.port,
            weight: backend.weight,
            filters: Vec::new(),
            invalid: None,
        };
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err((reason, message)) => {
                let condition = Condition::resolved_refs(reason);
                self.report
                    .refuse(&self.route.document, path, condition, message);
                spec.invalid = Some(reason.to_owned());
                return spec;
            }
        };
        match self.filters(path, backend.filters.as_deref(), false) {
            Ok(mut found) => {
                spec.filters = found.filters;
                for mirror in &mut found.native.mirrors {
                    mirror.of = Some(resolved.id());
                }
                rule.native.mirrors.append(&mut found.native.mirrors);
                rule.mirrors.append(&mut found.mirrors);
                rule.backends.push(resolved);
            }
            Err(reason) => spec.invalid = Some(reason.to_owned()),
        }
        spec
    }

    /// The filters of a rule, or of a backendRef. The error is the reason, already reported.
    fn filters(
        &mut self,
        owner: &str,
        filters: Option<&[Value]>,
        of_rule: bool,
    ) -> Result<RuleFilters, &'static str> {
        let mut found = RuleFilters::default();
        for (index, filter) in filters.unwrap_or_default().iter().enumerate() {
            let path = format!("{owner}.filters[{index}]");
            if let Err(refusal) = self.filter(&path, filter, of_rule, &mut found) {
                return Err(self.refuse(&path, refusal));
            }
        }
        merge_rewrites(&mut found.filters)
            .map_err(|refusal| self.refuse(&format!("{owner}.filters"), refusal))?;
        Ok(found)
    }

    fn refuse(&mut self, path: &str, Refusal { condition, message }: Refusal) -> &'static str {
        let reason = condition.reason;
        self.report
            .refuse(&self.route.document, path, condition, message);
        reason
    }

    fn filter(
        &mut self,
        path: &str,
        filter: &Value,
        of_rule: bool,
        found: &mut RuleFilters,
    ) -> Result<(), Refusal> {
        match filter
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
        {
            "RequestMirror" => {
                self.mirror(path, filter, found);
                Ok(())
            }
            "ExtensionRef" if of_rule => {
                let reference = filter.get("extensionRef").unwrap_or(&Value::Null);
                extension::apply(self.manifests, self.route, reference, found)
            }
            kind @ ("ExtensionRef" | "ExternalAuth") => Err(Refusal::unsupported(format!(
                "a filter of type {kind} is not supported here"
            ))),
            _ => {
                let spec: FilterSpec = serde_path_to_error::deserialize(filter)
                    .map_err(|error| Refusal::unsupported(error.to_string()))?;
                found.filters.push(spec);
                Ok(())
            }
        }
    }

    /// "If the referent cannot be found, this BackendRef is invalid and must be dropped from the
    /// Gateway": the requests themselves are served.
    fn mirror(&mut self, path: &str, filter: &Value, found: &mut RuleFilters) {
        let backend = filter
            .pointer("/requestMirror/backendRef")
            .unwrap_or(&Value::Null);
        let resolved = serde_json::from_value::<BackendRef>(backend.clone())
            .map_err(|error| ("UnsupportedValue", error.to_string()))
            .and_then(|backend| backend::resolve(self.manifests, self.route, &backend));
        match resolved {
            Ok(resolved) => {
                found.native.mirrors.push(Mirror::new(filter, &resolved));
                found.mirrors.push(resolved);
            }
            Err((reason, message)) => {
                let path = format!("{path}.requestMirror.backendRef");
                let condition = Condition::resolved_refs(reason);
                self.report
                    .refuse(&self.route.document, &path, condition, message);
            }
        }
    }
}

/// "When both HTTPRouteRule.Matches and HTTPRouteFilter.Matches are set, the effective matching is
/// the logical AND of the two sets." Both are ORs, so this is every pair.
fn and(
    matches: Vec<MatchSpec>,
    conditions: &[RouteMatchFilter],
    kind: RouteKind,
) -> Vec<MatchSpec> {
    if conditions.is_empty() {
        return matches;
    }
    let mut matches = matches;
    if matches.is_empty() {
        let path = (kind == RouteKind::HTTPRoute).then(|| ValueMatchSpec {
            kind: Some(MatchKind::PathPrefix),
            value: Some("/".to_owned()),
        });
        matches.push(MatchSpec {
            path,
            ..MatchSpec::default()
        });
    }
    let pair = |base: &MatchSpec, condition: &RouteMatchFilter| MatchSpec {
        cookies: condition.cookies.iter().map(Into::into).collect(),
        ..base.clone()
    };
    let pairs = matches
        .iter()
        .flat_map(|base| conditions.iter().map(move |one| pair(base, one)));
    pairs.collect()
}
