//! `sessionPersistence`: who was served once stays with the backend.
//!
//! The token names the backend by a hash, and where the session can time out its times:
//! `<backend>` or `<backend>.<begun>.<last seen>`, in hexadecimal, times in seconds since 1970. Like
//! Envoy's own it is not signed: a client can choose among the backends of the rule, as it can by
//! coming again until it likes the answer.

use super::cookie::Cookie;
use super::spec::{CookieLifetime, CookieSpec, SessionPersistenceSpec, SessionType};
use crate::header::{HeaderEdit, is_token};
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::time::duration;

/// A rule's session persistence, compiled.
#[derive(Debug)]
pub(super) struct Session {
    carrier: Carrier,
    /// Seconds.
    absolute: Option<u64>,
    idle: Option<u64>,
}

#[derive(Debug)]
enum Carrier {
    Cookie(Cookie),
    Header(Box<str>),
}

/// A session that a client has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// The hash of the backend's name.
    pub(super) backend: u64,
    begun: u64,
    seen: u64,
}

impl Session {
    pub(super) fn new(spec: &SessionPersistenceSpec, canary: &str) -> Result<Self, InvalidConfig> {
        let name = spec.name(canary);
        if !is_token(name.as_bytes()) {
            let reason = format_args!("`{name}`: not a name of a cookie or header");
            return Err(InvalidConfig::new("sessionName", reason));
        }
        let seconds = |text: &Option<String>, field: &str| {
            let found = text.as_deref().map(|text| duration(text, field));
            found
                .map(|found| found.map(|time| time.as_secs().max(1)))
                .transpose()
        };
        let absolute = seconds(&spec.absolute_timeout, "absoluteTimeout")?;
        let idle = seconds(&spec.idle_timeout, "idleTimeout")?;
        let carrier = match spec.kind.unwrap_or_default() {
            SessionType::Cookie => Carrier::Cookie(cookie(spec, name)?),
            SessionType::Header if spec.cookie_config.is_some() => {
                return Err(InvalidConfig::new("cookieConfig", "for type Cookie only"));
            }
            SessionType::Header => Carrier::Header(name.to_ascii_lowercase().into()),
        };
        Ok(Session {
            carrier,
            absolute,
            idle,
        })
    }

    /// Whether a session's age matters, so that the clock has to be read.
    pub(super) fn is_timed(&self) -> bool {
        self.absolute.is_some() || self.idle.is_some()
    }

    /// The client's session, unless it is over. `now` is in nanoseconds since 1970.
    pub(super) fn of(&self, head: &RequestHead, now: u64) -> Option<Token> {
        let text = match &self.carrier {
            Carrier::Cookie(cookie) => head.cookie(cookie.name().as_bytes()),
            Carrier::Header(name) => head.values(name.as_bytes()).next(),
        };
        let token = Token::read(std::str::from_utf8(text?).ok()?, self.is_timed())?;
        let age = |since: u64| (now / SECOND).saturating_sub(since);
        let lasts = |limit: Option<u64>, since| limit.is_none_or(|limit| age(since) < limit);
        (lasts(self.absolute, token.begun) && lasts(self.idle, token.seen)).then_some(token)
    }

    /// The response header that begins a session with a backend, or goes on with one.
    pub(super) fn edit(&self, backend: u64, held: Option<Token>, now: u64) -> HeaderEdit<'static> {
        let seen = now / SECOND;
        let begun = held.map_or(seen, |token| token.begun);
        let token = match self.is_timed() {
            true => format!("{backend:016x}.{begun:x}.{seen:x}"),
            false => format!("{backend:016x}"),
        };
        match &self.carrier {
            Carrier::Cookie(cookie) => cookie.edit(&token),
            Carrier::Header(name) => HeaderEdit::set(name.to_string(), token.into_bytes()),
        }
    }

    /// Whether a session that goes on needs a new token: its last use is in it.
    pub(super) fn is_renewed(&self, held: Token, now: u64) -> bool {
        self.idle.is_some() && held.seen != now / SECOND
    }
}

const SECOND: u64 = 1_000_000_000;

impl Token {
    fn read(text: &str, timed: bool) -> Option<Self> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let mut parts = text.split('.');
        let backend = number(parts.next()?)?;
        let (begun, seen) = match timed {
            true => (number(parts.next()?)?, number(parts.next()?)?),
            false => (0, 0),
        };
        let token = Token {
            backend,
            begun,
            seen,
        };
        parts.next().is_none().then_some(token)
    }
}

