//! The headers that tell clients where they stand: draft-polli-ratelimit-headers-03, `Retry-After`.

use std::borrow::Cow;
use std::time::Duration;

/// A header for an answer: name in lower case, value, and whether other values of the name stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHeader {
    /// Name, in lower case.
    pub name: Cow<'static, str>,
    /// Value.
    pub value: Vec<u8>,
    /// Added to the values that are there; otherwise it replaces them.
    pub add: bool,
}

impl AnswerHeader {
    pub(super) fn set(name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        AnswerHeader {
            name: name.into(),
            value: value.into(),
            add: false,
        }
    }
}

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
pub(super) fn lines(figures: &[Figures]) -> Vec<AnswerHeader> {
    let line = |(number, figures): (usize, &Figures)| {
        let header = |name: &'static str, value: String| AnswerHeader {
            add: number > 0,
            ..AnswerHeader::set(name, value)
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
        let lines: Vec<_> = lines
            .iter()
            .map(|line| {
                (
                    &*line.name,
                    String::from_utf8_lossy(&line.value).into_owned(),
                    line.add,
                )
            })
            .collect();
        let expected = [
            ("x-ratelimit-limit", "3, 3;w=60", false),
            ("x-ratelimit-remaining", "2", false),
            ("x-ratelimit-reset", "20", false),
            ("x-ratelimit-limit", "9", true),
            ("x-ratelimit-remaining", "8", true),
            ("x-ratelimit-reset", "20", true),
        ];
        assert_eq!(
            lines,
            expected.map(|(name, value, add)| (name, value.to_owned(), add))
        );
    }
}
