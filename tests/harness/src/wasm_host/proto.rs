//! Just enough protobuf to read the three small messages that filters hand to Envoy.

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire types 1 and 5, which none of the messages uses.
    Fixed,
}

impl<'a> Field<'a> {
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message in order, or `None` if it is not one.
pub(crate) fn fields(mut message: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let (tag, rest) = varint(message)?;
        let (field, rest) = match tag & 7 {
            0 => varint(rest).map(|(value, rest)| (Field::Varint(value), rest))?,
            1 => (Field::Fixed, rest.get(8..)?),
            2 => {
                let (size, rest) = varint(rest)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
                (Field::Bytes(bytes), rest)
            }
            5 => (Field::Fixed, rest.get(4..)?),
            _ => return None,
        };
        if tag >> 3 == 0 {
            return None;
        }
        fields.push((tag >> 3, field));
        message = rest;
    }
    Some(fields)
}

/// The last field of that number, which is the one that counts.
pub(crate) fn bytes_of<'a>(fields: &[(u64, Field<'a>)], number: u64) -> Option<&'a [u8]> {
    let of_number = fields.iter().rev().find(|(n, _)| *n == number)?;
    of_number.1.bytes()
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_garbage_is_refused() {
        let message = b"\x0a\x02hi\x18\x96\x01";
        let read = fields(message).unwrap();
        assert_eq!(read, [(1, Field::Bytes(b"hi")), (3, Field::Varint(150))]);
        assert_eq!(bytes_of(&read, 1), Some(b"hi".as_slice()));
        for garbage in [b"\x0a\x05hi".as_slice(), b"\x07", b"\xff", b"\0\0"] {
            assert_eq!(fields(garbage), None, "{garbage:?}");
        }
    }
}
