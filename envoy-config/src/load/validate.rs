//! The bounds and patterns that the custom resource definitions set, beyond the types: what an API
//! server would not accept and a filter should never see. Regular expressions are compiled where
//! they are used; here they are only not empty.

mod filter;
mod listener;
mod policy;
mod route;
mod route_filter;
mod syntax;

pub(crate) use syntax::path;

use crate::load::problem::Problem;
use crate::load::{Document, ObjectKind};
use serde_json::Value;

/// Everything that is out of bounds in an object of a right shape.
pub(crate) fn check(document: &Document, kind: ObjectKind) -> Vec<Problem> {
    let mut checker = Checker {
        document,
        problems: Vec::new(),
    };
    let root = Field {
        value: document.value(),
        path: String::new(),
    };
    if let Some(spec) = root.get("spec") {
        match kind {
            ObjectKind::Gateway => listener::gateway(&mut checker, &spec),
            ObjectKind::ListenerSet => listener::listener_set(&mut checker, &spec),
            ObjectKind::Route(kind) => route::route(&mut checker, &spec, kind),
            ObjectKind::HTTPRouteFilter => route_filter::route_filter(&mut checker, &spec),
            ObjectKind::BackendTrafficPolicy => policy::traffic(&mut checker, &spec),
            ObjectKind::ClientTrafficPolicy => policy::client(&mut checker, &spec),
            ObjectKind::EnvoyExtensionPolicy => policy::extension(&mut checker, &spec),
            _ => {}
        }
    }
    checker.problems
}

/// A field of an object and its path.
#[derive(Debug, Clone)]
struct Field<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Field<'a> {
    /// The member of that name, if it is there.
    fn get(&self, name: &str) -> Option<Field<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let dot = if self.path.is_empty() { "" } else { "." };
        Some(Field {
            value,
            path: format!("{}{dot}{name}", self.path),
        })
    }

    /// The items of the list of that name.
    fn items(&self, name: &str) -> Vec<Field<'a>> {
        let Some(list) = self.get(name) else {
            return Vec::new();
        };
        let items = list.value.as_array().into_iter().flatten().enumerate();
        let field = |(index, value)| Field {
            value,
            path: format!("{}[{index}]", list.path),
        };
        items.map(field).collect()
    }

    fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The text of the member of that name; empty if it is not there.
    fn text_of(&self, name: &str) -> &'a str {
        self.value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

struct Checker<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn refuse(&mut self, field: &Field, message: impl Into<String>) {
        self.problems
            .push(*self.document.problem(&field.path, message.into()));
    }

    /// A text that has to follow a syntax, if it is there.
    fn syntax(&mut self, field: Option<Field>, rule: impl Fn(&str) -> Result<(), &'static str>) {
        if let Some(field) = field
            && let Err(message) = rule(field.text())
        {
            self.refuse(&field, format!("`{}`: {message}", field.text()));
        }
    }

    /// A number that has to lie within bounds, if it is there.
    fn range(&mut self, field: Option<Field>, least: i64, most: i64) {
        if let Some(field) = field
            && !field
                .value
                .as_i64()
                .is_some_and(|number| (least..=most).contains(&number))
        {
            self.refuse(
                &field,
                format!("{} is not within {least} and {most}", field.value),
            );
        }
    }

    fn port(&mut self, field: Option<Field>) {
        self.range(field, 1, 65_535);
    }

    /// A list that may be absent, but has bounds if it is there.
    fn size(&mut self, field: Option<Field>, least: usize, most: usize) {
        let Some(field) = field else { return };
        let length = field.value.as_array().map_or(0, Vec::len);
        if length < least {
            self.refuse(&field, "must not be empty");
        } else if length > most {
            self.refuse(&field, format!("has {length} items, of at most {most}"));
        }
    }

    /// No two items of a list have the same `name`.
    fn unique_names(&mut self, items: &[Field]) {
        for (index, item) in items.iter().enumerate() {
            let name = item.text_of("name");
            let earlier = items
                .iter()
                .take(index)
                .any(|other| other.text_of("name") == name);
            if earlier && !name.is_empty() {
                self.refuse(item, format!("the name `{name}` is used twice"));
            }
        }
    }
}
