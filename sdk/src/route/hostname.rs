//! Hostnames of listeners and routes.

use super::error::InvalidHostname;
use std::fmt;
use std::str::FromStr;

/// The longest name that DNS knows (RFC 1035, 2.3.4). A longer host matches no wildcard, which
/// bounds the work that a hostile `Host` can cause.
pub(super) const MAX_HOSTNAME: usize = 253;

/// A hostname of a listener or a route: exact, a wildcard for any number of labels, or all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hostname {
    /// No hostname was given.
    Any,
    /// `*.example.com` as `.example.com`. "Hostnames that are prefixed with a wildcard label (`*.`)
    /// are interpreted as a suffix match": any depth, but not `example.com` itself.
    Wildcard(Box<str>),
    /// `example.com`.
    Exact(Box<str>),
}

impl Hostname {
    /// Whether a host (lower case, no port) is covered.
    pub fn matches(&self, host: &[u8]) -> bool {
        match self {
            Hostname::Any => true,
            Hostname::Wildcard(suffix) => {
                host.len() > suffix.len()
                    && host.len() <= MAX_HOSTNAME
                    && host.ends_with(suffix.as_bytes())
            }
            Hostname::Exact(name) => host == name.as_bytes(),
        }
    }

    /// What both cover: the narrower of the two, or nothing.
    ///
    /// "A Listener with `test.example.com` as the hostname matches HTTPRoutes that have either not
    /// specified any hostnames, or have specified at least one of `test.example.com` or
    /// `*.example.com`."
    pub fn intersection(&self, other: &Hostname) -> Option<Hostname> {
        match (self, other) {
            (Hostname::Any, narrower) | (narrower, Hostname::Any) => Some(narrower.clone()),
            (Hostname::Exact(name), cover) | (cover, Hostname::Exact(name)) => cover
                .matches(name.as_bytes())
                .then(|| Hostname::Exact(name.clone())),
            (Hostname::Wildcard(one), Hostname::Wildcard(two)) => {
                let (long, short) = if one.len() >= two.len() {
                    (one, two)
                } else {
                    (two, one)
                };
                long.ends_with(&**short)
                    .then(|| Hostname::Wildcard(long.clone()))
            }
        }
    }

    /// "Characters in a matching non-wildcard hostname."
    pub fn exact_characters(&self) -> usize {
        match self {
            Hostname::Exact(name) => name.len(),
            _ => 0,
        }
    }

    /// "Characters in a matching hostname", the `*` among them.
    pub fn characters(&self) -> usize {
        match self {
            Hostname::Any => 0,
            Hostname::Wildcard(suffix) => suffix.len().saturating_add(1),
            Hostname::Exact(name) => name.len(),
        }
    }
}

impl FromStr for Hostname {
    type Err = InvalidHostname;

    /// Reads `example.com` or `*.example.com`, any case; empty is [`Hostname::Any`].
    fn from_str(text: &str) -> Result<Self, InvalidHostname> {
        let lower = text.to_ascii_lowercase();
        if lower.is_empty() {
            return Ok(Hostname::Any);
        }
        if lower.len() > MAX_HOSTNAME {
            return Err(InvalidHostname::TooLong(lower.len()));
        }
        let (name, wildcard) = match lower.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (lower.as_str(), false),
        };
        if name.contains('*') {
            return Err(InvalidHostname::Wildcard(text.to_owned()));
        }
        if name.split('.').any(|label| !is_label(label)) {
            return Err(InvalidHostname::Label(text.to_owned()));
        }
        Ok(if wildcard {
            Hostname::Wildcard(format!(".{name}").into())
        } else {
            Hostname::Exact(name.into())
        })
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl fmt::Display for Hostname {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Hostname::Any => formatter.write_str("*"),
            Hostname::Wildcard(suffix) => write!(formatter, "*{suffix}"),
            Hostname::Exact(name) => formatter.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Hostname {
        text.parse().unwrap()
    }

    #[test]
    fn a_wildcard_covers_any_depth_but_not_the_bare_domain() {
        let wildcard = name("*.Example.com");
        assert!(wildcard.matches(b"a.example.com"));
        assert!(wildcard.matches(b"a.b.example.com"));
        assert!(!wildcard.matches(b"example.com"));
        assert!(!wildcard.matches(b".example.com"));
        assert!(!wildcard.matches(b"badexample.com"));
    }

    #[test]
    fn intersection_is_the_narrower_one() {
        for (one, two, both) in [
            ("", "a.com", Some("a.com")),
            ("*.a.com", "b.a.com", Some("b.a.com")),
            ("*.a.com", "*.b.a.com", Some("*.b.a.com")),
            ("*.a.com", "a.com", None),
            ("*.a.com", "*.b.com", None),
            ("*.a.com", "*.aa.com", None),
            ("a.com", "b.com", None),
            ("", "", Some("")),
        ] {
            let both = both.map(name);
            assert_eq!(name(one).intersection(&name(two)), both, "{one} {two}");
            assert_eq!(name(two).intersection(&name(one)), both, "{two} {one}");
        }
    }

    #[test]
    fn malformed_names_are_refused() {
        for text in [
            "*", "a.*.com", "*a.com", "a..com", "a.com.", "a_b.com", "-a.com", "a.com:80", " ",
        ] {
            assert!(text.parse::<Hostname>().is_err(), "{text}");
        }
        assert!("a.".repeat(130).parse::<Hostname>().is_err());
    }
}
