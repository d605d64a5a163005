//! Which Envoy is imitated, and which proxy-wasm ABI a module speaks.

use std::fmt;
use std::str::FromStr;

/// An Envoy release line, as far as the Wasm host differs between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvoyVersion {
    major: u16,
    minor: u16,
}

/// Text that is not an Envoy version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an Envoy version such as 1.39 or 1.39.3")]
pub struct InvalidEnvoyVersion(String);

impl EnvoyVersion {
    /// A release line: `new(1, 39)` is every 1.39.x.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// How many of the WASI functions this Envoy registers: 15, then 18 since proxy-wasm-cpp-host
    /// c4d7bb0, then 45 since 94091cd (`include/proxy-wasm/exports.h`).
    pub(crate) fn wasi_functions(self) -> usize {
        if self < Self::new(1, 33) {
            15
        } else if self < Self::new(1, 39) {
            18
        } else {
            45
        }
    }

    /// Since 1.33 there is the foreign function `clear_route_cache` (Envoy `foreign.cc`).
    pub(crate) fn clears_route_cache_by_function(self) -> bool {
        self >= Self::new(1, 33)
    }

    /// Since 1.39 `request.headers_bytes` and `response.headers_bytes` are attributes.
    pub(crate) fn has_headers_bytes(self) -> bool {
        self >= Self::new(1, 39)
    }

    /// Since 1.39 a route's header matcher tries each line of a repeated header alone; before,
    /// they were joined by a comma first.
    pub(crate) fn matches_header_lines_alone(self) -> bool {
        self >= Self::new(1, 39)
    }
}

impl Default for EnvoyVersion {
    /// The Envoy of Envoy Gateway 1.9.
    fn default() -> Self {
        Self::new(1, 39)
    }
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for EnvoyVersion {
    type Err = InvalidEnvoyVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidEnvoyVersion(text.to_owned());
        let mut parts = text.split('.').map(str::parse::<u16>);
        let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
            return Err(invalid());
        };
        match (parts.next(), parts.next()) {
            (None | Some(Ok(_)), None) => Ok(Self { major, minor }),
            _ => Err(invalid()),
        }
    }
}

/// The ABI a module declares by the function it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AbiVersion {
    /// `proxy_abi_version_0_1_0`.
    V0_1_0,
    /// `proxy_abi_version_0_2_0`.
    V0_2_0,
    /// `proxy_abi_version_0_2_1`: what the Rust SDK declares.
    V0_2_1,
}

impl AbiVersion {
    /// All that Envoy knows.
    pub const ALL: [Self; 3] = [Self::V0_1_0, Self::V0_2_0, Self::V0_2_1];

    /// The export that declares it.
    pub fn export(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_or_without_patch() {
        assert_eq!("1.39".parse(), Ok(EnvoyVersion::default()));
        assert_eq!("1.36.4".parse(), Ok(EnvoyVersion::new(1, 36)));
        for wrong in ["", "1", "1.x", "1.39.", "1.39.3.1", "v1.39"] {
            assert!(wrong.parse::<EnvoyVersion>().is_err(), "{wrong:?}");
        }
    }
}
