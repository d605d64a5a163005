//! What differs between two states of the manifests and modules, in a few words.

use std::collections::BTreeMap;

/// Things by name, with what is compared of them.
pub(super) type Named<T> = BTreeMap<String, T>;

/// `NAME added`, `NAME changed`, `NAME removed`, by name.
pub(super) fn between<T: PartialEq>(before: &Named<T>, after: &Named<T>) -> Vec<String> {
    let mut changes = BTreeMap::new();
    for (name, value) in after {
        match before.get(name) {
            None => changes.insert(name, "added"),
            Some(old) if old != value => changes.insert(name, "changed"),
            Some(_) => None,
        };
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        changes.insert(name, "removed");
    }
    let changes = changes.into_iter();
    changes
        .map(|(name, change)| format!("{name} {change}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_is_named() {
        let state = |pairs: &[(&str, u8)]| -> Named<u8> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect()
        };
        let before = state(&[("a", 1), ("b", 1), ("c", 1)]);
        let after = state(&[("a", 1), ("c", 2), ("d", 1)]);
        assert_eq!(
            between(&before, &after),
            ["b removed", "c changed", "d added"]
        );
        assert!(between(&after, &after).is_empty());
    }
}
