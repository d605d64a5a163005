use super::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// Shared data that threads share, as Envoy's workers do.
#[derive(Debug, Default)]
pub struct Workers {
    values: Mutex<Values>,
    /// Writes that fail, from now on.
    pub failing: Mutex<u32>,
}

type Values = (HashMap<Vec<u8>, (Vec<u8>, u32)>, u32);

impl Workers {
    /// Number of keys, and bytes in their values.
    pub fn size(&self) -> (usize, usize) {
        let values = &self.values.lock().unwrap().0;
        let bytes = values.values().map(|(value, _)| value.len()).sum();
        (values.len(), bytes)
    }

    /// Writes one value to all keys.
    pub fn overwrite(&self, with: &[u8]) {
        for (value, _) in self.values.lock().unwrap().0.values_mut() {
            *value = with.to_vec();
        }
    }
}

impl SharedData for Workers {
    fn shared(&self, key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        Ok(self.values.lock().unwrap().0.get(key).cloned())
    }

    fn set_shared(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), HostError> {
        let mut failing = self.failing.lock().unwrap();
        let (values, last) = &mut *self.values.lock().unwrap();
        let held = values.get(key).map(|(_, cas)| *cas);
        let is_current = held.is_none_or(|held| cas == 0 || cas == held);
        if !is_current || *failing > 0 {
            *failing = failing.saturating_sub(1);
            let (call, status) = ("proxy_set_shared_data", Status::CAS_MISMATCH);
            return Err(HostError::Status { call, status });
        }
        *last += 1;
        values.insert(key.to_vec(), (value.to_vec(), *last));
        Ok(())
    }
}

pub fn seed() -> Seed {
    Seed([7; 16])
}

#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "no threads")]
fn all_workers_have_the_seed_of_the_first() {
    let workers = Workers::default();
    let agree = |number: u64| Seed::agreed(&workers, || number).unwrap();
    let seeds: Vec<Seed> = std::thread::scope(|scope| {
        let agree = &agree;
        let threads = [1, 2, 3, 4, 5, 6, 7, 8].map(|number| scope.spawn(move || agree(number)));
        threads.map(|thread| thread.join().unwrap()).to_vec()
    });
    assert!(seeds.iter().all(|seed| *seed == seeds[0]));
    assert_eq!(Seed::agreed(&workers, || 99), Ok(seeds[0]));
}

#[test]
fn a_malformed_seed_is_replaced() {
    let workers = Workers::default();
    Seed::agreed(&workers, || 1).unwrap();
    workers.overwrite(b"short");
    let seed = Seed::agreed(&workers, || 2).unwrap();
    assert_eq!(seed, Seed::agreed(&workers, || 3).unwrap());
    assert_eq!(seed, Seed((2 << 64 | 2u128).to_le_bytes()));
}

#[test]
fn a_host_that_never_writes_is_given_up() {
    let workers = Workers::default();
    *workers.failing.lock().unwrap() = u32::MAX;
    assert!(Seed::agreed(&workers, || 1).is_err());
}

#[test]
fn sets_read_what_they_wrote() {
    let mut set = Set::read(Vec::new(), 5);
    set.push(10, 11);
    set.push(20, 21);
    set.put(Entry {
        at: 0,
        fingerprint: 30,
        state: 31,
    });
    let set = Set::read(set.bytes, 5);
    assert_eq!(set.find(10), None);
    assert_eq!(set.find(20).map(|entry| entry.state), Some(21));
    assert_eq!(
        set.find(30),
        Some(Entry {
            at: 0,
            fingerprint: 30,
            state: 31
        })
    );
    assert!(!set.changed);
}

#[test]
fn what_is_no_set_is_an_empty_one() {
    let mut full = Set::read(Vec::new(), 5);
    for name in 0..=32 {
        full.push(name, 1);
    }
    assert_eq!(Set::read(full.bytes.clone(), 5).entries().count(), 33);
    let mut long = full.bytes.clone();
    long.extend([0; 16]);
    for (bytes, tag) in [
        (long, 5),
        (full.bytes[..23].to_vec(), 5),
        (full.bytes[..16].to_vec(), 5),
        (full.bytes.clone(), 6),
        (b"5".to_vec(), 5),
    ] {
        let set = Set::read(bytes, tag);
        assert_eq!(set.entries().count(), 0);
        assert_eq!(set.bytes, u64::to_le_bytes(tag));
    }
}

/// 10,000 keys in a table for as many: none is without a place, whatever the seed.
#[test]
fn as_many_keys_as_it_is_for_find_places() {
    for number in 0..10 {
        let (workers, seed) = (Workers::default(), Seed([number; 16]));
        let sets = Sets::new(b"p", 10_000, seed);
        for key in 0..10_000u32 {
            let placed = sets.update(&workers, &key.to_le_bytes(), 1, |set, fingerprint| {
                let placed = set.find(fingerprint).is_none() && set.has_place();
                set.push(fingerprint, 0);
                placed
            });
            assert_eq!(placed, Ok(Some(true)));
        }
        let (keys, bytes) = workers.size();
        assert!(keys <= 1_250);
        assert_eq!(bytes, keys * 8 + 10_000 * 16);
    }
}
