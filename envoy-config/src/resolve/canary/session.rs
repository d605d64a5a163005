//! `sessionPersistence` of a rule, after Envoy Gateway 1.9 (`processHTTPRouteRule` in
//! `internal/gatewayapi/route.go`, `internal/xds/translator/session_persistence.go`).

use super::rule::AttachedRule;
use gateway_filter_sdk::route::spec::{MatchKind, MatchSpec};
use gateway_filter_sdk::split::spec::{SessionPersistenceSpec, SessionType};
use gateway_filter_sdk::time::parse_duration;

/// What a rule asks for, with the name and path that Envoy Gateway generates.
pub(super) fn of_rule(rule: AttachedRule) -> Option<SessionPersistenceSpec> {
    let rules = rule.route.value.spec.rules.as_ref()?;
    let session = rules.get(rule.index)?.session_persistence.clone()?;
    let cookie = session.kind.unwrap_or_default() == SessionType::Cookie;
    // A session that lasts no time at all is one that the client ends.
    let lasting = |text: &String| parse_duration(text).is_some_and(|time| !time.is_zero());
    let name = session.session_name.clone();
    Some(SessionPersistenceSpec {
        session_name: name.or_else(|| Some(rule.name().replace('/', "-"))),
        path: cookie.then(|| cookie_path(&rule.spec.matches)),
        absolute_timeout: session.absolute_timeout.clone().filter(lasting),
        idle_timeout: session.idle_timeout.clone().filter(lasting),
        ..session
    })
}

/// Where the browser sends the cookie. Envoy Gateway has a cookie for each match, of the match's path;
/// one cookie for all of them has to be sent wherever any of them matches: to the longest path, in
/// whole segments, that all have in common.
fn cookie_path(matches: &[MatchSpec]) -> String {
    let mut paths = matches.iter().map(match_path);
    let first = paths.next().unwrap_or_else(|| "/".to_owned());
    paths.fold(first, |common, path| {
        if common == path {
            return common;
        }
        let pairs = common.split('/').zip(path.split('/'));
        let shared = pairs.take_while(|(one, other)| one == other);
        let segments: Vec<&str> = shared.map(|(segment, _)| segment).collect();
        rooted(&segments)
    })
}

/// "For an xRoute using a path that is a regex, the Path should be set to the longest non-regex
/// prefix (.e.g. if the path is /p1/p2/*/p3 and the request path was /p1/p2/foo/p3, then the cookie
/// path would be /p1/p2)." (GEP-1619)
fn match_path(one: &MatchSpec) -> String {
    let path = one.path.as_ref();
    let Some((path, value)) = path.and_then(|path| Some((path, path.value.as_deref()?))) else {
        return "/".to_owned();
    };
    if path.kind != Some(MatchKind::RegularExpression) {
        return value.to_owned();
    }
    let literal = |segment: &&str| !segment.contains(|one| r"\.+*?()|[]{}^$".contains(one));
    let segments: Vec<&str> = value.split('/').take_while(literal).collect();
    rooted(&segments)
}

/// The segments as a path, at least `/`.
fn rooted(segments: &[&str]) -> String {
    let path = segments.join("/");
    if path.is_empty() {
        "/".to_owned()
    } else {
        path
    }
}
