//! Hostnames by hash: what covers a host, the most specific first.

use super::hostname::{Hostname, MAX_HOSTNAME};
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// A number for each hostname.
#[derive(Debug, Default)]
pub(crate) struct HostIndex {
    named: HashTable<Named>,
    any: Option<u32>,
}

/// A wildcard is keyed by its suffix, which starts with a dot and so cannot be taken for an exact
/// name.
#[derive(Debug)]
struct Named {
    key: Box<[u8]>,
    number: u32,
}

impl HostIndex {
    /// The number of a hostname itself.
    pub(crate) fn get(&self, hostname: &Hostname) -> Option<u32> {
        match hostname {
            Hostname::Any => self.any,
            Hostname::Wildcard(key) | Hostname::Exact(key) => self.named(key.as_bytes()),
        }
    }

    /// Gives a hostname that has none yet its number.
    pub(crate) fn insert(&mut self, hostname: &Hostname, number: u32) {
        match hostname {
            Hostname::Any => self.any = Some(number),
            Hostname::Wildcard(key) | Hostname::Exact(key) => {
                let named = Named {
                    key: key.as_bytes().into(),
                    number,
                };
                let hash_of = |named: &Named| hash(0, &named.key);
                self.named
                    .insert_unique(hash(0, key.as_bytes()), named, hash_of);
            }
        }
    }

    /// The numbers of all hostnames that cover a host (lower case, no port): its own name, then its
    /// suffixes from the longest, then every host.
    pub(crate) fn covering<'a>(&'a self, host: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let known = if host.len() <= MAX_HOSTNAME {
            host
        } else {
            b""
        };
        let own = (!known.starts_with(b".")).then_some(known);
        let suffixes = known
            .iter()
            .enumerate()
            .skip(1)
            .filter_map(move |(at, &byte)| if byte == b'.' { known.get(at..) } else { None });
        own.into_iter()
            .chain(suffixes)
            .filter_map(|key| self.named(key))
            .chain(self.any)
    }

    fn named(&self, key: &[u8]) -> Option<u32> {
        self.named
            .find(hash(0, key), |named| *named.key == *key)
            .map(|named| named.number)
    }
}

/// The keys are those of the configuration, which nobody hostile writes; so a fast hash will do.
pub(super) fn hash(parent: u32, bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u32(parent);
    hasher.write(bytes);
    hasher.finish()
}
