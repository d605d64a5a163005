//! `Set-Cookie` (RFC 6265, 4.1).

use super::spec::{CookieSpec, SameSite};
use crate::header::{HeaderEdit, is_token};
use crate::route::InvalidConfig;
use crate::time::duration;
use std::fmt::Write as _;

/// A cookie whose value alone is still open.
#[derive(Debug)]
pub(super) struct Cookie {
    name: Box<str>,
    /// `; Max-Age=10; Path=/; HttpOnly`.
    attributes: Box<str>,
}

impl Cookie {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The response header that sets the cookie, the value in quotes as Envoy writes it
    /// (`Utility::makeSetCookieValue` in `source/common/http/utility.cc`).
    pub(super) fn edit(&self, value: &str) -> HeaderEdit<'static> {
        let line = format!("{}=\"{value}\"{}", self.name, self.attributes);
        HeaderEdit::add("set-cookie", line.into_bytes())
    }
}

impl TryFrom<&CookieSpec> for Cookie {
    type Error = InvalidConfig;

    fn try_from(spec: &CookieSpec) -> Result<Self, InvalidConfig> {
        if !is_token(spec.name.as_bytes()) {
            let reason = format_args!("`{}`: not a name of a cookie", spec.name);
            return Err(InvalidConfig::new("name", reason));
        }
        let mut attributes = String::new();
        let mut attribute = |name: &str, value: &str| {
            // Writing to a String does not fail.
            let _ = write!(attributes, "; {name}={value}");
        };
        if let Some(age) = &spec.max_age {
            attribute("Max-Age", &duration(age, "maxAge")?.as_secs().to_string());
        }
        let path = spec.path.as_deref().unwrap_or("/");
        if !path.starts_with('/') || !is_attribute(path) {
            let reason = format_args!("`{path}`: not a path of a cookie");
            return Err(InvalidConfig::new("path", reason));
        }
        attribute("Path", path);
        if let Some(domain) = &spec.domain {
            if domain.is_empty() || !is_attribute(domain) {
                let reason = format_args!("`{domain}`: not a domain of a cookie");
                return Err(InvalidConfig::new("domain", reason));
            }
            attribute("Domain", domain);
        }
        if let Some(same_site) = spec.same_site {
            let value = match same_site {
                SameSite::Strict => "Strict",
                SameSite::Lax => "Lax",
                SameSite::None => "None",
            };
            attribute("SameSite", value);
        }
        for (flag, name) in [
            (spec.secure.unwrap_or(false), "; Secure"),
            (spec.http_only.unwrap_or(true), "; HttpOnly"),
        ] {
            if flag {
                attributes.push_str(name);
            }
        }
        Ok(Cookie {
            name: spec.name.as_str().into(),
            attributes: attributes.into(),
        })
    }
}

/// "av-octets: any CHAR except CTLs or `;`".
fn is_attribute(text: &str) -> bool {
    text.bytes()
        .all(|byte| (byte == b' ' || byte.is_ascii_graphic()) && byte != b';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cookie(spec: serde_json::Value) -> Result<HeaderEdit<'static>, String> {
        let spec: CookieSpec = serde_json::from_value(spec).unwrap();
        let cookie = Cookie::try_from(&spec).map_err(|error| error.to_string());
        cookie.map(|cookie| cookie.edit("7"))
    }

    #[test]
    fn attributes_are_written() {
        for (spec, expected) in [
            (json!({"name": "a"}), "a=\"7\"; Path=/; HttpOnly"),
            (
                json!({"name": "a", "maxAge": "24h", "path": "/b", "domain": "example.com",
                       "sameSite": "None", "secure": true, "httpOnly": false}),
                "a=\"7\"; Max-Age=86400; Path=/b; Domain=example.com; SameSite=None; Secure",
            ),
        ] {
            let expected = HeaderEdit::add("set-cookie", expected.as_bytes());
            assert_eq!(cookie(spec).unwrap(), expected);
        }
    }

    #[test]
    fn nothing_can_be_smuggled_in() {
        for (spec, field) in [
            (json!({"name": "a b"}), "name: "),
            (json!({"name": ""}), "name: "),
            (json!({"name": "a", "path": "b"}), "path: "),
            (json!({"name": "a", "path": "/;Secure"}), "path: "),
            (json!({"name": "a", "path": "/\r\nx: y"}), "path: "),
            (json!({"name": "a", "domain": "x;y"}), "domain: "),
            (json!({"name": "a", "maxAge": "-1s"}), "maxAge: "),
        ] {
            let error = cookie(spec).unwrap_err();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
