//! The headers that tell clients where they stand: draft-polli-ratelimit-headers-03, `Retry-After`.

use crate::header::HeaderEdit;
use std::time::Duration;

/// Where a client stands with a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    /// `x-ratelimit-limit`: "3", or of the service "3, 3;w=3600".
    pub(super) limit: String,
    /// Requests left.
    pub(super) remaining: u64,
    /// Until there is more; as Envoy reports it, zero while requests are left of a local limit.
    pub(super) reset: Duration,
}

/// The figures of a service come in one line for each of its domains, a local limit's in one.
pub(super) fn lines(figures: &[Figures]) -> Vec<HeaderEdit<'static>> {
    let line = |(number, figures): (usize, &Figures)| {
        let header = |name: &'static str, value: String| match number {
            0 => HeaderEdit::set(name, value.into_bytes()),
            _ => HeaderEdit::add(name, value.into_bytes()),
        };
        [
            header("x-ratelimit-limit", figures.limit.clone()),
            header("x-ratelimit-remaining", figures.remaining.to_string()),
            header("x-ratelimit-reset", seconds(figures.reset).to_string()),
        ]
    };
    figures.iter().enumerate().flat_map(line).collect()
}

/// Whole seconds, rounded up: a client that waits so long is not early.
pub(super) fn seconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_add(u64::from(time.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up() {
        for (milliseconds, whole) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), whole);
        }
        assert_eq!(seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn the_first_line_replaces_and_others_are_added() {
        let figures = |limit: &str, remaining| Figures {
            limit: limit.to_owned(),
            remaining,
            reset: Duration::from_millis(19_500),
        };
        let lines = lines(&[figures("3, 3;w=60", 2), figures("9", 8)]);
        let set = |name, value: &'static str| HeaderEdit::set(name, value.as_bytes());
        let add = |name, value: &'static str| HeaderEdit::add(name, value.as_bytes());
        let expected = [
            set("x-ratelimit-limit", "3, 3;w=60"),
            set("x-ratelimit-remaining", "2"),
            set("x-ratelimit-reset", "20"),
            add("x-ratelimit-limit", "9"),
            add("x-ratelimit-remaining", "8"),
            add("x-ratelimit-reset", "20"),
        ];
        assert_eq!(lines, expected);
    }
}
