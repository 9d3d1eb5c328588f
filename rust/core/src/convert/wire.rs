//! The notation of structured values: tags, and the primitives to write and read them.
//!
//! Towards JavaScript it is V8's own structured-clone format (version 15), so that V8 itself builds the objects. Towards the host it is a denser dialect:
//! counts stand in front, object keys are written once and then referred to, and runs of numbers are one block.
//! Both directions: every object gets the next number when it is first met; [`REFERENCE`] repeats one.

/// Version header that V8's reader expects.
pub const HEADER: [u8; 2] = [0xFF, 0x0F];

/// `undefined`.
pub const UNDEFINED: u8 = b'_';
/// `null`.
pub const NULL: u8 = b'0';
/// `true`.
pub const TRUE: u8 = b'T';
/// `false`.
pub const FALSE: u8 = b'F';
/// A 32-bit integer, zigzag varint.
pub const INT32: u8 = b'I';
/// A number, eight bytes.
pub const DOUBLE: u8 = b'N';
/// BigInt: varint of `byte length << 1 | sign`, then little-endian bytes.
pub const BIGINT: u8 = b'Z';
/// UTF-8 string: varint byte length, bytes (towards JavaScript only).
pub const UTF8: u8 = b'S';
/// Latin-1 string: varint length, bytes.
pub const LATIN1: u8 = b'"';
/// UTF-16 string: varint byte length, little-endian units. Towards JavaScript the data is aligned to two bytes.
pub const UTF16: u8 = b'c';
/// Padding before an aligned [`UTF16`].
pub const PADDING: u8 = 0;
/// Back-reference: varint object number.
pub const REFERENCE: u8 = b'^';
/// Plain object. To the host: varint count, then key and value in turn. To V8: keys and values up to [`OBJECT_END`].
pub const OBJECT: u8 = b'o';
/// End of [`OBJECT`] towards V8: varint count.
pub const OBJECT_END: u8 = b'{';
/// Array: varint length, values; towards V8 closed by [`ARRAY_END`].
pub const ARRAY: u8 = b'A';
/// End of [`ARRAY`] towards V8: varint property count (0), varint length.
pub const ARRAY_END: u8 = b'$';
/// Array of numbers as one block (to the host only): varint length, doubles.
pub const NUMBERS: u8 = b'd';
/// Numbers, one after another in an array (to the host only): varint count, doubles.
pub const RUN: u8 = b'n';
/// Plain objects with the same keys, one after another in an array (to the host only): varint count, varint number of keys, the keys, then each object's
/// values in turn. All of them get their numbers before what is in them.
pub const ROWS: u8 = b'r';
/// Date: milliseconds as a double.
pub const DATE: u8 = b'D';
/// Regular expression: string, then flags (string to the host, varint bits to V8).
pub const REGEXP: u8 = b'R';
/// Map. To the host: varint count, pairs. To V8: pairs up to [`MAP_END`].
pub const MAP: u8 = b';';
/// End of a map towards V8; to the host: a map with keys that the host cannot hash.
pub const MAP_END: u8 = b':';
/// Set. To the host: varint count, members.
pub const SET: u8 = b'\'';
/// End of a set towards V8; to the host: a set with members that the host cannot hash.
pub const SET_END: u8 = b',';
/// ArrayBuffer: varint byte length, bytes.
pub const BUFFER: u8 = b'B';
/// Typed array. To the host: sub-tag, varint byte length, bytes. To V8: follows its buffer; sub-tag, offset, length, flags.
pub const VIEW: u8 = b'V';
/// A boxed primitive (to the host only): the primitive follows; takes an object number.
pub const BOXED: u8 = b'p';
/// Something in the handle list: varint index.
pub const HANDLE: u8 = b'\\';
/// A key that is new (to the host): a string follows; it gets the next key number.
pub const KEY_NEW: u8 = b'K';
/// A key seen before (to the host): varint key number.
pub const KEY_AGAIN: u8 = b'k';

