//! The notation of values: its primitives, in any order, from any bytes.

use crate::wire::{Reader, Write};

/// Each byte says what is read next from the whole. What was read, written again, reads as the same.
pub fn values(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut left = data.len();
    for &kind in data {
        let mut again = Vec::new();
        match kind % 5 {
            0 => drop(reader.byte()),
            1 => {
                if let Some(value) = reader.varint() {
                    again.varint(value as u64);
                    assert_eq!(Reader::new(&again).varint(), Some(value));
                }
            }
            2 => {
                if let Some(value) = reader.int32() {
                    again.number(f64::from(value));
                    assert_eq!(Reader::new(&again[1..]).int32(), Some(value));
                }
            }
            3 => {
                if let Some(value) = reader.double() {
                    again.double(value);
                    assert_eq!(Reader::new(&again).double().map(f64::to_bits), Some(value.to_bits()));
                }
            }
            _ => {
                if let Some(count) = reader.varint()
                    && let Some(bytes) = reader.bytes(count)
                {
                    again.latin1(bytes);
                    let mut second = Reader::new(&again[1..]);
                    assert_eq!(second.varint().and_then(|count| second.bytes(count)), Some(bytes));
                }
            }
        }
        assert!(reader.remaining() <= left);
        left = reader.remaining();
    }
}
