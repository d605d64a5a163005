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
        let mut sizes = 4usize;
        let mut data = count.saturating_mul(8).saturating_add(4);
        (0..count).map_while(move |_| {
            let name_size = self.number(sizes)?;
            let value_size = self.number(sizes.checked_add(4)?)?;
            sizes = sizes.checked_add(8)?;
            let name_end = data.checked_add(name_size)?;
            let name = self.0.get(data..name_end)?;
            let value_start = name_end.checked_add(1)?;
            let value_end = value_start.checked_add(value_size)?;
            let value = self.0.get(value_start..value_end)?;
            data = value_end.checked_add(1)?;
            Some((name, value))
        })
    }

    fn number(&self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }
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