/// Typed-array kinds: V8's sub-tag, `struct` format, item size in bytes.
pub const VIEW_KINDS: [(u8, &str, usize); 13] = [
    (b'B', "B", 1),
    (b'b', "b", 1),
    (b'C', "B", 1),
    (b'w', "h", 2),
    (b'W', "H", 2),
    (b'd', "i", 4),
    (b'D', "I", 4),
    (b'h', "e", 2),
    (b'f', "f", 4),
    (b'F', "d", 8),
    (b'q', "q", 8),
    (b'Q', "Q", 8),
    (b'?', "B", 1),
];

/// Appends the notation's primitives to a buffer.
pub trait Write {
    /// An unsigned LEB128 number.
    fn varint(&mut self, value: u64);
    /// Eight bytes of a double, little-endian.
    fn double(&mut self, value: f64);
    /// A number, as the shortest tag that keeps it exactly.
    fn number(&mut self, value: f64);
    /// A BigInt from its sign and little-endian bytes.
    fn bigint(&mut self, negative: bool, bytes: &[u8]);
    /// A Latin-1 string.
    fn latin1(&mut self, text: &[u8]);
}

impl Write for Vec<u8> {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn double(&mut self, value: f64) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn number(&mut self, value: f64) {
        let int = value as i32;
        if f64::from(int).to_bits() == value.to_bits() {
            self.push(INT32);
            self.varint(u64::from(((int << 1) ^ (int >> 31)) as u32));
        } else {
            self.push(DOUBLE);
            self.double(value);
        }
    }

    fn bigint(&mut self, negative: bool, bytes: &[u8]) {
        self.push(BIGINT);
        self.varint((bytes.len() as u64) << 1 | u64::from(negative));
        self.extend_from_slice(bytes);
    }

    fn latin1(&mut self, text: &[u8]) {
        self.push(LATIN1);
        self.varint(text.len() as u64);
        self.extend_from_slice(text);
    }
}

/// Reads the notation's primitives. Every method returns `None` at the end of the buffer.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// The next byte, which is read again.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// An unsigned LEB128 number.
    pub fn varint(&mut self) -> Option<usize> {
        let mut value = 0usize;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7F).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
            shift += 7;
        }
    }

    /// A zigzag 32-bit integer.
    pub fn int32(&mut self) -> Option<i32> {
        let raw = self.varint()? as u32;
        Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(head)
    }

    /// A double.
    pub fn double(&mut self) -> Option<f64> {
        self.bytes(8)?.try_into().ok().map(f64::from_le_bytes)
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{DOUBLE, INT32, Reader, Write};

    #[test]
    fn varints_survive() {
        for value in [0usize, 1, 127, 128, 300, 65_535, u32::MAX as usize, usize::MAX >> 1] {
            let mut buffer = Vec::new();
            buffer.varint(value as u64);
            assert_eq!(Reader::new(&buffer).varint(), Some(value));
        }
    }

    #[test]
    fn numbers_take_the_shortest_exact_tag() {
        for (value, tag) in
            [(0.0, INT32), (-1.0, INT32), (2_147_483_647.0, INT32), (-0.0, DOUBLE), (0.5, DOUBLE), (2_147_483_648.0, DOUBLE)]
        {
            let mut buffer = Vec::new();
            buffer.number(value);
            assert_eq!(buffer[0], tag, "{value}");
            let mut reader = Reader::new(&buffer[1..]);
            let back = if tag == INT32 { f64::from(reader.int32().unwrap()) } else { reader.double().unwrap() };
            assert_eq!(back.to_bits(), value.to_bits());
        }
    }

    #[test]
    fn truncated_input_is_none() {
        assert_eq!(Reader::new(&[0x80]).varint(), None);
        assert_eq!(Reader::new(&[1, 2]).double(), None);
        assert_eq!(Reader::new(&[0xFF; 20]).varint(), None);
    }
}
