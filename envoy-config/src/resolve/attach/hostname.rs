//! Whether hostnames meet.

/// The part that two hostnames have in common; absent is every host. `None`: they do not meet.
///
/// "Hostnames that are prefixed with a wildcard label (`*.`) are interpreted as a suffix match.
/// That means that a match for `*.example.com` would match both `test.example.com`, and
/// `foo.test.example.com`, but not `example.com`."
fn intersection<'a>(one: Option<&'a str>, other: Option<&'a str>) -> Option<Option<&'a str>> {
    match (one, other) {
        (None, host) | (host, None) => Some(host),
        (Some(one), Some(other)) if one == other || covers(one, other) => Some(Some(other)),
        (Some(one), Some(other)) if covers(other, one) => Some(Some(one)),
        _ => None,
    }
}

/// `wildcard` is a wildcard that `host`, itself perhaps a narrower wildcard, falls under.
fn covers(wildcard: &str, host: &str) -> bool {
    wildcard
        .strip_prefix('*')
        .is_some_and(|suffix| host != suffix && host.ends_with(suffix))
}

/// What a route serves on a listener: each of its hostnames, or every host if it has none, as far
/// as the listener's hostname allows. Empty: the route does not attach.
pub(super) fn effective<'a>(
    listener: Option<&'a str>,
    route: Option<&'a [String]>,
) -> Vec<Option<&'a str>> {
    match route.unwrap_or_default() {
        [] => vec![listener],
        hosts => hosts
            .iter()
            .filter_map(|host| intersection(listener, Some(host)))
            .collect(),
    }
}

/// Two lists of hosts have one in common.
pub(super) fn meet(one: &[Option<&str>], other: &[Option<&str>]) -> bool {
    one.iter()
        .any(|a| other.iter().any(|b| intersection(*a, *b).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_meet_where_one_covers_the_other() {
        let both = |one, other| intersection(Some(one), Some(other));
        assert_eq!(
            both("a.example.com", "a.example.com"),
            Some(Some("a.example.com"))
        );
        assert_eq!(
            both("*.example.com", "b.a.example.com"),
            Some(Some("b.a.example.com"))
        );
        assert_eq!(
            both("b.a.example.com", "*.example.com"),
            Some(Some("b.a.example.com"))
        );
        assert_eq!(
            both("*.example.com", "*.a.example.com"),
            Some(Some("*.a.example.com"))
        );
        assert_eq!(both("*.example.com", "example.com"), None);
        assert_eq!(both("*.example.com", "aexample.com"), None);
        assert_eq!(both("a.example.com", "b.example.com"), None);
        assert_eq!(intersection(None, Some("a.com")), Some(Some("a.com")));
        assert_eq!(intersection(None, None), Some(None));
    }

    #[test]
    fn a_route_keeps_the_hosts_that_its_listener_allows() {
        let hosts = ["x.example.com".to_owned(), "other.com".to_owned()];
        assert_eq!(
            effective(Some("*.example.com"), Some(&hosts)),
            [Some("x.example.com")]
        );
        assert_eq!(
            effective(Some("*.example.com"), None),
            [Some("*.example.com")]
        );
        assert!(effective(Some("nothing.com"), Some(&hosts)).is_empty());
    }
}
