//! States by key in shared data, of which there is no more than a bounded number.
//!
//! Shared data has no delete, so keys of clients cannot be its keys. There is a fixed number of
//! *sets* instead; a keyed hash of the client's key, its *fingerprint*, selects the set and names the
//! state in it. No client can find keys that share a set without the seed, and all workers must
//! have the same one ([`Seed::agreed`]).
//!
//! - key in shared data: prefix, number of the set (4 bytes)
//! - value: tag (8 bytes), then up to 33 entries of fingerprint and state (8 bytes each)
//!
//! All numbers are little-endian. A value that is malformed or has another tag, because it means
//! something else, counts as an empty set.
//!
//! Ten thousand keys have two that share a fingerprint, and so a state, with a probability of
//! 3 in 10¹².

#[cfg(test)]
pub(super) mod tests;

use crate::host::{CREATE, HostError, SharedData, Status};
use siphasher::sip::SipHasher13;

/// Keys to a set on average when as many are live as there may be. A set then has more than
/// [`MOST`], given 10,000 keys, with a probability of 4 in 100,000,000 (they spread as a Poisson
/// distribution).
const AVERAGE: u32 = 8;

/// Most keys in a set.
const MOST: usize = 32;

/// A fingerprint that no key has: what a set holds for keys that it has no place for.
pub(super) const OVERFLOW: u64 = 0;

/// Attempts to write before giving up. Each failure is another worker's success.
const ATTEMPTS: u32 = 1_024;

const SEED_KEY: &[u8] = b"limit/seed";

/// What fingerprints are keyed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 16]);

impl Seed {
    /// The seed that all workers share: the first to come draws it.
    pub fn agreed(
        shared: &dyn SharedData,
        mut draw: impl FnMut() -> u64,
    ) -> Result<Seed, HostError> {
        let drawn = u128::from(draw()) << 64 | u128::from(draw());
        for _ in 0..ATTEMPTS {
            let held = shared.shared(SEED_KEY)?;
            let cas = held.as_ref().map_or(CREATE, |(_, cas)| *cas);
            if let Some(seed) = held.and_then(|(value, _)| value.try_into().ok()) {
                return Ok(Seed(seed));
            }
            match shared.set_shared(SEED_KEY, &drawn.to_le_bytes(), cas) {
                Err(error) if !is_mismatch(&error) => return Err(error),
                // Read what is there now, be it of this worker or of one that was faster.
                _ => {}
            }
        }
        Err(HostError::Status {
            call: "proxy_set_shared_data",
            status: Status::CAS_MISMATCH,
        })
    }
}

fn is_mismatch(error: &HostError) -> bool {
    matches!(error, HostError::Status { status, .. } if *status == Status::CAS_MISMATCH)
}

/// The sets of one table.
#[derive(Debug, Clone)]
pub(super) struct Sets {
    prefix: Vec<u8>,
    count: u32,
    hasher: SipHasher13,
}

impl Sets {
    /// Sets with places for `max_keys` keys and more. Tables are told apart by their prefix.
    pub fn new(prefix: &[u8], max_keys: u32, Seed(seed): Seed) -> Sets {
        Sets {
            prefix: prefix.to_vec(),
            count: max_keys.div_ceil(AVERAGE).max(1),
            hasher: SipHasher13::new_with_key(&seed),
        }
    }

    /// Lets `change` look at and change the set of a key, whose fingerprint it is given, and writes
    /// what it changed: one hostcall to read and one to write. Where another worker writes in
    /// between it is called again. `None` if that happened more than a thousand times.
    pub fn update<T>(
        &self,
        shared: &dyn SharedData,
        key: &[u8],
        tag: u64,
        mut change: impl FnMut(&mut Set, u64) -> T,
    ) -> Result<Option<T>, HostError> {
        let fingerprint = self.hasher.hash(key).max(OVERFLOW + 1);
        let number = ((fingerprint >> 32) * u64::from(self.count)) >> 32;
        let mut name = Vec::with_capacity(self.prefix.len() + 4);
        name.extend_from_slice(&self.prefix);
        name.extend_from_slice(&(number as u32).to_le_bytes());
        for _ in 0..ATTEMPTS {
            let (value, cas) = shared.shared(&name)?.unwrap_or((Vec::new(), CREATE));
            let mut set = Set::read(value, tag);
            let answer = change(&mut set, fingerprint);
            if !set.changed {
                return Ok(Some(answer));
            }
            match shared.set_shared(&name, &set.bytes, cas) {
                Ok(()) => return Ok(Some(answer)),
                Err(error) if is_mismatch(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// One set, in the bytes that it is kept in.
#[derive(Debug)]
pub(super) struct Set {
    bytes: Vec<u8>,
    changed: bool,
}

/// An entry of a set and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub at: usize,
    pub fingerprint: u64,
    pub state: u64,
}

impl Set {
    fn read(bytes: Vec<u8>, tag: u64) -> Set {
        let tag = tag.to_le_bytes();
        let (size, rest) = (bytes.len() / 16, bytes.len() % 16);
        let bytes = match bytes.starts_with(&tag) && rest == tag.len() && size <= MOST + 1 {
            true => bytes,
            false => tag.to_vec(),
        };
        let changed = false;
        Set { bytes, changed }
    }

    fn len(&self) -> usize {
        self.bytes.len() / 16
    }

    /// Whether there is a place for a key of its own.
    pub fn has_place(&self) -> bool {
        self.len() < MOST
    }

    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let (words, _) = self.bytes.as_chunks::<8>();
        let (entries, _) = words.get(1..).unwrap_or(&[]).as_chunks::<2>();
        entries
            .iter()
            .enumerate()
            .map(|(at, &[name, state])| Entry {
                at,
                fingerprint: u64::from_le_bytes(name),
                state: u64::from_le_bytes(state),
            })
    }

    pub fn find(&self, fingerprint: u64) -> Option<Entry> {
        self.entries()
            .find(|entry| entry.fingerprint == fingerprint)
    }

    /// Puts an entry in the place of another.
    pub fn put(&mut self, entry: Entry) {
        let (words, _) = self.bytes.as_chunks_mut::<8>();
        let (entries, _) = words.get_mut(1..).unwrap_or_default().as_chunks_mut::<2>();
        if let Some(place) = entries.get_mut(entry.at) {
            *place = [entry.fingerprint.to_le_bytes(), entry.state.to_le_bytes()];
            self.changed = true;
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, fingerprint: u64, state: u64) {
        self.bytes.extend_from_slice(&fingerprint.to_le_bytes());
        self.bytes.extend_from_slice(&state.to_le_bytes());
        self.changed = true;
    }
}
