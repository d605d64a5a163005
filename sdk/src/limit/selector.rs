//! Which requests a rule is for, and what tells their clients apart.

use super::spec::{
    PathSelectorSpec, SelectorSpec, SourceSelectorSpec, SourceSelectorType, ValueSelectorSpec,
    ValueSelectorType,
};
use crate::header::is_token;
use crate::host::HostError;
use crate::key::{Key, Subject};
use crate::route::spec::MatchKind;
use crate::route::{Cidr, InvalidConfig, Pattern};
use std::borrow::Cow;

/// The values of the conditions that tell clients apart, in the order of the conditions.
pub(super) type Distinct<'a> = Vec<Cow<'a, [u8]>>;

/// The conditions of a rule, all ANDed: "All individual select conditions must hold True for this
/// rule and its limit to be applied."
#[derive(Debug)]
pub(super) struct Selector {
    conditions: Vec<Condition>,
}

/// One condition, and how Envoy Gateway writes it into a descriptor.
#[derive(Debug)]
pub(super) struct Condition {
    test: Test,
    invert: bool,
    /// Descriptor entries; a value that is absent is the client's.
    pub(super) entries: Vec<(Box<str>, Option<Box<str>>)>,
}

#[derive(Debug)]
enum Test {
    Exact(Key, Box<[u8]>),
    Regex(Key, Pattern),
    Distinct(Key),
    Methods(Vec<(Box<[u8]>, bool)>),
    Path(PathTest),
    Network { network: Cidr, distinct: bool },
}

/// Envoy Gateway compares `:path` as it is, with its query.
#[derive(Debug)]
enum PathTest {
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Regex(Pattern),
}

impl Selector {
    /// Compiles the selectors of a rule. The rule's number and the order of the conditions are those
    /// of Envoy Gateway's descriptors.
    pub(super) fn new(specs: &[SelectorSpec], rule: usize) -> Result<Self, InvalidConfig> {
        let mut selector = Selector {
            conditions: Vec::new(),
        };
        for (at, spec) in specs.iter().enumerate() {
            if *spec == SelectorSpec::default() {
                let place = format_args!("clientSelectors[{at}]");
                return Err(InvalidConfig::new(
                    place,
                    "a selector has at least one condition",
                ));
            }
        }
        let entry = |number: usize| format!("rule-{rule}-match-{number}");
        selector.values(specs, "headers", |spec| &spec.headers, Key::header, entry)?;
        let headers = selector.conditions.len();
        selector.methods(specs, rule)?;
        for (at, spec) in specs.iter().enumerate() {
            if let Some(path) = &spec.path {
                let place =
                    |error: InvalidConfig| error.within(format_args!("clientSelectors[{at}].path"));
                selector.path(path, rule).map_err(place)?;
            }
        }
        for (at, spec) in specs.iter().enumerate() {
            if let Some(source) = &spec.source_cidr {
                let place = |error: InvalidConfig| {
                    error.within(format_args!("clientSelectors[{at}].sourceCIDR"))
                };
                selector.network(source).map_err(place)?;
            }
        }
        let entry = |number: usize| format!("rule-{rule}-match-{}", headers.saturating_add(number));
        selector.values(
            specs,
            "queryParams",
            |spec| &spec.query_params,
            named(Key::QueryParam),
            entry,
        )?;
        let entry = |number: usize| format!("rule-{rule}-cookie-{number}");
        selector.values(
            specs,
            "cookies",
            |spec| &spec.cookies,
            named(Key::Cookie),
            entry,
        )?;
        let entry = |number: usize| format!("rule-{rule}-claim-{number}");
        selector.values(
            specs,
            "jwtClaims",
            |spec| &spec.jwt_claims,
            named(Key::JwtClaim),
            entry,
        )?;
        Ok(selector)
    }

