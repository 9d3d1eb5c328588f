//! What the host lends to the platform's scripts: where `console` goes, randomness, cryptography, their parts, and who hears of uncaught errors.

use std::ffi::c_void;
use std::sync::Arc;

use deno_core::v8;

use super::crypto::on_crypto;
use super::extension::load_with;
use super::part::{bring, on_part};
use crate::convert::{describe, from_v8};
use crate::engine::{State, state_of};
use crate::error::Error;
use crate::host::make_function;
use crate::limits;
use crate::reply::{ConsoleMessage, Item, Report};
use crate::stats::Timers;
use crate::value::HostFunction;

/// Longest text of one console message, in UTF-16 units.
const LONGEST: usize = 1 << 20;

/// Name under which the snapshot's scripts leave their set-up function on the global.
pub(crate) const SETUP: &str = "__jsrun_setup__";
/// And the functions with which parts are loaded and streams cross the border.
pub(crate) const STREAMS: &str = "__jsrun_streams__";

/// Hands the host's functions to the snapshot's scripts.
pub(crate) fn lend(
    scope: &mut v8::PinScope<'_, '_>,
    state: &State,
    setup: v8::Local<'_, v8::Function>,
    fetch: Option<HostFunction>,
) -> Result<(), Error> {
    let refused = || Error::Invalid("the start-up snapshot refused its host".into());
    load_with(bring);
    // Without a prototype, and filled without setters: nothing of it may pass through what user code left on Object.prototype.
    let null = v8::null(scope).into();
    let offer = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
    let fetch = fetch.map(|function| make_function(scope, state, function)).transpose()?;
    for (name, function) in [
        ("report", v8::Function::new(scope, on_uncaught)),
        ("random", v8::Function::new(scope, on_random)),
        ("crypto", v8::Function::new(scope, on_crypto)),
        ("part", v8::Function::new(scope, on_part)),
        ("inspecting", v8::Function::new(scope, on_inspecting)),
        ("fetch", fetch),
        ("print", if state.shared.config.console { v8::Function::new(scope, on_print) } else { None }),
    ] {
        let Some(function) = function else { continue };
        let key = v8::String::new(scope, name).ok_or_else(refused)?;
        offer.create_data_property(scope, key.into(), function.into()).ok_or_else(refused)?;
    }
    let key = v8::String::new(scope, "timers").ok_or_else(refused)?;
    let timers = timers(scope, &state.shared.counters.timers).ok_or_else(refused)?;
    offer.create_data_property(scope, key.into(), timers.into()).ok_or_else(refused)?;
    let undefined = v8::undefined(scope).into();
    setup.call(scope, undefined, &[offer.into()]).ok_or_else(refused)?;
    Ok(())
}

/// A view of the counters of timers.
fn timers<'s>(scope: &mut v8::PinScope<'s, '_>, timers: &Arc<Timers>) -> Option<v8::Local<'s, v8::Uint32Array>> {
    unsafe extern "C" fn free(_: *mut c_void, _: usize, owner: *mut c_void) {
        // SAFETY: the pointer is the reference given away below, and V8 gives it back once.
        drop(unsafe { Arc::from_raw(owner.cast_const().cast::<Timers>()) });
    }
    let data = timers.0.as_ptr().cast_mut().cast();
    let owner = Arc::into_raw(Arc::clone(timers)).cast_mut().cast();
    // SAFETY: the counters live until `free` drops their owner. JavaScript writes aligned words that others only read, as atomics.
    let store = unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data, size_of::<Timers>(), free, owner) };
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store.make_shared());
    v8::Uint32Array::new(scope, buffer, 0, timers.0.len())
}

/// `print(level, text, args)`: one console message.
fn on_print<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let Some((admitted, dropped)) = state.console.admit() else { return };
    let level = args.get(0).to_rust_string_lossy(scope);
    let mut text = args.get(1).to_rust_string_lossy(scope);
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(" [cut]");
    }
    let values = if state.shared.config.console_values {
        let values = args.get(2).try_cast::<v8::Array>().ok();
        values.and_then(|values| from_v8(scope, &state, values.into()).ok())
    } else {
        None
    };
    let message = ConsoleMessage { level, text, values, dropped, _admitted: admitted };
    let owner = state.current_owner(scope);
    state.deliver_for(owner, Item::Report(Arc::clone(&state.shared), Report::Console(Box::new(message))));
}

/// `inspecting(format)`: calls `format(nested)`, which formats a value for people, and gives what it returns.
fn on_inspecting<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let Ok(format) = args.get(0).try_cast::<v8::Function>() else { return };
    let undefined = v8::undefined(scope).into();
    let nested = v8::Boolean::new(scope, limits::is_inside_inspector()).into();
    if let Some(text) = limits::inside_inspector(scope, &state, |scope| format.call(scope, undefined, &[nested])) {
        rv.set(text);
    }
}

/// `report(error)`.
fn on_uncaught<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    uncaught(scope, args.get(0));
}

/// Nobody caught it, and no operation is at fault.
fn uncaught<'s>(scope: &mut v8::PinScope<'s, '_>, error: v8::Local<'s, v8::Value>) {
    let state = state_of(scope);
    crate::inspector::thrown(scope, &state, error);
    let Some((admitted, _)) = state.reports.admit() else { return state.drop_report() };
    let exception = describe(scope, &state, error, None);
    let owner = state.current_owner(scope);
    let item = Report::Uncaught(Box::new(exception), admitted);
    state.deliver_for(owner, Item::Report(Arc::clone(&state.shared), item));
}

/// `random(view)` fills a view; `random(undefined)` makes a UUID.
fn on_random<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let filled = if let Ok(view) = args.get(0).try_cast::<v8::ArrayBufferView>() {
        fill(scope, view)
    } else {
        uuid().and_then(|text| v8::String::new(scope, &text)).map(|text| rv.set(text.into()))
    };
    if filled.is_none() {
        let text = v8::String::new(scope, "the operating system gave no random bytes").unwrap_or_else(|| v8::String::empty(scope));
        let error = v8::Exception::error(scope, text);
        scope.throw_exception(error);
    }
}

fn fill(scope: &mut v8::PinScope<'_, '_>, view: v8::Local<'_, v8::ArrayBufferView>) -> Option<()> {
    let (offset, length) = (view.byte_offset(), view.byte_length());
    let buffer = view.buffer(scope)?;
    let Some(data) = buffer.data() else { return Some(()) };
    // SAFETY: V8 keeps a view within its buffer, whose store lives while the handle does; only this thread runs its JavaScript.
    let bytes = unsafe { std::slice::from_raw_parts_mut(data.as_ptr().cast::<u8>().add(offset), length) };
    getrandom::fill(bytes).ok()
}

/// A version 4 UUID (RFC 9562).
pub(crate) fn uuid() -> Option<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let hex = |range: std::ops::Range<usize>| bytes[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some(format!("{}-{}-{}-{}-{}", hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)))
}
