//! Shared data and its compare-and-swap rules (proxy-wasm-cpp-host `src/shared_data.cc`).

use std::collections::{BTreeMap, HashMap};

use super::status::Status;

type Values = HashMap<Vec<u8>, (Vec<u8>, u32)>;

/// `vm_id → key → (value, cas)`. CAS numbers come from one counter for all and are never 0.
#[derive(Debug, Default)]
pub(crate) struct SharedData {
    by_vm: HashMap<String, Values>,
    last_cas: u32,
}

impl SharedData {
    pub(crate) fn get(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.by_vm.get(vm_id)?.get(key).cloned()
    }

    pub(crate) fn all(&self, vm_id: &str) -> BTreeMap<Vec<u8>, (Vec<u8>, u32)> {
        let values = self.by_vm.get(vm_id).into_iter().flatten();
        values
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Keys, and bytes of keys and values.
    pub(crate) fn size(&self) -> (usize, usize) {
        let held = self.by_vm.values().flatten();
        held.fold((0, 0), |(keys, bytes), (key, (value, _))| {
            (keys + 1, bytes + key.len() + value.len())
        })
    }

    /// Creating ignores `cas`; overwriting needs the right one or 0.
    pub(crate) fn set(
        &mut self,
        vm_id: &str,
        key: &[u8],
        value: &[u8],
        cas: u32,
    ) -> Result<(), Status> {
        let values = match self.by_vm.get_mut(vm_id) {
            Some(values) => values,
            None => self.by_vm.entry(vm_id.to_owned()).or_default(),
        };
        let next = next_cas(self.last_cas);
        match values.get_mut(key) {
            Some((_, current)) if cas != 0 && *current != cas => return Err(Status::CasMismatch),
            Some((held, current)) => {
                held.clear();
                held.extend_from_slice(value);
                *current = next;
            }
            None => {
                values.insert(key.to_vec(), (value.to_vec(), next));
            }
        }
        self.last_cas = next;
        Ok(())
    }
}

fn next_cas(last: u32) -> u32 {
    last.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_overwrites_and_a_wrong_number_does_not() {
        let mut data = SharedData::default();
        assert_eq!(data.set("vm", b"k", b"1", 77), Ok(()));
        assert_eq!(data.get("vm", b"k"), Some((b"1".to_vec(), 1)));
        assert_eq!(data.set("vm", b"k", b"2", 77), Err(Status::CasMismatch));
        assert_eq!(data.set("vm", b"k", b"2", 1), Ok(()));
        assert_eq!(data.set("vm", b"k", b"3", 0), Ok(()));
        assert_eq!(data.get("vm", b"k"), Some((b"3".to_vec(), 3)));
        assert_eq!(data.get("other", b"k"), None);
        assert_eq!(data.size(), (1, 2));
    }

    #[test]
    fn a_number_never_issued_creates_only_if_absent() {
        let mut data = SharedData::default();
        assert_eq!(data.set("vm", b"k", b"1", u32::MAX), Ok(()));
        assert_eq!(
            data.set("vm", b"k", b"2", u32::MAX),
            Err(Status::CasMismatch)
        );
        assert_eq!(data.get("vm", b"k"), Some((b"1".to_vec(), 1)));
    }

    #[test]
    fn the_counter_skips_zero() {
        let mut data = SharedData {
            last_cas: u32::MAX,
            ..SharedData::default()
        };
        assert_eq!(data.set("vm", b"k", b"1", 0), Ok(()));
        assert_eq!(data.get("vm", b"k"), Some((b"1".to_vec(), 1)));
    }
}
