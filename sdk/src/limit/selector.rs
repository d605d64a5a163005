//! Which requests a rule is for, and what tells their clients apart.

use super::key::{Key, Subject};
use super::spec::{
    PathSelectorSpec, SelectorSpec, SourceSelectorSpec, SourceSelectorType, ValueSelectorSpec,
    ValueSelectorType,
};
use crate::header::is_token;
use crate::host::HostError;
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
mod tests {
    use super::*;
    use crate::host::mock::MockHost;
    use crate::request::RequestHead;

    /// What tells the client apart, joined by `|`.
    fn selected(selectors: &str, entries: &[(&str, &str)]) -> Option<String> {
        let specs: Vec<SelectorSpec> = serde_json::from_str(selectors).unwrap();
        let selector = Selector::new(&specs, 0).unwrap();
        let host = MockHost::default().attribute("source.address", "10.1.2.3:99");
        let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        let distinct = selector.select(&Subject::new(&head, &host)).unwrap()?;
        Some(
            distinct
                .iter()
                .map(|value| String::from_utf8_lossy(value))
                .collect::<Vec<_>>()
                .join("|"),
        )
    }

    #[test]
    fn conditions_are_anded_over_all_selectors() {
        let selectors = r#"[{"headers": [{"name": "A", "value": "1"}, {"name": "b", "type": "Distinct"}]},
                            {"sourceCIDR": {"type": "Distinct", "value": "10.0.0.0/8"}, "methods": [{"value": "GET"}]}]"#;
        let get = (":method", "GET");
        assert_eq!(
            selected(selectors, &[get, ("a", "1"), ("b", "x")]).as_deref(),
            Some("x|10.1.2.3")
        );
        assert_eq!(selected(selectors, &[get, ("a", "2"), ("b", "x")]), None);
        assert_eq!(selected(selectors, &[get, ("a", "1")]), None);
        assert_eq!(
            selected(selectors, &[(":method", "PUT"), ("a", "1"), ("b", "x")]),
            None
        );
    }

    #[test]
    fn inverted_conditions_hold_for_what_is_absent_too() {
        let header = r#"[{"headers": [{"name": "a", "value": "1", "invert": true}]}]"#;
        assert!(selected(header, &[]).is_some() && selected(header, &[("a", "2")]).is_some());
        assert_eq!(selected(header, &[("a", "1")]), None);
        let regex = r#"[{"queryParams": [{"name": "q", "type": "RegularExpression", "value": "[0-9]+", "invert": true}]}]"#;
        assert!(selected(regex, &[(":path", "/?q=x")]).is_some());
        assert_eq!(selected(regex, &[(":path", "/?q=12")]), None);
    }

    #[test]
    fn methods_are_ored_and_inverted_ones_excluded() {
        let method = |name| [(":method", name)];
        let two = r#"[{"methods": [{"value": "GET"}, {"value": "PUT"}]}]"#;
        assert!(
            selected(two, &method("PUT")).is_some() && selected(two, &method("POST")).is_none()
        );
        let not = r#"[{"methods": [{"value": "GET", "invert": true}, {"value": "PUT", "invert": true}]}]"#;
        assert!(
            selected(not, &method("POST")).is_some() && selected(not, &method("PUT")).is_none()
        );
    }

    #[test]
    fn networks_are_inside_or_outside() {
        let with = |rest: &str| format!(r#"[{{"sourceCIDR": {{{rest}}}}}]"#);
        assert_eq!(
            selected(&with(r#""value": "10.0.0.0/8""#), &[]).as_deref(),
            Some("")
        );
        assert_eq!(selected(&with(r#""value": "192.168.0.0/16""#), &[]), None);
        assert_eq!(
            selected(&with(r#""value": "10.0.0.0/8", "invert": true"#), &[]),
            None
        );
        let outside = with(r#""value": "192.168.0.0/16", "invert": true, "type": "Distinct""#);
        assert_eq!(selected(&outside, &[]).as_deref(), Some("10.1.2.3"));
        assert_eq!(
            selected(&with(r#""value": "::/0""#), &[]),
            None,
            "an IPv4 client"
        );
    }

    #[test]
    fn paths_have_their_query() {
        let path = |kind: &str, value: &str, path: &str| {
            let selector = format!(r#"[{{"path": {{"type": "{kind}", "value": "{value}"}}}}]"#);
            selected(&selector, &[(":path", path)]).is_some()
        };
        assert!(path("Exact", "/a", "/a") && !path("Exact", "/a", "/a?x"));
        for inside in ["/a", "/a/", "/a/b", "/a?x", "/a#x", "/a;x"] {
            assert!(
                path("PathPrefix", "/a", inside) && path("PathPrefix", "/a/", inside),
                "{inside}"
            );
        }
        assert!(!path("PathPrefix", "/a", "/ab") && path("PathPrefix", "/", "/ab"));
        assert!(
            path("RegularExpression", "/a.*", "/a?x") && !path("RegularExpression", "/a", "/a?x")
        );
    }

    /// Envoy Gateway 1.9, internal/xds/translator/ratelimit.go: headers, method, path, network, query.
    #[test]
    fn conditions_are_named_as_envoy_gateway_names_them() {
        let specs = r#"[{"queryParams": [{"name": "q", "type": "Distinct"}], "headers": [{"name": "a", "value": "1"}],
                         "sourceCIDR": {"value": "10.1.2.3/8", "type": "Distinct", "invert": true}},
                        {"headers": [{"name": "b", "type": "Distinct"}], "methods": [{"value": "GET"}], "path": {"value": "/"}}]"#;
        let specs: Vec<SelectorSpec> = serde_json::from_str(specs).unwrap();
        let selector = Selector::new(&specs, 2).unwrap();
        let entries = selector
            .conditions
            .iter()
            .flat_map(|condition| &condition.entries);
        let entries: Vec<_> = entries
            .map(|(key, value)| (&**key, value.as_deref()))
            .collect();
        assert_eq!(
            entries,
            [
                ("rule-2-match-0", Some("rule-2-match-0")),
                ("rule-2-match-1", None),
                ("rule-2-method", Some("rule-2-method")),
                ("rule-2-path", Some("rule-2-path")),
                ("masked_remote_address", Some("invert:10.0.0.0/8")),
                ("remote_address", None),
                ("rule-2-match-2", None),
            ]
        );
    }

    #[test]
    fn errors_name_the_field() {
        for (selectors, message) in [
            (
                "[{}]",
                "clientSelectors[0]: a selector has at least one condition",
            ),
            (
                r#"[{"headers": [{"name": "a", "type": "Distinct", "invert": true}]}]"#,
                "clientSelectors[0].headers[0].invert: Distinct cannot be inverted",
            ),
            (
                r#"[{"headers": [{"name": "a"}]}]"#,
                "clientSelectors[0].headers[0].value: the value is missing",
            ),
            (
                r#"[{"headers": [{"name": "a", "type": "Distinct", "value": "x"}]}]"#,
                "clientSelectors[0].headers[0].value: Distinct has no value",
            ),
            (
                r#"[{"headers": [{"name": "a:", "value": "x"}]}]"#,
                "clientSelectors[0].headers[0].name: `a:`: not a header name",
            ),
            (
                r#"[{"cookies": [{"name": "", "value": "x"}]}]"#,
                "clientSelectors[0].cookies[0].name: the name is empty",
            ),
            (
                r#"[{"methods": [{"value": "G T"}]}]"#,
                "clientSelectors[0].methods[0].value: `G T`: not an HTTP method",
            ),
            (
                r#"[{"sourceCIDR": {"value": "10.0.0.0/33"}}]"#,
                "clientSelectors[0].sourceCIDR.value: `10.0.0.0/33`: not an address range as in 10.0.0.0/8 or 2001:db8::/32",
            ),
            (
                r#"[{"path": {"type": "RegularExpression", "value": "("}}]"#,
                "clientSelectors[0].path.value: `(`: ",
            ),
        ] {
            let specs: Vec<SelectorSpec> = serde_json::from_str(selectors).unwrap();
            let error = Selector::new(&specs, 0).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
