//! Arrays read in bulk: those that hold nothing but numbers are written as one block; lists of names are compared.

use std::ffi::c_void;

use deno_core::v8;

use super::wire::{self, Write};

/// Shorter arrays are not worth the trial.
const SHORTEST: u32 = 16;

/// Writes `array` as [`wire::NUMBERS`] if V8 keeps it as plain numbers; otherwise leaves `out` as it was and returns false.
pub(super) fn write_numbers(array: v8::Local<'_, v8::Array>, length: u32, budget: usize, out: &mut Vec<u8>) -> bool {
    if length < SHORTEST || out.len() + length as usize * 8 > budget {
        return false;
    }
    let Some(numbers) = copy(array, length) else { return false };
    out.push(wire::NUMBERS);
    out.varint(u64::from(length));
    for number in numbers {
        out.double(number);
    }
    true
}

/// Whether the elements of `array` are the first names of `shape`, in that order.
pub(super) fn has_shape(
    scope: &mut v8::PinScope<'_, '_>,
    array: v8::Local<'_, v8::Array>,
    shape: &[(v8::Local<'_, v8::Value>, u32)],
) -> bool {
    let length = array.length();
    let mut equal = 0;
    // The handle that V8 shows is gone after each step: only compared, never kept.
    length as usize <= shape.len()
        && iterate(scope, array, &mut |index, name| {
            equal += u32::from(shape[index as usize].0 == name);
            equal == index + 1
        })
        && equal == length
}

/// The elements of an array that V8 keeps as plain numbers, without holes; none otherwise, or where somebody changed how arrays are iterated.
#[cfg(not(target_env = "msvc"))]
fn copy(array: v8::Local<'_, v8::Array>, length: u32) -> Option<Vec<f64>> {
    unsafe extern "C" {
        // Public C++ API as well: `TryToCopyAndConvertArrayToCppBuffer` for doubles.
        #[link_name = "_ZN2v835TryToCopyAndConvertArrayToCppBufferILj2048EdEEbNS_5LocalINS_5ArrayEEEPT0_j"]
        fn v8_copy_array(array: *const v8::Array, to: *mut f64, most: u32) -> bool;
    }

    let mut numbers = Vec::with_capacity(length as usize);
    // SAFETY: a live handle, which is one pointer in C++; V8 writes all of the array's `length` elements or, returning false, none that count.
    unsafe {
        if array.length() != length || !v8_copy_array(&raw const *array, numbers.as_mut_ptr(), length) {
            return None;
        }
        numbers.set_len(length as usize);
    }
    Some(numbers)
}

/// As above.
#[cfg(target_env = "msvc")]
fn copy(_: v8::Local<'_, v8::Array>, _: u32) -> Option<Vec<f64>> {
    None
}

/// Shows the elements to `visit` until it returns false. For arrays that no user code can change: of others, accessors run.
#[cfg(not(target_env = "msvc"))]
pub(super) fn iterate(
    scope: &mut v8::PinScope<'_, '_>,
    array: v8::Local<'_, v8::Array>,
    visit: &mut dyn FnMut(u32, v8::Local<'_, v8::Value>) -> bool,
) -> bool {
    type Visit<'a> = &'a mut dyn FnMut(u32, v8::Local<'_, v8::Value>) -> bool;
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
        // SAFETY: `data` is the visitor below, borrowed for the duration of the call; a C++ `Local` is one pointer, like ours.
        let (visit, value) =
            unsafe { (&mut *data.cast::<Visit<'_>>(), std::mem::transmute::<*const v8::Value, v8::Local<'_, v8::Value>>(value)) };
        if visit(index, value) { CONTINUE } else { BREAK }
    }

    let context = scope.get_current_context();
    let mut visit: Visit<'_> = visit;
    // SAFETY: array and context are live handles of this isolate; the callback keeps to V8's rules (it neither calls JavaScript nor
    // changes the array).
    unsafe { v8_array_iterate(&raw const *array, &raw const *context, element, (&raw mut visit).cast()) }
}

/// Where V8's iteration cannot be linked, arrays take the general way.
#[cfg(target_env = "msvc")]
pub(super) fn iterate(
    _: &mut v8::PinScope<'_, '_>,
    _: v8::Local<'_, v8::Array>,
    _: &mut dyn FnMut(u32, v8::Local<'_, v8::Value>) -> bool,
) -> bool {
    false
}
