//! The scripts of the platform that are not in the start-up snapshot.

use deno_core::v8;

use super::compile::compile;
use crate::engine::state_of;

/// Each with its name, its text and its compiled code.
static PARTS: &[(&str, &str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/parts.rs"));

/// `part(name)`: the function of a script. Throws what V8 says if there is no room to compile it.
pub(super) fn on_part<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let name = args.get(0).to_rust_string_lossy(scope);
    let Some((name, text, code)) = PARTS.iter().find(|(known, ..)| *known == name) else {
        let text = v8::String::new(scope, &format!("the platform has no part '{name}' (please report)"));
        let error = v8::Exception::error(scope, text.unwrap_or_else(|| v8::String::empty(scope)));
        scope.throw_exception(error);
        return;
    };
    if let Some(function) = compile(scope, name, text, Some(code)).and_then(|script| script.run(scope)) {
        rv.set(function);
    }
}

/// What a script brings under a name, if nothing is thrown on the way.
pub(super) fn bring<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    script: v8::Local<'s, v8::Value>,
    name: v8::Local<'s, v8::Name>,
) -> Option<v8::Local<'s, v8::Value>> {
    let brought = state_of(scope).call_streams(scope, "load", &[script])?;
    brought.try_cast::<v8::Object>().ok()?.get(scope, name.into())
}
