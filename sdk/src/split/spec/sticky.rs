//! What keeps a client where it was.

use crate::header::is_token;
use crate::key::KeySpec;
use serde::{Deserialize, Serialize};

/// A client's key decides instead of chance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StickySpec {
    /// What tells clients apart. Of several, all that a request has count together, as Envoy's hash
    /// policies do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeySpec>,
    /// For a request that has none of `keys`: this cookie is its key, and a client without it gets
    /// one. Without it chance decides on such requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<CookieSpec>,
    /// What clients are drawn with; the canary's name when absent. Canaries with one salt pick the same
    /// clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// A cookie that the filter sets (RFC 6265).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CookieSpec {
    /// Its name.
    pub name: String,
    /// `Path`; `/` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `Domain`; absent is the request's host alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `Max-Age`, as in `24h`; absent is until the browser ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// `SameSite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// `HttpOnly`; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_only: Option<bool>,
    /// `Secure`; false when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure: Option<bool>,
}

/// `SameSite` of a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SameSite {
    /// Never with requests of other sites.
    Strict,
    /// With links from other sites.
    Lax,
    /// Always; browsers want `Secure` with it.
    None,
}

/// `sessionPersistence` of an HTTPRoute or GRPCRoute rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionPersistenceSpec {
    /// "SessionName defines the name of the persistent session token which may be reflected in the
    /// cookie or the header." When absent, the canary's name with `-` for what no header name may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// "Type defines the type of session persistence such as through the use of a header or cookie.
    /// Defaults to cookie based session persistence."
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<SessionType>,
    /// "AbsoluteTimeout defines the absolute timeout of the persistent session. Once the
    /// AbsoluteTimeout duration has elapsed, the session becomes invalid."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_timeout: Option<String>,
    /// "IdleTimeout defines the idle timeout of the persistent session. Once the session has been idle
    /// for more than the specified IdleTimeout duration, the session becomes invalid."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<String>,
    /// "CookieConfig provides configuration settings that are specific to cookie-based session
    /// persistence."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_config: Option<CookieConfigSpec>,
    /// `Path` of the cookie, which Envoy Gateway takes from the route's match; `/` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl SessionPersistenceSpec {
    /// The name of the cookie or header: `sessionName`, or the one that a canary of this name has
    /// without it.
    #[must_use]
    pub fn name(&self, canary: &str) -> String {
        let allowed = |c: char| u8::try_from(c).is_ok_and(|byte| is_token(&[byte]));
        let generated = || canary.replace(|c| !allowed(c), "-");
        self.session_name.clone().unwrap_or_else(generated)
    }
}

/// "Valid values are: `Cookie`, `Header`".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionType {
    /// `Set-Cookie` and `Cookie`.
    #[default]
    Cookie,
    /// A header that the client sends back.
    Header,
}

/// Of cookies alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CookieConfigSpec {
    /// `Session` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_type: Option<CookieLifetime>,
}

/// "LifetimeType specifies whether the cookie has a permanent or session-based lifetime. A permanent
/// cookie persists until its specified expiry time, defined by the Expires or Max-Age cookie
/// attributes, while a session cookie is deleted when the current session ends."
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CookieLifetime {
    /// Until the browser ends.
    #[default]
    Session,
    /// For `absoluteTimeout`.
    Permanent,
}
