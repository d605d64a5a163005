//! Requests that go to one side for what they carry.

use super::spec::{OverrideSpec, Variant};
use crate::host::HostError;
use crate::key::{Key, Subject};
use crate::route::{InvalidConfig, Pattern};

/// An override, compiled.
#[derive(Debug)]
pub(super) struct Override {
    key: Key,
    test: Test,
}

#[derive(Debug)]
enum Test {
    /// `always` and `never`.
    Word,
    Value {
        values: Vec<Box<[u8]>>,
        pattern: Option<Pattern>,
        to: Variant,
    },
}

impl Override {
    /// Where the request goes, if this override decides it.
    pub(super) fn decide(&self, subject: &Subject) -> Result<Option<Variant>, HostError> {
        let is = |word: &[u8]| self.key.is(subject, |value| value == word);
        match &self.test {
            Test::Word if is(b"always")? => Ok(Some(Variant::Canary)),
            Test::Word if is(b"never")? => Ok(Some(Variant::Stable)),
            Test::Word => Ok(None),
            Test::Value {
                values,
                pattern,
                to,
            } => {
                let holds = |value: &[u8]| {
                    values.iter().any(|one| **one == *value)
                        || pattern.as_ref().is_some_and(|one| one.matches(value))
                };
                Ok(self.key.is(subject, holds)?.then_some(*to))
            }
        }
    }
}

impl TryFrom<&OverrideSpec> for Override {
    type Error = InvalidConfig;

    fn try_from(spec: &OverrideSpec) -> Result<Self, InvalidConfig> {
        let key = Key::try_from(&spec.key).map_err(|error| error.within("key"))?;
        let pattern = spec.pattern.as_deref().map(Pattern::new).transpose();
        let pattern = pattern.map_err(|error| InvalidConfig::new("pattern", error))?;
        let test = match (spec.values.is_empty() && pattern.is_none(), spec.to) {
            (true, None) => Test::Word,
            (true, Some(_)) => {
                let reason =
                    "needs `values` or a `pattern`: `always` and `never` say it themselves";
                return Err(InvalidConfig::new("to", reason));
            }
            (false, to) => Test::Value {
                values: spec
                    .values
                    .iter()
                    .map(|value| value.as_bytes().into())
                    .collect(),
                pattern,
                to: to.unwrap_or(Variant::Canary),
            },
        };
        Ok(Override { key, test })
    }
}
