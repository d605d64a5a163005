//! The Envoy of the tests, for several test targets.

use std::io::Write as _;

use gateway_harness::envoy::{self, Binary};

/// The binary; absent where there is none and `GWF_REQUIRE_ENVOY` is not 1: what needs it is skipped.
pub(crate) fn find() -> Option<Binary> {
    let found = envoy::find();
    if let Err(error) = &found {
        let required = std::env::var_os("GWF_REQUIRE_ENVOY").is_some_and(|value| value == "1");
        assert!(!required, "{error}");
        // Not by a macro: those are captured, and a test that did nothing must say so.
        let _ = writeln!(std::io::stderr(), "skipped: {error}");
    }
    found.ok()
}
