//! Which objects a walk has met, by identity.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use deno_core::v8;

/// V8's identity hashes are random already.
#[derive(Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        // The table takes its control bits from the top.
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_i32(&mut self, hash: i32) {
        self.0 = u64::from(hash.cast_unsigned());
    }
}

type ByHash<T> = HashMap<i32, T, BuildHasherDefault<AsIs>>;

/// Objects and their numbers.
#[derive(Default)]
pub(super) struct Seen<'s> {
    /// The first object with a hash.
    first: ByHash<(v8::Local<'s, v8::Object>, u32)>,
    /// Those that share a hash with the first: many only in walks of a million objects, since V8's hashes have 20 bits.
    more: ByHash<Vec<(v8::Local<'s, v8::Object>, u32)>>,
}

impl<'s> Seen<'s> {
    /// The number of `object` if it was met before; else it gets `next`.
    pub(super) fn meet(&mut self, object: v8::Local<'s, v8::Object>, next: u32) -> Option<u32> {
        let hash = object.get_identity_hash().get();
        let (known, number) = *self.first.entry(hash).or_insert((object, next));
        if number == next {
            return None;
        }
        if known == object {
            return Some(number);
        }
        let more = self.more.entry(hash).or_default();
        let found = more.iter().find(|(other, _)| *other == object).map(|(_, number)| *number);
        if found.is_none() {
            more.push((object, next));
        }
        found
    }
}
