//! What Envoy Gateway refuses of a `rateLimit`, and what it passes over (release 1.9,
//! `buildRateLimit` in `internal/gatewayapi/backendtrafficpolicy.go`).

use gateway_filter_sdk::limit::spec::{
    LimitRuleSpec, LimitType, RateLimitSpec, RulesSpec, SelectorSpec, ValueSelectorSpec,
    ValueSelectorType,
};
use gateway_filter_sdk::route::spec::MatchKind;
use gateway_filter_sdk::route::{Cidr, Pattern};

/// A place in a policy, and what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remark {
    pub(super) path: String,
    pub(super) message: String,
}

fn remark(path: &str, message: impl Into<String>) -> Remark {
    let (path, message) = (path.to_owned(), message.into());
    Remark { path, message }
}

/// The rules that take effect: of both kinds, or of the one that the deprecated `type` names.
pub(super) fn effective(spec: &RateLimitSpec) -> Result<RateLimitSpec, Remark> {
    let path = "spec.rateLimit";
    let (local, global) = match spec.kind {
        None => (spec.local.clone(), spec.global.clone()),
        Some(LimitType::Local) if spec.local.is_some() => (spec.local.clone(), None),
        Some(LimitType::Global) if spec.global.is_some() => (None, spec.global.clone()),
        Some(LimitType::Local) => return Err(remark(path, "type Local needs local limits")),
        Some(LimitType::Global) => return Err(remark(path, "type Global needs global limits")),
    };
    if let Some(local) = &local {
        self::local(&format!("{path}.local.rules"), &local.rules)?;
    }
    for (index, rule) in rules(&global).iter().enumerate() {
        selectors(&format!("{path}.global.rules[{index}]"), rule)?;
    }
    Ok(RateLimitSpec {
        kind: None,
        local: local.map(|local| RulesSpec {
            rules: local.rules.into_iter().map(translated).collect(),
        }),
        global,
    })
}

pub(super) fn rules(rules: &Option<RulesSpec>) -> &[LimitRuleSpec] {
    rules.as_ref().map_or(&[], |rules| &rules.rules)
}

/// The rule that counts what no other does.
pub(super) fn is_default(rule: &LimitRuleSpec) -> bool {
    rule.client_selectors.is_empty()
}

fn local(path: &str, rules: &[LimitRuleSpec]) -> Result<(), Remark> {
    let mut defaults = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| is_default(rule));
    let default = defaults.next();
    if let Some((index, _)) = defaults.next() {
        let message = "only one local rule can be without clientSelectors";
        return Err(remark(&format!("{path}[{index}]"), message));
    }
    let unit = default.map_or(1, |(_, rule)| rule.limit.unit.seconds());
    for (index, rule) in rules.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !rule.limit.unit.seconds().is_multiple_of(unit) {
            let message = "the unit must be a multiple of that of the rule without clientSelectors";
            return Err(remark(&format!("{path}.limit.unit"), message));
        }
        // Not Envoy Gateway but Envoy: `max_tokens` of a TokenBucket is greater than 0.
        if rule.limit.requests == 0 {
            let message = "a local limit must be greater than 0";
            return Err(remark(&format!("{path}.limit.requests"), message));
        }
        selectors(&path, rule)?;
    }
    Ok(())
}

/// A local rule without what Envoy Gateway does not translate.
fn translated(rule: LimitRuleSpec) -> LimitRuleSpec {
    LimitRuleSpec {
        shadow_mode: rule.shadow_mode.filter(|_| !is_default(&rule)),
        cost: None,
        shared: None,
        ..rule
    }
}

/// What [`effective`] leaves out.
pub(super) fn untranslated(spec: &RateLimitSpec) -> Vec<Remark> {
    let mut found = Vec::new();
    if spec.kind == Some(LimitType::Global) {
        return found;
    }
    for (index, rule) in rules(&spec.local).iter().enumerate() {
        let mut ignored = |field, present: bool, of: &str| {
            let path = format!("spec.rateLimit.local.rules[{index}].{field}");
            if present {
                found.push(remark(&path, format!("{field} is ignored for {of}")));
            }
        };
        ignored("cost", rule.cost.is_some(), "local limits");
        ignored("shared", rule.shared == Some(true), "local limits");
        let shadow = rule.shadow_mode == Some(true) && is_default(rule);
        ignored(
            "shadowMode",
            shadow,
            "the local rule without clientSelectors",
        );
    }
    found
}

fn selectors(path: &str, rule: &LimitRuleSpec) -> Result<(), Remark> {
    for (index, selector) in rule.client_selectors.iter().enumerate() {
        self::selector(&format!("{path}.clientSelectors[{index}]"), selector)?;
    }
    Ok(())
}

fn selector(path: &str, selector: &SelectorSpec) -> Result<(), Remark> {
    if *selector == SelectorSpec::default() {
        let message = "one of headers, methods, path, sourceCIDR or queryParams must be specified";
        return Err(remark(path, message));
    }
    for (index, one) in selector.headers.iter().enumerate() {
        value(&format!("{path}.headers[{index}]"), one, false)?;
    }
    for (index, one) in selector.query_params.iter().enumerate() {
        value(&format!("{path}.queryParams[{index}]"), one, true)?;
    }
    if let Some(one) = &selector.path
        && one.kind == Some(MatchKind::RegularExpression)
    {
        pattern(&format!("{path}.path.value"), &one.value)?;
    }
    if let Some(one) = &selector.source_cidr {
        let path = format!("{path}.sourceCIDR.value");
        // Go's `net.ParseCIDR` takes no bare address.
        let network = one.value.contains('/').then(|| one.value.parse::<Cidr>());
        match network {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(remark(&path, error.to_string())),
            None => return Err(remark(&path, format!("`{}` is not a CIDR", one.value))),
        }
    }
    Ok(())
}

fn value(path: &str, selector: &ValueSelectorSpec, needs_text: bool) -> Result<(), Remark> {
    let text = selector.value.as_deref();
    match (selector.kind, text) {
        (ValueSelectorType::Distinct, Some(_)) => {
            Err(remark(path, "a selector of type Distinct has no value"))
        }
        (ValueSelectorType::Distinct, None) if selector.invert == Some(true) => Err(remark(
            path,
            "a selector of type Distinct cannot be inverted",
        )),
        (ValueSelectorType::Distinct, None) => Ok(()),
        (_, None) => Err(remark(path, "the value is missing")),
        (_, Some("")) if needs_text => Err(remark(path, "the value is missing")),
        (ValueSelectorType::Exact, _) => Ok(()),
        (ValueSelectorType::RegularExpression, Some(text)) => {
            pattern(&format!("{path}.value"), text)
        }
    }
}

fn pattern(path: &str, text: &str) -> Result<(), Remark> {
    match Pattern::new(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(remark(path, error.to_string())),
    }
}
