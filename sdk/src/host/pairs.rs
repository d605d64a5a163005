//! A header map as the ABI passes it.

use crate::request::HeaderRef;

/// The bytes of a header map: the number of entries, the lengths of each name and value, then
/// names and values, each with a NUL behind it; numbers are 32 bits, little-endian.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs(Vec<u8>);

impl Pairs {
    /// Takes what the host wrote.
    pub fn new(bytes: Vec<u8>) -> Self {
        Pairs(bytes)
    }

    /// Writes entries in the ABI's form.
    pub fn encode<'a>(entries: impl Iterator<Item = HeaderRef<'a>> + Clone) -> Self {
        let mut bytes = Vec::new();
        let mut number = |number: usize| {
            bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        };
        number(entries.clone().count());
        for (name, value) in entries.clone() {
            number(name.len());
            number(value.len());
        }
        for part in entries.flat_map(|(name, value)| [name, value]) {
            bytes.extend_from_slice(part);
            bytes.push(0);
        }
        Pairs(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The entries. Bytes that break off give the entries before that.
    pub fn iter(&self) -> impl Iterator<Item = HeaderRef<'_>> {
        let count = self.number(0).unwrap_or(0);
        let sizes_end = count.saturating_mul(8).saturating_add(4);
        let sizes = self
            .0
            .get(4..sizes_end.min(self.0.len()))
            .unwrap_or_default();
        let mut data = self.0.get(sizes_end..).unwrap_or_default();
        sizes.chunks_exact(8).map_while(move |sizes| {
            let (name_size, value_size) = sizes.split_first_chunk::<4>()?;
            let (name, rest) = split_entry(data, *name_size)?;
            let (value, rest) = split_entry(rest, value_size.try_into().ok()?)?;
            data = rest;
            Some((name, value))
        })
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }
}

/// A name or value of a size, and what follows its NUL.
fn split_entry(data: &[u8], size: [u8; 4]) -> Option<(&[u8], &[u8])> {
    let size = usize::try_from(u32::from_le_bytes(size)).ok()?;
    let (entry, rest) = data.split_at_checked(size)?;
    // That the last NUL is there changes nothing, so its absence is no reason to lose the entry.
    Some((entry, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(entries in prop::collection::vec((any::<Vec<u8>>(), any::<Vec<u8>>()), 0..20)) {
            let borrowed = entries.iter().map(|(name, value)| (&name[..], &value[..]));
            let pairs = Pairs::encode(borrowed.clone());
            prop_assert!(pairs.iter().eq(borrowed));
        }

        #[test]
        fn any_bytes_can_be_read(bytes in any::<Vec<u8>>()) {
            prop_assert!(Pairs::new(bytes.clone()).iter().count() <= bytes.len());
        }
    }
}
