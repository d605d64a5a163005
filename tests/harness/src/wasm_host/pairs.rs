//! The wire form of a header map between host and guest (proxy-wasm-cpp-host `src/pairs_util.cc`).
//!
//! `count`, then `count` × (`name size`, `value size`), all `u32` little endian, then names and
//! values, each ended by a NUL.

/// `PROXY_WASM_HOST_PAIRS_MAX_COUNT` of `include/proxy-wasm/limits.h`.
const MAX_COUNT: usize = 1024;
/// `PROXY_WASM_HOST_PAIRS_MAX_BYTES`.
const MAX_BYTES: usize = 1024 * 1024;

/// Size of the wire form.
pub(crate) fn size<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> usize {
    pairs.fold(4, |size, (name, value)| {
        size + 10 + name.len() + value.len()
    })
}

/// Writes the wire form of `pairs`; `out` has [`size`] bytes, of which nothing is left over.
pub(crate) fn write<'a, I>(pairs: I, out: &mut [u8])
where
    I: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    let mut rest = out;
    let mut put = |bytes: &[u8]| {
        if let Some((head, tail)) = std::mem::take(&mut rest).split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            rest = tail;
        }
    };
    put(&word(pairs.clone().count()));
    for (name, value) in pairs.clone() {
        put(&word(name.len()));
        put(&word(value.len()));
    }
    for (name, value) in pairs {
        put(name);
        put(&[0]);
        put(value);
        put(&[0]);
    }
}

/// The wire form in a buffer of its own.
pub(crate) fn encode<'a, I>(pairs: I) -> Vec<u8>
where
    I: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    let mut bytes = vec![0; size(pairs.clone())];
    write(pairs, &mut bytes);
    bytes
}

/// Reads the wire form. What exceeds a limit, is not used up exactly or lacks a NUL is empty.
pub(crate) fn decode(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    if bytes.len() > MAX_BYTES {
        return Vec::new();
    }
    try_decode(bytes).unwrap_or_default()
}

fn try_decode(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (count, rest) = take_word(bytes)?;
    if count > MAX_COUNT {
        return None;
    }
    let (mut sizes, mut text) = rest.split_at_checked(count * 8)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (name_size, more) = take_word(sizes)?;
        let (value_size, more) = take_word(more)?;
        sizes = more;
        let (name, more) = take_text(text, name_size)?;
        let (value, more) = take_text(more, value_size)?;
        text = more;
        pairs.push((name, value));
    }
    text.is_empty().then_some(pairs)
}

fn take_word(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*word)).ok()?, rest))
}

fn take_text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.strip_prefix(&[0])?))
}

/// Sizes in linear memory fit in 32 bits; what does not cannot be handed over anyway.
fn word(size: usize) -> [u8; 4] {
    u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(count: usize) -> Vec<(&'static [u8], &'static [u8])> {
        vec![(b"n".as_slice(), b"v".as_slice()); count]
    }

    #[test]
    fn what_is_written_is_read_back() {
        let given = [(b"a".as_slice(), b"".as_slice()), (b"bb", b"\0\xff")];
        let bytes = encode(given.into_iter());
        assert_eq!(decode(&bytes), given);
        assert_eq!(bytes.len(), size(given.into_iter()));
    }

    #[test]
    fn more_than_1024_pairs_are_none() {
        assert_eq!(decode(&encode(pairs(1024).into_iter())).len(), 1024);
        assert_eq!(decode(&encode(pairs(1025).into_iter())), []);
    }

    #[test]
    fn more_than_a_mebibyte_is_none() {
        let big = vec![b'x'; MAX_BYTES];
        assert_eq!(
            decode(&encode(std::iter::once((b"n".as_slice(), big.as_slice())))),
            []
        );
    }

    #[test]
    fn left_over_bytes_and_missing_nuls_are_none() {
        let mut bytes = encode(pairs(1).into_iter());
        bytes.push(0);
        assert_eq!(decode(&bytes), []);
        bytes.truncate(bytes.len() - 2);
        bytes.push(b'!');
        assert_eq!(decode(&bytes), []);
        assert_eq!(decode(b"\x01\0\0"), []);
        assert_eq!(decode(b"\xff\xff\xff\xff"), []);
    }
}
