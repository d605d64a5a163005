//! A walk over the fields of an object that collects what is out of bounds.

use crate::load::document::Document;
use crate::load::problem::Problem;
use serde_json::Value;

/// A field of an object and its path.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub(super) value: &'a Value,
    pub(super) path: String,
}

impl<'a> Field<'a> {
    /// The member of that name, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<Field<'a>> {
        let value = self.value.get(name).filter(|value| !value.is_null())?;
        let dot = if self.path.is_empty() { "" } else { "." };
        Some(Field {
            value,
            path: format!("{}{dot}{name}", self.path),
        })
    }

    /// The items of the list of that name.
    pub(super) fn items(&self, name: &str) -> Vec<Field<'a>> {
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

    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The text of the member of that name; empty if it is not there.
    pub(super) fn text_of(&self, name: &str) -> &'a str {
        self.value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

pub(super) struct Checker<'a> {
    pub(super) document: &'a Document,
    pub(super) problems: Vec<Problem>,
}

impl Checker<'_> {
    pub(super) fn refuse(&mut self, field: &Field, message: impl Into<String>) {
        self.problems
            .push(*self.document.problem(&field.path, message.into()));
    }

    /// A text that has to follow a syntax, if it is there.
    pub(super) fn syntax(
        &mut self,
        field: Option<Field>,
        rule: impl Fn(&str) -> Result<(), &'static str>,
    ) {
        if let Some(field) = field
            && let Err(message) = rule(field.text())
        {
            self.refuse(&field, format!("`{}`: {message}", field.text()));
        }
    }

    /// A number that has to lie within bounds, if it is there.
    pub(super) fn range(&mut self, field: Option<Field>, least: i64, most: i64) {
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

    pub(super) fn port(&mut self, field: Option<Field>) {
        self.range(field, 1, 65_535);
    }

    /// A list that may be absent, but has bounds if it is there.
    pub(super) fn size(&mut self, field: Option<Field>, least: usize, most: usize) {
        let Some(field) = field else { return };
        let length = field.value.as_array().map_or(0, Vec::len);
        if length < least {
            self.refuse(&field, "must not be empty");
        } else if length > most {
            self.refuse(&field, format!("has {length} items, of at most {most}"));
        }
    }

    /// No two items of a list have the same `name`.
    pub(super) fn unique_names(&mut self, items: &[Field]) {
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
