//! RequestHeaderModifier and ResponseHeaderModifier.

use crate::header::{self, HeaderEdit, is_value};
use crate::route::InvalidConfig;
use crate::route::spec::{HeaderModifierSpec, HeaderSpec};

type Header = (Box<str>, Box<[u8]>);

/// Headers to set, add and remove. Names are in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderModifier {
    set: Vec<Header>,
    add: Vec<Header>,
    remove: Vec<Box<str>>,
}

impl HeaderModifier {
    /// Compiles the modifier.
    ///
    /// # Errors
    /// A name or value that HTTP does not allow; `Host`, which URLRewrite is for.
    pub fn new(spec: &HeaderModifierSpec) -> Result<Self, InvalidConfig> {
        let remove = spec.remove.iter().enumerate().map(|(at, given)| {
            name(given).map_err(|error| error.within(format_args!("remove[{at}]")))
        });
        Ok(HeaderModifier {
            set: headers("set", &spec.set)?,
            add: headers("add", &spec.add)?,
            remove: remove.collect::<Result<_, _>>()?,
        })
    }

    /// The changes: set, add, remove, in that order.
    pub fn edits(&self) -> impl Iterator<Item = HeaderEdit<'_>> {
        let set = self
            .set
            .iter()
            .map(|(name, value)| HeaderEdit::set(&**name, &**value));
        let add = self
            .add
            .iter()
            .map(|(name, value)| HeaderEdit::add(&**name, &**value));
        set.chain(add)
            .chain(self.remove.iter().map(|name| HeaderEdit::remove(&**name)))
    }
}

fn headers(field: &str, specs: &[HeaderSpec]) -> Result<Vec<Header>, InvalidConfig> {
    let compile = |spec: &HeaderSpec| {
        let name = name(&spec.name).map_err(|error| error.within("name"))?;
        if is_value(spec.value.as_bytes()) {
            Ok((name, spec.value.as_bytes().into()))
        } else {
            Err(InvalidConfig::new("value", "has control characters"))
        }
    };
    let headers = specs.iter().enumerate().map(|(at, spec)| {
        compile(spec).map_err(|error| error.within(format_args!("{field}[{at}]")))
    });
    headers.collect()
}

fn name(given: &str) -> Result<Box<str>, InvalidConfig> {
    if given.eq_ignore_ascii_case("host") {
        return Err(InvalidConfig::new("", "Host is rewritten by URLRewrite"));
    }
    header::configured(given, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modifier(spec: &str) -> Result<HeaderModifier, InvalidConfig> {
        HeaderModifier::new(&serde_json::from_str(spec).unwrap())
    }

    #[test]
    fn names_of_any_case_are_set_added_removed_in_that_order() {
        let modifier = modifier(
            r#"{"remove": ["X-C"], "add": [{"name": "X-B", "value": "2"}], "set": [{"name": "x-A", "value": "1"}]}"#,
        );
        let edits = [
            HeaderEdit::set("x-a", &b"1"[..]),
            HeaderEdit::add("x-b", &b"2"[..]),
            HeaderEdit::remove("x-c"),
        ];
        assert!(modifier.unwrap().edits().eq(edits));
    }

    #[test]
    fn what_could_split_a_header_is_refused() {
        for (spec, message) in [
            (
                r#"{"set": [{"name": "a", "value": "1\r\nb: 2"}]}"#,
                "set[0].value: has control characters",
            ),
            (
                r#"{"add": [{"name": "a:", "value": ""}]}"#,
                "add[0].name: `a:`: not a header name",
            ),
            (
                r#"{"remove": ["a", "Host"]}"#,
                "remove[1]: Host is rewritten by URLRewrite",
            ),
        ] {
            assert_eq!(modifier(spec).unwrap_err().to_string(), message);
        }
    }
}
