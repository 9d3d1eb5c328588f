//! Plain objects on the outgoing walk: their keys, which are written once, and those that turn out to be streams.

use deno_core::v8;

use super::from_v8::{Walked, Walker};
use super::guard::{Failure, Step};
use super::kinds::OPAQUE;
use super::leaf;
use super::numbers::has_shape;
use super::wire::{self, Write};
use crate::stream::Kind;
use crate::value::Handle;

impl<'s> Walker<'s, '_> {
    pub(super) fn plain(&mut self, scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'s, v8::Object>) -> Walked {
        let state = self.state;
        if let Some(handle) = self.stream(scope, object)? {
            return self.handle(handle);
        }
        let array = self.read(scope, |scope| state.keys_of(scope, object))?;
        let count = array.length();
        if count == 0 {
            let class = object.get_constructor_name().to_rust_string_lossy(scope);
            if OPAQUE.contains(&class.as_str()) {
                return Err(Failure::new(format!("a {class} cannot leave JavaScript; convert it to a string, number or array first")));
            }
        }
        self.reserve(count as usize)?;
        self.wire.bytes.push(wire::OBJECT);
        self.wire.bytes.varint(u64::from(count));
        // Values inside may be of other shapes: the names that are known to fit are taken along.
        let fits: Vec<_> = if has_shape(scope, array, &self.shape) { self.shape[..count as usize].to_vec() } else { Vec::new() };
        for position in 0..count {
            let name = match fits.get(position as usize) {
                Some((name, number)) => {
                    self.wire.bytes.push(wire::KEY_AGAIN);
                    self.wire.bytes.varint(u64::from(*number));
                    *name
                }
                None => {
                    let name = self.read(scope, |scope| array.get_index(scope, position))?;
                    self.key(scope, name, position as usize);
                    name
                }
            };
            let written = match self.read(scope, |scope| object.get(scope, name)) {
                Ok(item) => self.value(scope, item, Some(object)),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = written {
                return Err(failure.at(Step::Key(name.to_rust_string_lossy(scope))));
            }
        }
        Ok(())
    }

    /// The handle of a stream or an async iterable, if the object is one.
    pub(super) fn stream(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Result<Option<Handle>, Box<Failure>> {
        if !self.state.may_be_stream(scope, object).ok_or_else(Failure::thrown)? {
            return Ok(None);
        }
        Ok(match self.state.stream_kind(scope, object).ok_or_else(Failure::thrown)? {
            Kind::Readable => Some(self.state.keep_stream(scope, object)),
            Kind::Writable => Some(self.state.keep_writable(scope, object)),
            Kind::Other => None,
        })
    }

    /// Writes an object key: in full the first time, by number afterwards.
    pub(super) fn key(&mut self, scope: &mut v8::PinScope<'s, '_>, name: v8::Local<'s, v8::Value>, position: usize) {
        if let Some((last, number)) = self.shape.get(position)
            && *last == name
        {
            self.wire.bytes.push(wire::KEY_AGAIN);
            return self.wire.bytes.varint(u64::from(*number));
        }
        let text: v8::Local<'s, v8::String> = name.cast();
        let (number, known) = self.keys.meet(text);
        self.shape.truncate(position.min(self.shape.len()));
        if self.shape.len() == position {
            self.shape.push((name, number));
        }
        if known {
            self.wire.bytes.push(wire::KEY_AGAIN);
            self.wire.bytes.varint(u64::from(number));
        } else {
            self.wire.bytes.push(wire::KEY_NEW);
            leaf::write_string(scope, text, &mut self.wire.bytes);
        }
    }
}
