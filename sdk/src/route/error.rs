//! What can be wrong with a configured value: one error per parsed thing, nested so that the
//! message reads as a path.

use serde::de::{self, Expected, Unexpected};
use std::fmt;
use thiserror::Error;

/// A hostname that is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidHostname {
    /// More than 253 characters.
    #[error("a hostname has at most 253 characters, this one {0}")]
    TooLong(usize),
    /// A `*` that is not the whole first label.
    #[error("`{0}`: a wildcard stands alone as the first label, as in *.example.com")]
    Wildcard(String),
    /// A label that DNS does not allow.
    #[error("`{0}`: labels have 1 to 63 letters, digits or hyphens, with no hyphen at either end")]
    Label(String),
}

/// A match that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidMatch {
    /// A path that is not absolute, or has a part that no normalised request has.
    #[error(
        "`{0}`: a path starts with / and has no //, /./, /../, %2f, %2F, # and does not end in /. or /.."
    )]
    Path(String),
    /// A pattern that does not compile.
    #[error("`{pattern}`: {reason}")]
    Pattern {
        /// As configured.
        pattern: String,
        /// What the regex compiler says.
        reason: String,
    },
    /// A header name that HTTP does not allow.
    #[error("`{0}`: not a header name")]
    HeaderName(String),
    /// An empty name.
    #[error("the name is empty")]
    EmptyName,
    /// A method that HTTP does not allow.
    #[error("`{0}`: not an HTTP method")]
    Method(String),
    /// A service or method with a slash in it, or both absent.
    #[error("`{0}`: not a gRPC service or method name")]
    GrpcName(String),
    /// Neither service nor method is given.
    #[error("one or both of service and method must be given")]
    GrpcEmpty,
    /// A field of the other kind of route.
    #[error("not a field of a {0}")]
    WrongKind(&'static str),
    /// `PathPrefix` for something that is not a path.
    #[error("PathPrefix is for paths only")]
    PrefixOfValue,
    /// Not an address and a prefix length.
    #[error("`{0}`: not an address range as in 10.0.0.0/8 or 2001:db8::/32")]
    Cidr(String),
    /// `not` inside `not`.
    #[error("`not` cannot be nested")]
    NestedNot,
    /// A `not` without conditions would forbid every request.
    #[error("an entry of `not` has at least one condition")]
    EmptyNot,
}

/// A configuration that is refused, and where: `routes[0].spec.rules[2].matches[0].path: …`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {reason}")]
pub struct InvalidConfig {
    /// The field, as written in the configuration.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidConfig {
    /// An error at a field.
    pub fn new(path: impl fmt::Display, reason: impl fmt::Display) -> Self {
        InvalidConfig {
            path: path.to_string(),
            reason: reason.to_string(),
        }
    }

    /// The same error one level further out: `rules[2]` in front of `matches[0]`.
    #[must_use]
    pub fn within(mut self, parent: impl fmt::Display) -> Self {
        self.path = match self.path.bytes().next() {
            None => parent.to_string(),
            Some(b'[') => format!("{parent}{}", self.path),
            Some(_) => format!("{parent}.{}", self.path),
        };
        self
    }
}

impl de::Error for InvalidConfig {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        InvalidConfig::new("", reason)
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "invalid type: {}, expected {expected}",
            Found(found)
        ))
    }

    fn invalid_value(found: Unexpected, expected: &dyn Expected) -> Self {
        Self::custom(format_args!(
            "invalid value: {}, expected {expected}",
            Found(found)
        ))
    }
}

/// As serde tells what it found, but for the digits of floating point numbers: the code that writes
/// them is 16 KB of a module, and nothing else needs it.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(value) => write!(formatter, "boolean `{value}`"),
            Unexpected::Unsigned(value) => write!(formatter, "integer `{value}`"),
            Unexpected::Signed(value) => write!(formatter, "integer `{value}`"),
            Unexpected::Str(value) => write!(formatter, "string {value:?}"),
            Unexpected::Unit => formatter.write_str("null"),
            Unexpected::Seq => formatter.write_str("sequence"),
            Unexpected::Map => formatter.write_str("map"),
            _ => formatter.write_str("a number with a fraction"),
        }
    }
}
