//! Times as text.

use crate::route::InvalidConfig;
use std::time::Duration;

/// A field that holds a Gateway API duration, more than nothing.
pub(crate) fn duration(text: &str, field: &str) -> Result<Duration, InvalidConfig> {
    let found = parse_duration(text).filter(|duration| !duration.is_zero());
    found.ok_or_else(|| {
        let reason = format_args!("`{text}`: not a time as in 20ms, 1s or 1h30m");
        InvalidConfig::new(field, reason)
    })
}

/// A Gateway API duration (GEP-2257): up to four numbers of up to five digits, each with its unit,
/// `h`, `m`, `s` or `ms`. `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut milliseconds: u64 = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at_checked(letters)?;
        let factor: u64 = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return None,
        };
        parts += 1;
        if digits > 5 || parts > 4 {
            return None;
        }
        milliseconds =
            milliseconds.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = after;
    }
    (parts > 0).then(|| Duration::from_millis(milliseconds))
}

/// Nanoseconds since 1970 of an RFC 3339 time, as in `2026-01-31T12:00:00Z` or
/// `2026-01-31T13:00:00.5+01:00`. `None` for anything else, and outside the years 1970 to 2261.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let mark = |at: usize, marks: &[u8]| text.as_bytes().get(at).is_some_and(|b| marks.contains(b));
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let marked =
        mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":");
    let in_range = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !marked || !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (nanos, zone) = fraction(text.get(19..)?)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    seconds
        .checked_sub(offset(zone)?)?
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)
        .filter(|&time| time >= 0)
}

/// `.5` and what follows it, in nanoseconds.
fn fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(rest) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, zone) = rest.split_at_checked(end)?;
    let nanos: i64 = format!("{digits:0<9}").get(..9)?.parse().ok()?;
    (!digits.is_empty()).then_some((nanos, zone))
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let two = |text: &str| {
        if text.len() == 2 {
            text.parse::<u8>().ok()
        } else {
            None
        }
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    match zone.chars().next()? {
        _ if hours > 23 || minutes > 59 => None,
        '+' => Some(seconds),
        '-' => Some(-seconds),
        _ => None,
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The proleptic Gregorian calendar with years that begin in March, so that the leap day is last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00z", 951_825_600),
            ("2026-11-22T20:00:00Z", 1_795_377_600),
            ("2026-11-22T21:30:00+01:30", 1_795_377_600),
            ("2026-11-22 19:00:00-01:00", 1_795_377_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(parse_rfc3339(text), Some(seconds * 1_000_000_000), "{text}");
        }
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00.25Z"), Some(250_000_000));
    }

    #[test]
    fn durations_are_read() {
        for (text, milliseconds) in [
            ("20ms", 20),
            ("1h30m", 5_400_000),
            ("0s", 0),
            ("1h2m3s4ms", 3_723_004),
            ("99999h", 359_996_400_000),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "1",
            "s",
            "1.5s",
            "-1s",
            "1d",
            "100000s",
            "1s1s1s1s1s",
            "1 s",
            "1µs",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert!(duration("0s", "hold").is_err());
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T20:00:00",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T20:00:00.Z",
            "2026-11-22T20:00:00+1:00",
            "9999-12-31T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-11-22T20:00:00Z",
            "２026-11-22T20:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
