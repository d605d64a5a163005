//! What decides between two matches, in words of the Gateway API.

use std::cmp::Reverse;

use gateway_filter_sdk::route::{PathRank, Rank, Timestamp};

use super::facts::Criterion;

/// The first criterion in which two ranks differ, and what it says of them.
pub(super) fn between(winner: &Rank, other: &Rank) -> (Criterion, String) {
    let count =
        |what: &str, winner: usize, other: usize| format!("{what}: {winner} against {other}");
    if winner.exact_hostname != other.exact_hostname {
        let what = "characters in a matching non-wildcard hostname";
        let text = count(what, winner.exact_hostname, other.exact_hostname);
        return (Criterion::ExactHostname, text);
    }
    if winner.hostname != other.hostname {
        let what = "characters in a matching hostname";
        let text = count(what, winner.hostname, other.hostname);
        return (Criterion::Hostname, text);
    }
    if winner.path != other.path {
        return (Criterion::Path, paths(winner.path, other.path));
    }
    if winner.method != other.method {
        return (Criterion::Method, "method match".into());
    }
    if winner.headers != other.headers {
        let what = "largest number of header matches";
        let text = count(what, winner.headers, other.headers);
        return (Criterion::Headers, text);
    }
    if winner.query_params != other.query_params {
        let what = "largest number of query param matches";
        let text = count(what, winner.query_params, other.query_params);
        return (Criterion::QueryParams, text);
    }
    if winner.extensions != other.extensions {
        let what = "conditions beyond the specification";
        let text = count(what, winner.extensions, other.extensions);
        return (Criterion::Extensions, text);
    }
    ties(winner, other)
}

fn ties(winner: &Rank, other: &Rank) -> (Criterion, String) {
    let (Reverse(winner_age), Reverse(other_age)) = (winner.age, other.age);
    if winner_age != other_age {
        let (winner, other) = (created(winner_age), created(other_age));
        return (
            Criterion::Age,
            format!("oldest route: {winner} before {other}"),
        );
    }
    let (Reverse(winner_name), Reverse(other_name)) = (&winner.name, &other.name);
    if winner_name != other_name {
        let text =
            format!("alphabetical order by namespace/name: {winner_name} before {other_name}");
        return (Criterion::Name, text);
    }
    let (Reverse((winner_rule, winner_match)), Reverse((other_rule, other_match))) =
        (winner.order, other.order);
    let text = match winner_rule == other_rule {
        true => format!("first match of the rule: {winner_match} before {other_match}"),
        false => format!("first matching rule of the route: {winner_rule} before {other_rule}"),
    };
    (Criterion::Order, text)
}

fn paths(winner: PathRank, other: PathRank) -> String {
    use PathRank::{Exact, Grpc, Prefix, Regex};
    let longest =
        |what: &str, winner: usize, other: usize| format!("{what}: {winner} against {other}");
    match (winner, other) {
        (Exact, Prefix(_)) => "exact path match before prefix".into(),
        (Exact, Regex(_)) => "exact path match before regular expression".into(),
        (Regex(_), Prefix(_)) => {
            "regular expression before prefix (left open by the specification)".into()
        }
        (Prefix(winner), Prefix(other)) => longest(
            "prefix path match with largest number of characters",
            winner,
            other,
        ),
        (Regex(winner), Regex(other)) => longest(
            "longer regular expression (left open by the specification)",
            winner,
            other,
        ),
        (
            Grpc { service, method },
            Grpc {
                service: other_service,
                method: other_method,
            },
        ) => match service == other_service {
            true => longest("characters in a matching method", method, other_method),
            false => longest("characters in a matching service", service, other_service),
        },
        (winner, other) => format!("path match: {winner:?} before {other:?}"),
    }
}

/// A route without a timestamp is the youngest.
fn created(age: Timestamp) -> String {
    match jiff::Timestamp::from_nanosecond(age.into()) {
        Ok(time) if age != Timestamp::MAX => time.to_string(),
        _ => "one without creationTimestamp".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank() -> Rank {
        Rank {
            exact_hostname: 0,
            hostname: 13,
            path: PathRank::Prefix(2),
            method: false,
            headers: 1,
            query_params: 0,
            extensions: 0,
            age: Reverse(Timestamp::MAX),
            name: Reverse("default/b".into()),
            order: Reverse((1, 1)),
        }
    }

    fn says(change: impl FnOnce(&mut Rank)) -> String {
        let mut winner = rank();
        change(&mut winner);
        assert!(winner > rank(), "{winner:?}");
        between(&winner, &rank()).1
    }

    #[test]
    fn every_criterion_has_its_words() {
        let grpc = |service, method| PathRank::Grpc { service, method };
        assert_eq!(
            says(|rank| rank.exact_hostname = 15),
            "characters in a matching non-wildcard hostname: 15 against 0"
        );
        assert_eq!(
            says(|rank| rank.hostname = 17),
            "characters in a matching hostname: 17 against 13"
        );
        assert_eq!(
            says(|rank| rank.path = PathRank::Prefix(8)),
            "prefix path match with largest number of characters: 8 against 2"
        );
        assert_eq!(
            says(|rank| rank.path = PathRank::Exact),
            "exact path match before prefix"
        );
        assert_eq!(
            paths(grpc(3, 0), grpc(3, 2)),
            "characters in a matching method: 0 against 2"
        );
        assert_eq!(says(|rank| rank.method = true), "method match");
        assert_eq!(
            says(|rank| rank.headers = 2),
            "largest number of header matches: 2 against 1"
        );
        assert_eq!(
            says(|rank| rank.query_params = 1),
            "largest number of query param matches: 1 against 0"
        );
        assert_eq!(
            says(|rank| rank.extensions = 1),
            "conditions beyond the specification: 1 against 0"
        );
        assert_eq!(
            says(|rank| rank.age = Reverse(0)),
            "oldest route: 1970-01-01T00:00:00Z before one without creationTimestamp"
        );
        assert_eq!(
            says(|rank| rank.name = Reverse("default/a".into())),
            "alphabetical order by namespace/name: default/a before default/b"
        );
        assert_eq!(
            says(|rank| rank.order = Reverse((0, 2))),
            "first matching rule of the route: 0 before 1"
        );
        assert_eq!(
            says(|rank| rank.order = Reverse((1, 0))),
            "first match of the rule: 0 before 1"
        );
    }
}
