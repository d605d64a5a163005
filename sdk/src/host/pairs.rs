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
        let (count, rest) = self.0.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let sizes_end = size(*count).saturating_mul(8);
        let (sizes, mut data) = rest.split_at_checked(sizes_end).unwrap_or((rest, &[]));
        let (sizes, _) = sizes.as_chunks::<8>();
        sizes.iter().map_while(move |&[a, b, c, d, e, f, g, h]| {
            let (name, value);
            (name, data) = split_entry(data, size([a, b, c, d]))?;
            (value, data) = split_entry(data, size([e, f, g, h]))?;
            Some((name, value))
        })
    }
}

fn size(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

/// A name or value of a size, and what follows its NUL.
fn split_entry(data: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
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
