//! Tier, client and cost for Envoy Gateway's own limiter, which runs after Wasm filters and selects on
//! headers.

use super::spec::HandOverSpec;
use crate::header::{self, HeaderEdit, is_value};
use crate::host::{HostError, Properties};
use crate::key::KeySpec;
use crate::key::{Key, Subject};
use crate::request::RequestHead;
use crate::route::InvalidConfig;

/// What is handed over.
#[derive(Debug)]
pub struct HandOver {
    tier: Option<Tier>,
    key: Option<(Key, Box<str>)>,
    cost: Option<Key>,
}

#[derive(Debug)]
struct Tier {
    key: Key,
    known: Vec<Box<[u8]>>,
    default: Option<Box<[u8]>>,
    header: Box<str>,
}

/// Envoy's global limiter takes the cost from here
/// (`source/extensions/filters/http/ratelimit/ratelimit.cc`).
const HITS_ADDEND: &str = "envoy.ratelimit.hits_addend";

impl HandOver {
    pub(super) fn new(spec: &HandOverSpec) -> Result<Self, InvalidConfig> {
        let key = |spec: &Option<KeySpec>, field: &'static str| {
            let key = spec.as_ref().map(Key::try_from);
            key.transpose().map_err(move |error| error.within(field))
        };
        let header = |name: &Option<String>, default, field| {
            header::configured(name.as_deref().unwrap_or(default), field)
        };
        let tier_header = header(&spec.tier_header, "x-gateway-tier", "tierHeader")?;
        let key_header = header(&spec.key_header, "x-gateway-client", "keyHeader")?;
        let bytes = |text: &String| -> Box<[u8]> { text.as_bytes().into() };
        Ok(HandOver {
            tier: key(&spec.tier, "tier")?.map(|key| Tier {
                key,
                known: spec.tiers.iter().map(bytes).collect(),
                default: spec.default_tier.as_ref().map(bytes),
                header: tier_header,
            }),
            key: key(&spec.key, "key")?.map(|key| (key, key_header)),
            cost: key(&spec.cost, "cost")?,
        })
    }

    /// The headers that Envoy Gateway's `clientSelectors` may trust: set or removed, as a client may
    /// have sent them.
    ///
    /// # Errors
    /// The host cannot say what the request has.
    pub fn request_edits(
        &self,
        head: &RequestHead,
        host: &dyn Properties,
    ) -> Result<Vec<HeaderEdit<'_>>, HostError> {
        let subject = Subject::new(head, host);
        let mut edits = Vec::new();
        if let Some(tier) = &self.tier {
            let value = tier.key.value(&subject)?;
            let is_known = |value: &[u8]| {
                tier.known.is_empty() || tier.known.iter().any(|known| **known == *value)
            };
            let known = value.filter(|value| is_known(value));
            let known = known.map(|value| value.into_owned());
            let value = known.or_else(|| tier.default.as_ref().map(|tier| tier.to_vec()));
            edits.push(trusted(&tier.header, value));
        }
        if let Some((key, header)) = &self.key {
            let value = key.value(&subject)?;
            edits.push(trusted(header, value.map(|value| value.into_owned())));
        }
        Ok(edits)
    }

    /// Writes the cost of a request to filter state, where it says one.
    ///
    /// # Errors
    /// The host cannot say what the request has.
    pub fn set_cost(&self, head: &RequestHead, host: &dyn Properties) -> Result<(), HostError> {
        let Some(key) = &self.cost else {
            return Ok(());
        };
        let value = key.value(&Subject::new(head, host))?;
        let text = value
            .as_deref()
            .and_then(|value| std::str::from_utf8(value).ok());
        // Envoy takes 1 for 0.
        let cost = text
            .and_then(|text| text.parse::<u32>().ok())
            .filter(|cost| *cost > 0);
        let Some(cost) = cost else {
            return Ok(());
        };
        // A host without the function counts 1, as it does for every other request.
        let _ = host.call_foreign(
            "set_envoy_filter_state",
            &filter_state(HITS_ADDEND, &cost.to_string()),
        );
        Ok(())
    }
}

/// A cookie or a decoded parameter may hold what no header can.
fn trusted(name: &str, value: Option<Vec<u8>>) -> HeaderEdit<'_> {
    match value.filter(|value| is_value(value)) {
        Some(value) => HeaderEdit::set(name, value),
        None => HeaderEdit::remove(name),
    }
}

/// `{path=1 string, value=2 string, span=3}` of
/// `source/extensions/common/wasm/ext/set_envoy_filter_state.proto`; the span is the request.
fn filter_state(path: &str, value: &str) -> Vec<u8> {
    let mut message = Vec::new();
    for (tag, text) in [(0x0a, path), (0x12, value)] {
        message.push(tag);
        // Both are shorter than 128 bytes, so that a length is one byte.
        message.push(u8::try_from(text.len()).unwrap_or(0));
        message.extend_from_slice(text.as_bytes());
    }
    message.extend_from_slice(&[0x18, DOWNSTREAM_REQUEST]);
    message
}

/// `LifeSpan::DownstreamRequest`.
const DOWNSTREAM_REQUEST: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mock::MockHost;

    fn handed(spec: &str, entries: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
        let spec: HandOverSpec = serde_json::from_str(spec).unwrap();
        let hand_over = HandOver::new(&spec).unwrap();
        let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        let edits = hand_over.request_edits(&head, &MockHost::default());
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let edit = |edit: &HeaderEdit| match edit {
            HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => {
                (name.to_string(), Some(text(value)))
            }
            HeaderEdit::Remove(name) => (name.to_string(), None),
        };
        edits.unwrap().iter().map(edit).collect()
    }

    #[test]
    fn unknown_tiers_become_the_default_and_absent_keys_are_removed() {
        let spec = r#"{"tier": {"header": "x-user-tier"}, "tiers": ["free", "premium"], "defaultTier": "free",
                       "key": {"cookie": "id"}}"#;
        let both = |tier: &str, client: Option<&str>| {
            vec![
                ("x-gateway-tier".to_owned(), Some(tier.to_owned())),
                ("x-gateway-client".to_owned(), client.map(str::to_owned)),
            ]
        };
        assert_eq!(
            handed(spec, &[("x-user-tier", "premium"), ("cookie", "id=7")]),
            both("premium", Some("7"))
        );
        assert_eq!(handed(spec, &[("x-user-tier", "root")]), both("free", None));
        let any = r#"{"tier": {"queryParam": "t"}, "tierHeader": "X-Tier"}"#;
        assert_eq!(
            handed(any, &[(":path", "/?t=a%0ab")]),
            [("x-tier".to_owned(), None)],
            "no header can hold it"
        );
    }

    #[test]
    fn a_cost_becomes_filter_state() {
        let spec: HandOverSpec = serde_json::from_str(r#"{"cost": {"header": "x-cost"}}"#).unwrap();
        let hand_over = HandOver::new(&spec).unwrap();
        for (cost, calls) in [("7", 1), ("0", 0), ("many", 0)] {
            let host = MockHost::default();
            let head = RequestHead::new([(&b"x-cost"[..], cost.as_bytes())]);
            hand_over.set_cost(&head, &host).unwrap();
            assert_eq!(host.foreign_calls.borrow().len(), calls, "{cost}");
        }
        assert_eq!(filter_state("a", "7"), b"\x0a\x01a\x12\x017\x18\x01");
    }
}
