//! The draw of a request: by the client's key, so that it is the same each time, else by chance.

use super::cookie::Cookie;
use super::race::Salt;
use super::spec::StickySpec;
use crate::header::HeaderEdit;
use crate::host::{Host, HostError};
use crate::key::{Key, Subject};
use crate::route::InvalidConfig;

/// What keeps a client where it was.
#[derive(Debug)]
pub(super) struct Sticky {
    keys: Vec<Key>,
    cookie: Option<Cookie>,
    salt: Salt,
}

/// What decides on a request.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) draw: u64,
    /// For a client that got its key now.
    pub(super) set_cookie: Option<HeaderEdit<'static>>,
}

impl Sticky {
    pub(super) fn new(spec: &StickySpec, canary: &str) -> Result<Self, InvalidConfig> {
        if spec.keys.is_empty() && spec.cookie.is_none() {
            return Err(InvalidConfig::new("keys", "at least one key, or a cookie"));
        }
        let mut keys = Vec::with_capacity(spec.keys.len());
        for (at, key) in spec.keys.iter().enumerate() {
            let key = Key::try_from(key);
            keys.push(key.map_err(|error| error.within(format_args!("keys[{at}]")))?);
        }
        let cookie = spec.cookie.as_ref().map(Cookie::try_from).transpose();
        Ok(Sticky {
            keys,
            cookie: cookie.map_err(|error| error.within("cookie"))?,
            salt: Salt::new(spec.salt.as_deref().unwrap_or(canary).as_bytes()),
        })
    }

    /// The draw of a client, who gets a key if it has none.
    pub(super) fn draw(&self, subject: &Subject, host: &dyn Host) -> Result<Drawn, HostError> {
        let mut drawn = None;
        for (at, key) in self.keys.iter().enumerate() {
            if let Some(value) = key.value(subject)? {
                drawn = Some(self.salt.draw(drawn, at, &value));
            }
        }
        if let Some(draw) = drawn {
            return Ok(Drawn::silent(draw));
        }
        let Some(cookie) = &self.cookie else {
            return Ok(Drawn::silent(host.draw()));
        };
        let of = |value: &[u8]| self.salt.draw(None, self.keys.len(), value);
        let held = subject.head.cookie(cookie.name().as_bytes());
        if let Some(draw) = held.filter(|value| !value.is_empty()).map(of) {
            return Ok(Drawn::silent(draw));
        }
        let value = format!("{:016x}", host.draw());
        Ok(Drawn {
            draw: of(value.as_bytes()),
            set_cookie: Some(cookie.edit(&value)),
        })
    }
}

impl Drawn {
    pub(super) fn silent(draw: u64) -> Self {
        Drawn {
            draw,
            set_cookie: None,
        }
    }
}