fn cookie(spec: &SessionPersistenceSpec, name: String) -> Result<Cookie, InvalidConfig> {
    let config = spec.cookie_config.clone().unwrap_or_default();
    let permanent = config.lifetime_type == Some(CookieLifetime::Permanent);
    if permanent && spec.absolute_timeout.is_none() {
        let reason = "a permanent cookie needs it";
        return Err(InvalidConfig::new("absoluteTimeout", reason));
    }
    Cookie::try_from(&CookieSpec {
        name,
        path: spec.path.clone(),
        max_age: spec.absolute_timeout.clone().filter(|_| permanent),
        ..CookieSpec::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn session(spec: Value) -> Result<Session, String> {
        let spec: SessionPersistenceSpec = serde_json::from_value(spec).unwrap();
        Session::new(&spec, "shop/a:1").map_err(|error| error.to_string())
    }

    fn held(session: &Session, name: &str, value: &str, seconds: u64) -> Option<u64> {
        let head = RequestHead::new([(name.as_bytes(), value.as_bytes())]);
        session
            .of(&head, seconds * SECOND)
            .map(|token| token.backend)
    }

    #[test]
    fn a_session_is_what_was_handed_out() {
        let cookie = session(json!({"sessionName": "S"})).unwrap();
        let set_cookie = |value: &'static str| HeaderEdit::add("set-cookie", value.as_bytes());
        assert_eq!(
            cookie.edit(0xabc, None, 0),
            set_cookie("S=\"0000000000000abc\"; Path=/; HttpOnly")
        );
        assert_eq!(
            held(&cookie, "cookie", "x=1; S=0000000000000abc", 9),
            Some(0xabc)
        );
        let header = session(json!({"sessionName": "Session-A", "type": "Header"})).unwrap();
        assert_eq!(
            header.edit(7, None, 0),
            HeaderEdit::set("session-a", &b"0000000000000007"[..])
        );
        assert_eq!(held(&header, "session-a", "0000000000000007", 9), Some(7));
        for forged in ["", "g", "7.1.1", "10000000000000007"] {
            assert_eq!(held(&header, "session-a", forged, 0), None, "{forged}");
        }
    }

    #[test]
    fn a_session_ends_with_its_time() {
        let spec = json!({"absoluteTimeout": "100s", "idleTimeout": "10s",
                          "cookieConfig": {"lifetimeType": "Permanent"}, "path": "/cart"});
        let session = session(spec).unwrap();
        let set_cookie = |token: &str| {
            let cookie = format!("shop-a-1=\"{token}\"; Max-Age=100; Path=/cart; HttpOnly");
            HeaderEdit::add("set-cookie", cookie.into_bytes())
        };
        assert_eq!(
            session.edit(1, None, 1_000 * SECOND),
            set_cookie("0000000000000001.3e8.3e8")
        );
        let at = |token: &str, now| held(&session, "cookie", &format!("shop-a-1={token}"), now);
        assert_eq!(at("1.3e8.3e8", 1_009), Some(1));
        assert_eq!(at("1.3e8.3e8", 1_010), None, "idle");
        assert_eq!(at("1.3e8.440", 1_090), Some(1));
        assert_eq!(at("1.3e8.448", 1_100), None, "over");
        assert_eq!(at("1", 1_000), None, "without its times");
        let token = Token::read("1.3e8.3e8", true).unwrap();
        assert!(session.is_renewed(token, 1_001 * SECOND));
        assert!(!session.is_renewed(token, 1_000 * SECOND));
        assert_eq!(
            session.edit(1, Some(token), 1_001 * SECOND),
            set_cookie("0000000000000001.3e8.3e9")
        );
    }

    #[test]
    fn what_is_no_session_is_refused() {
        for (spec, field) in [
            (json!({"sessionName": "a b"}), "sessionName: "),
            (json!({"absoluteTimeout": "x"}), "absoluteTimeout: "),
            (json!({"idleTimeout": "0s"}), "idleTimeout: "),
            (
                json!({"type": "Header", "cookieConfig": {}}),
                "cookieConfig: ",
            ),
            (json!({"path": "cart"}), "path: "),
            (
                json!({"cookieConfig": {"lifetimeType": "Permanent"}}),
                "absoluteTimeout: a permanent cookie needs it",
            ),
        ] {
            let error = session(spec).unwrap_err();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
