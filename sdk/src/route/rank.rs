//! Which of several matches wins.

use std::cmp::Reverse;
use std::rc::Rc;

/// The precedence of one match for one hostname. The derived order is the specification's: the
/// greater rank wins, and each field decides only between equals in all fields above it.
///
/// HTTPRoute: "In the event that multiple HTTPRoutes specify intersecting hostnames […] precedence
/// must be given to rules from the HTTPRoute with the largest number of: Characters in a matching
/// non-wildcard hostname. Characters in a matching hostname." Then, among matches: "Exact path
/// match. Prefix path match with largest number of characters. Method match. Largest number of
/// header matches. Largest number of query param matches." And: "If ties still exist across
/// multiple Routes, matching precedence MUST be determined in order of the following criteria: The
/// oldest Route based on creation timestamp. The Route appearing first in alphabetical order by
/// {namespace}/{name}. If ties still exist within an HTTPRoute, matching precedence MUST be
/// granted to the FIRST matching rule (in list order) with a match meeting the above criteria."
///
/// GRPCRoute has the service's and the method's characters in place of path and method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// "Characters in a matching non-wildcard hostname."
    pub exact_hostname: usize,
    /// "Characters in a matching hostname."
    pub hostname: usize,
    /// "Exact path match. Prefix path match with largest number of characters."
    pub path: PathRank,
    /// "Method match."
    pub method: bool,
    /// "Largest number of header matches."
    pub headers: usize,
    /// "Largest number of query param matches."
    pub query_params: usize,
    /// Conditions that the specification does not have: cookies, networks, claims, `not`. They
    /// stand after its list, so that they change nothing where they are not used.
    pub extensions: usize,
    /// "The oldest Route based on creation timestamp."
    pub age: Reverse<Timestamp>,
    /// "The Route appearing first in alphabetical order by {namespace}/{name}."
    pub name: Reverse<Rc<str>>,
    /// "The FIRST matching rule (in list order)": rule, then match within it.
    pub order: Reverse<(usize, usize)>,
}

/// Nanoseconds since 1970; a route without a timestamp is the youngest.
pub type Timestamp = i64;

/// The path's part of a [`Rank`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathRank {
    /// "Prefix path match with largest number of characters."
    Prefix(usize),
    /// The specification leaves patterns to the implementation. As in Envoy Gateway they stand
    /// between Prefix and Exact, longer ones first.
    Regex(usize),
    /// "Characters in a matching service. Characters in a matching method."
    Grpc {
        /// Characters of the service; a pattern has none.
        service: usize,
        /// Characters of the method; a pattern has none.
        method: usize,
    },
    /// "Exact path match."
    Exact,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lowest() -> Rank {
        Rank {
            exact_hostname: 0,
            hostname: 0,
            path: PathRank::Prefix(1),
            method: false,
            headers: 0,
            query_params: 0,
            extensions: 0,
            age: Reverse(9),
            name: Reverse("b/b".into()),
            order: Reverse((9, 9)),
        }
    }

    /// Each criterion, raised alone, beats all later ones raised together.
    #[test]
    fn every_criterion_beats_all_later_ones() {
        let raise: [fn(&mut Rank); 12] = [
            |rank| rank.exact_hostname = 1,
            |rank| rank.hostname = 1,
            |rank| rank.path = PathRank::Exact,
            |rank| rank.path = rank.path.max(PathRank::Prefix(2)),
            |rank| rank.method = true,
            |rank| rank.headers = 1,
            |rank| rank.query_params = 1,
            |rank| rank.extensions = 1,
            |rank| rank.age = Reverse(1),
            |rank| rank.name = Reverse("a/z".into()),
            |rank| rank.order = Reverse((1, 9)),
            |rank| rank.order.0 = rank.order.0.min((9, 1)),
        ];
        for first in 0..raise.len() {
            let mut one = lowest();
            raise[first](&mut one);
            let mut rest = lowest();
            for change in raise.iter().skip(first + 1) {
                change(&mut rest);
            }
            assert!(one > rest, "criterion {first}: {one:?} against {rest:?}");
        }
    }
}
