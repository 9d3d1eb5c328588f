//! Arrays that hold nothing but numbers, written as one block.

use std::ffi::c_void;

use deno_core::v8;

use super::wire::{self, Write};

/// Shorter arrays are not worth the trial.
const SHORTEST: u32 = 16;

/// Writes `array` as [`wire::NUMBERS`] if every element is a number; otherwise leaves `out` as it was and returns false.
pub(super) fn write_numbers(
    scope: &mut v8::PinScope<'_, '_>,
    array: v8::Local<'_, v8::Array>,
    length: u32,
    budget: usize,
    out: &mut Vec<u8>,
) -> bool {
    let mark = out.len();
    if length < SHORTEST || mark + length as usize * 8 > budget {
        return false;
    }
    out.push(wire::NUMBERS);
    out.varint(u64::from(length));
    let mut sink = Sink { out, expected: 0 };
    let complete = iterate(scope, array, &mut sink) && sink.expected == length;
    if !complete {
        out.truncate(mark);
    }
    complete
}

/// Where the elements go.
struct Sink<'a> {
    out: &'a mut Vec<u8>,
    expected: u32,
}

impl Sink<'_> {
    fn push(&mut self, index: u32, value: v8::Local<'_, v8::Value>) -> bool {
        if index != self.expected || !value.is_number() {
            return false;
        }
        self.expected += 1;
        // A number's value needs no conversion and so no scope.
        let number = value.cast::<v8::Number>().value();
        self.out.double(number);
        true
    }
}

/// Feeds the elements to the sink until it refuses one. Runs no user code: an accessor or a hole ends the trial.
#[cfg(not(target_env = "msvc"))]
fn iterate(scope: &mut v8::PinScope<'_, '_>, array: v8::Local<'_, v8::Array>, sink: &mut Sink<'_>) -> bool {
    /// `v8::Array::CallbackResult`.
    const BREAK: i32 = 1;
    /// As above.
    const CONTINUE: i32 = 2;

    unsafe extern "C" {
        // V8's bulk iteration is public C++ API that the `v8` crate does not bind. It returns `Maybe<void>`, one bool.
        #[link_name = "_ZN2v85Array7IterateENS_5LocalINS_7ContextEEEPFNS0_14CallbackResultEjNS1_INS_5ValueEEEPvES7_"]
        fn v8_array_iterate(
            array: *const v8::Array,
            context: *const v8::Context,
            callback: extern "C" fn(u32, *const v8::Value, *mut c_void) -> i32,
            data: *mut c_void,
        ) -> bool;
    }

    extern "C" fn element(index: u32, value: *const v8::Value, data: *mut c_void) -> i32 {
        // SAFETY: `data` is the sink below, borrowed for the duration of the call; a C++ `Local` is one pointer, like ours.
        let (sink, value) =
            unsafe { (&mut *data.cast::<Sink<'_>>(), std::mem::transmute::<*const v8::Value, v8::Local<'_, v8::Value>>(value)) };
        if sink.push(index, value) { CONTINUE } else { BREAK }
    }

    let context = scope.get_current_context();
    // SAFETY: array and context are live handles of this isolate; the callback keeps to V8's rules (it neither calls JavaScript nor
    // changes the array).
    unsafe { v8_array_iterate(&raw const *array, &raw const *context, element, std::ptr::from_mut(sink).cast()) }
}

/// Where V8's iteration cannot be linked, arrays take the general way.
#[cfg(target_env = "msvc")]
fn iterate(_: &mut v8::PinScope<'_, '_>, _: v8::Local<'_, v8::Array>, _: &mut Sink<'_>) -> bool {
    false
}