    /// Whether every request is meant.
    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    pub(super) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// What tells the client apart, if the rule is for this request.
    pub(super) fn select<'s>(
        &self,
        subject: &Subject<'s>,
    ) -> Result<Option<Distinct<'s>>, HostError> {
        let mut distinct = Vec::new();
        for condition in &self.conditions {
            let holds = match &condition.test {
                Test::Exact(key, value) => key.is(subject, |found| *found == **value)?,
                Test::Regex(key, pattern) => key.is(subject, |found| pattern.matches(found))?,
                Test::Distinct(key) => match key.value(subject)? {
                    Some(value) => {
                        distinct.push(value);
                        true
                    }
                    None => false,
                },
                Test::Methods(methods) => any_method(methods, subject.head.method()),
                Test::Path(path) => path.matches(subject),
                Test::Network {
                    network,
                    distinct: apart,
                } => {
                    let source = subject.source()?;
                    let inside =
                        source.filter(|source| network.contains(*source) != condition.invert);
                    if let (true, Some(source)) = (apart, inside) {
                        distinct.push(Cow::Owned(source.to_string().into_bytes()));
                    }
                    inside.is_some() != condition.invert
                }
            };
            if holds == condition.invert {
                return Ok(None);
            }
        }
        Ok(Some(distinct))
    }

    /// The conditions of one field in all selectors, numbered throughout.
    fn values(
        &mut self,
        specs: &[SelectorSpec],
        field: &str,
        of: impl Fn(&SelectorSpec) -> &[ValueSelectorSpec],
        key: impl Fn(&str) -> Result<Key, InvalidConfig>,
        entry: impl Fn(usize) -> String,
    ) -> Result<(), InvalidConfig> {
        let mut number = 0;
        for (at, spec) in specs.iter().enumerate() {
            for (index, value) in of(spec).iter().enumerate() {
                let place = |error: InvalidConfig| {
                    error.within(format_args!("clientSelectors[{at}].{field}[{index}]"))
                };
                let key = key(&value.name).map_err(|error| place(error.within("name")))?;
                self.value(value, key, entry(number)).map_err(place)?;
                number = number.saturating_add(1);
            }
        }
        Ok(())
    }

    fn value(
        &mut self,
        spec: &ValueSelectorSpec,
        key: Key,
        entry: String,
    ) -> Result<(), InvalidConfig> {
        let invert = spec.invert.unwrap_or(false);
        let value = || {
            spec.value
                .as_deref()
                .ok_or_else(|| InvalidConfig::new("value", "the value is missing"))
        };
        let test = match spec.kind {
            ValueSelectorType::Distinct if invert => {
                return Err(InvalidConfig::new("invert", "Distinct cannot be inverted"));
            }
            ValueSelectorType::Distinct if spec.value.is_some() => {
                return Err(InvalidConfig::new("value", "Distinct has no value"));
            }
            ValueSelectorType::Distinct => Test::Distinct(key),
            ValueSelectorType::Exact => Test::Exact(key, value()?.as_bytes().into()),
            ValueSelectorType::RegularExpression => Test::Regex(key, pattern(value()?)?),
        };
        let apart = spec.kind == ValueSelectorType::Distinct;
        let value = (!apart).then(|| entry.as_str().into());
        self.conditions.push(Condition {
            test,
            invert,
            entries: vec![(entry.into(), value)],
        });
        Ok(())
    }

    /// The methods of all selectors are one condition, as in Envoy Gateway.
    fn methods(&mut self, specs: &[SelectorSpec], rule: usize) -> Result<(), InvalidConfig> {
        let mut methods = Vec::new();
        for (at, spec) in specs.iter().enumerate() {
            for (index, method) in spec.methods.iter().enumerate() {
                if !is_token(method.value.as_bytes()) {
                    let place = format_args!("clientSelectors[{at}].methods[{index}].value");
                    return Err(InvalidConfig::new(
                        place,
                        format_args!("`{}`: not an HTTP method", method.value),
                    ));
                }
                methods.push((
                    method.value.as_bytes().into(),
                    method.invert.unwrap_or(false),
                ));
            }
        }
        if methods.is_empty() {
            return Ok(());
        }
        let entry: Box<str> = format!("rule-{rule}-method").into();
        self.conditions.push(Condition {
            test: Test::Methods(methods),
            invert: false,
            entries: vec![(entry.clone(), Some(entry))],
        });
        Ok(())
    }

    fn path(&mut self, spec: &PathSelectorSpec, rule: usize) -> Result<(), InvalidConfig> {
        let value = spec.value.as_str();
        let test = match spec.kind.unwrap_or(MatchKind::PathPrefix) {
            MatchKind::Exact => PathTest::Exact(value.as_bytes().into()),
            MatchKind::PathPrefix => {
                PathTest::Prefix(value.trim_end_matches('/').as_bytes().into())
            }
            MatchKind::RegularExpression => PathTest::Regex(pattern(value)?),
        };
        let entry: Box<str> = format!("rule-{rule}-path").into();
        self.conditions.push(Condition {
            test: Test::Path(test),
            invert: spec.invert.unwrap_or(false),
            entries: vec![(entry.clone(), Some(entry))],
        });
        Ok(())
    }

    fn network(&mut self, spec: &SourceSelectorSpec) -> Result<(), InvalidConfig> {
        let invalid = |error| InvalidConfig::new("value", error);
        let network: Cidr = spec.value.parse().map_err(invalid)?;
        let invert = spec.invert.unwrap_or(false);
        let distinct = spec.kind == SourceSelectorType::Distinct;
        let masked = format!("{}{network}", if invert { "invert:" } else { "" });
        let mut entries = vec![("masked_remote_address".into(), Some(masked.into()))];
        if distinct {
            entries.push(("remote_address".into(), None));
        }
        self.conditions.push(Condition {
            test: Test::Network { network, distinct },
            invert,
            entries,
        });
        Ok(())
    }
}

/// "Multiple method values are ORed together"; of inverted ones, none must be the method.
fn any_method(methods: &[(Box<[u8]>, bool)], method: &[u8]) -> bool {
    let is = |inverted: bool| {
        let mut listed = methods.iter().filter(move |listed| listed.1 == inverted);
        listed.any(|listed| *listed.0 == *method)
    };
    let inverted = methods.iter().any(|listed| listed.1);
    is(false) || (inverted && !is(true))
}

/// A name that only has to be there.
fn named(key: fn(Box<str>) -> Key) -> impl Fn(&str) -> Result<Key, InvalidConfig> {
    move |name| match name {
        "" => Err(InvalidConfig::new("", "the name is empty")),
        name => Ok(key(name.into())),
    }
}

fn pattern(value: &str) -> Result<Pattern, InvalidConfig> {
    Pattern::new(value).map_err(|error| InvalidConfig::new("value", error))
}

impl PathTest {
    /// Envoy Gateway makes of a prefix the expression `^prefix(/.*|\?.*|#.*|;.*|$)`.
    fn matches(&self, subject: &Subject) -> bool {
        let path = subject.head.values(b":path").next().unwrap_or_default();
        match self {
            PathTest::Exact(exact) => *path == **exact,
            PathTest::Prefix(prefix) => path
                .strip_prefix(&**prefix)
                .is_some_and(|rest| rest.first().is_none_or(|next| b"/?#;".contains(next))),
            PathTest::Regex(pattern) => pattern.matches(path),
        }
    }
}

#[cfg(test)]
mod tests;
