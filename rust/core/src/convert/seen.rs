//! Which objects and keys a walk has met, by identity.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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

/// So many are looked through one by one, without a table and without a hash, which V8 would have to make.
const FEW: usize = 8;

/// An object that was met: itself, or where it is in an array that nobody changes.
#[derive(Clone, Copy)]
enum Met<'s> {
    Object(v8::Local<'s, v8::Object>),
    Item(v8::Local<'s, v8::Array>, u32),
}

impl<'s> Met<'s> {
    fn is(self, scope: &mut v8::PinScope<'s, '_>, other: Self) -> bool {
        let value = |scope: &mut v8::PinScope<'s, '_>, met| match met {
            Self::Object(object) => Some(object.into()),
            Self::Item(array, index) => array.get_index(scope, index),
        };
        value(scope, self) == value(scope, other)
    }
}

/// Objects and their numbers.
#[derive(Default)]
pub(super) struct Seen<'s> {
    /// All of them, while they are few.
    few: Vec<(v8::Local<'s, v8::Object>, u32)>,
    /// Once they are more: each with its number.
    many: Vec<(Met<'s>, u32)>,
    /// Where the first object with a hash is among them.
    first: ByHash<u32>,
    /// Those that share a hash with the first: many only in walks of a million objects, since V8's hashes have 20 bits.
    more: ByHash<Vec<u32>>,
}

impl<'s> Seen<'s> {
    /// The number of `object` if it was met before; else it gets `next`.
    pub(super) fn meet(&mut self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>, next: u32) -> Option<u32> {
        if self.first.is_empty() {
            let found = self.few.iter().find(|(other, _)| *other == object).map(|(_, number)| *number);
            if found.is_some() {
                return found;
            }
            if self.few.len() < FEW {
                self.few.push((object, next));
                return None;
            }
            self.become_many(scope);
        }
        self.meet_among_many(scope, Met::Object(object), object.get_identity_hash().get(), next)
    }

    /// Likewise for an item of an array that nobody changes, and its identity hash.
    pub(super) fn meet_item(
        &mut self,
        scope: &mut v8::PinScope<'s, '_>,
        array: v8::Local<'s, v8::Array>,
        index: u32,
        hash: i32,
        next: u32,
    ) -> Option<u32> {
        self.become_many(scope);
        self.meet_among_many(scope, Met::Item(array, index), hash, next)
    }

    fn become_many(&mut self, scope: &mut v8::PinScope<'s, '_>) {
        for (object, number) in std::mem::take(&mut self.few) {
            self.meet_among_many(scope, Met::Object(object), object.get_identity_hash().get(), number);
        }
    }

    fn meet_among_many(&mut self, scope: &mut v8::PinScope<'s, '_>, met: Met<'s>, hash: i32, next: u32) -> Option<u32> {
        let place = self.many.len() as u32;
        if self.first.len() == self.first.capacity() {
            // Filling a larger table anew is most of what a table costs.
            self.first.reserve(self.first.len() * 3 + 512);
        }
        let first = match self.first.entry(hash) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(place);
                self.many.push((met, next));
                return None;
            }
        };
        let more = self.more.get(&hash).into_iter().flatten();
        let found = std::iter::once(&first).chain(more).map(|place| self.many[*place as usize]).find(|(other, _)| other.is(scope, met));
        if found.is_none() {
            self.more.entry(hash).or_default().push(place);
            self.many.push((met, next));
        }
        found.map(|(_, number)| number)
    }
}

/// Object keys and their numbers, which count from 0.
#[derive(Default)]
pub(super) struct Keys<'s> {
    /// By number.
    all: Vec<v8::Local<'s, v8::String>>,
    /// Once they are more than a few: numbers by hash. Of keys that share a hash the last is found, the others count as new.
    by_hash: ByHash<u32>,
}

impl<'s> Keys<'s> {
    /// The key's number, and whether it was met before.
    pub(super) fn meet(&mut self, key: v8::Local<'s, v8::String>) -> (u32, bool) {
        let next = self.all.len() as u32;
        let found = if self.all.len() <= FEW {
            self.all.iter().position(|other| *other == key).map(|number| number as u32)
        } else {
            if self.by_hash.is_empty() {
                self.by_hash.extend(self.all.iter().zip(0..).map(|(key, number)| (hash_of(*key), number)));
            }
            let number = self.by_hash.insert(hash_of(key), next);
            let number = number.filter(|number| self.all[*number as usize] == key);
            if let Some(number) = number {
                self.by_hash.insert(hash_of(key), number);
            }
            number
        };
        if found.is_none() {
            self.all.push(key);
        }
        (found.unwrap_or(next), found.is_some())
    }
}

fn hash_of(key: v8::Local<'_, v8::String>) -> i32 {
    key.get_identity_hash().get()
}
