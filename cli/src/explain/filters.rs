//! What each filter did.

use super::facts::text_of;
use super::facts::{Change, FilterFacts, RouteFilter};
use gateway_harness::exchange::{Direction, Headers, Passage};

/// The filters that the request or its response passed, in the order of the chain. The first carries
/// out those of the route.
pub(super) fn facts(passages: &[Passage], route_filters: Vec<RouteFilter>) -> Vec<FilterFacts> {
    let mut facts: Vec<FilterFacts> = Vec::new();
    for passage in passages {
        let known = facts.iter().position(|one| one.name == passage.filter);
        let known = known.unwrap_or_else(|| {
            facts.push(FilterFacts {
                name: passage.filter.clone(),
                replied: false,
                route_filters: Vec::new(),
                request: Vec::new(),
                response: Vec::new(),
            });
            facts.len() - 1
        });
        let Some(filter) = facts.get_mut(known) else {
            continue;
        };
        filter.replied |= passage.replied;
        let changes = changes(&passage.before, &passage.after);
        match passage.of {
            Direction::Request => filter.request.extend(changes),
            Direction::Response => filter.response.extend(changes),
        }
    }
    if let Some(first) = facts.first_mut() {
        first.route_filters = route_filters;
    }
    facts
}

/// The headers that differ, in the order of what came of it; removed ones last.
pub(super) fn changes(before: &Headers, after: &Headers) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (name, _) in after.iter().chain(before) {
        let name = text_of(name);
        if changes.iter().any(|change| change.name == name) {
            continue;
        }
        changes.push(Change {
            before: joined(before, &name),
            after: joined(after, &name),
            name,
        });
    }
    changes.retain(|change| change.before != change.after);
    changes
}

/// The lines of a name, joined by commas.
fn joined(headers: &Headers, name: &str) -> Option<String> {
    let lines = headers.iter().filter(|header| header.0 == name.as_bytes());
    let lines: Vec<String> = lines.map(|(_, value)| text_of(value)).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let headers = |pairs: &[(&str, &str)]| -> Headers {
            let owned = pairs
                .iter()
                .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
            owned.collect()
        };
        let before = headers(&[("a", "1"), ("b", "1"), ("c", "1"), ("c", "2")]);
        let after = headers(&[("b", "2"), ("a", "1"), ("d", "1"), ("c", "1"), ("c", "3")]);
        let told = changes(&before, &after);
        let told: Vec<_> = told
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.before.as_deref(),
                    one.after.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("b", Some("1"), Some("2")),
                ("d", None, Some("1")),
                ("c", Some("1, 2"), Some("1, 3")),
            ]
        );
        assert_eq!(changes(&before, &headers(&[("a", "1")])).len(), 2);
    }
}
