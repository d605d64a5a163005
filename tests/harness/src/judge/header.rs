//! Headers as the suite compares them: names in any case, lines of one name joined by a comma.

use crate::exchange::Headers;

use super::{ABSENT, Findings};

/// Values of all lines of this name.
fn lines<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = String> + 'a {
    headers
        .iter()
        .filter(|(header, _)| header.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

/// The text of a header: its lines joined by a comma without a space.
pub(crate) fn joined(headers: &Headers, name: &str) -> Option<String> {
    let lines: Vec<_> = lines(headers, name).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// Its first line.
pub(super) fn first(headers: &Headers, name: &str) -> Option<String> {
    lines(headers, name).next()
}

/// Each line of it.
pub(super) fn all(headers: &Headers, name: &str) -> Vec<String> {
    lines(headers, name).collect()
}

/// Adds what is there although it must not be.
pub(super) fn compare_absent(
    prefix: &str,
    names: &[String],
    headers: &Headers,
    found: &mut Findings,
) {
    for name in names {
        if let Some(got) = joined(headers, name) {
            found.add(format!("{prefix}.{name}"), ABSENT, got);
        }
    }
}
