//! Map and Set on the outgoing walk.

use deno_core::v8;

use super::from_v8::{Walked, Walker};
use super::guard::Step;
use super::kinds::is_hashable;
use super::wire::{self, Write};

impl<'s> Walker<'s, '_> {
    /// Writes a Map: its entries, and whether Python can hash every key.
    pub(super) fn map(&mut self, scope: &mut v8::PinScope<'s, '_>, map: v8::Local<'s, v8::Map>) -> Walked {
        let pairs = map.as_array(scope);
        let count = pairs.length() / 2;
        let mut hashable = true;
        for index in 0..count {
            let key = self.read(scope, |scope| pairs.get_index(scope, index * 2))?;
            hashable &= is_hashable(key);
        }
        self.wire.bytes.push(if hashable { wire::MAP } else { wire::MAP_END });
        self.wire.bytes.varint(u64::from(count));
        for index in 0..count {
            let key = self.read(scope, |scope| pairs.get_index(scope, index * 2))?;
            self.value(scope, key, None).map_err(|f| f.at(Step::Index(index as usize)))?;
            let value = self.read(scope, |scope| pairs.get_index(scope, index * 2 + 1))?;
            if let Err(failure) = self.value(scope, value, None) {
                let step = if key.is_string() { Step::Key(key.to_rust_string_lossy(scope)) } else { Step::Index(index as usize) };
                return Err(failure.at(step));
            }
        }
        Ok(())
    }

    /// Writes a Set, likewise.
    pub(super) fn set(&mut self, scope: &mut v8::PinScope<'s, '_>, set: v8::Local<'s, v8::Set>) -> Walked {
        let members = set.as_array(scope);
        let count = members.length();
        let mut hashable = true;
        for index in 0..count {
            let member = self.read(scope, |scope| members.get_index(scope, index))?;
            hashable &= is_hashable(member);
        }
        self.wire.bytes.push(if hashable { wire::SET } else { wire::SET_END });
        self.wire.bytes.varint(u64::from(count));
        for index in 0..count {
            let member = self.read(scope, |scope| members.get_index(scope, index))?;
            self.value(scope, member, None).map_err(|f| f.at(Step::Index(index as usize)))?;
        }
        Ok(())
    }
}
