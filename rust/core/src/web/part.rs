//! The scripts of the platform that are not in the start-up snapshot: their texts, and the code that the build kept of them.

use deno_core::v8;

use super::compile::compile;
use crate::code_cache;
use crate::engine::state_of;

/// Each with its name, its text and its compiled code.
static PARTS: &[(&str, &str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/parts.rs"));

/// How many were compiled although their code was there.
#[cfg(test)]
pub(crate) static COMPILED_ANEW: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// `part(name)`: the function of a script. Throws what V8 says if there is no room to compile it.
pub(super) fn on_part<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let name = args.get(0).to_rust_string_lossy(scope);
    let Some((name, text, code)) = PARTS.iter().find(|(known, ..)| *known == name) else {
        let text = v8::String::new(scope, &format!("the platform has no part '{name}' (please report)"));
        let error = v8::Exception::error(scope, text.unwrap_or_else(|| v8::String::empty(scope)));
        scope.throw_exception(error);
        return;
    };
    if let Some(function) = function_of(scope, name, text, code) {
        rv.set(function);
    }
}

/// The code that the build kept is for isolates that start from the built-in snapshot. For others, what the first of them compiled is kept.
fn function_of<'s>(scope: &mut v8::PinScope<'s, '_>, name: &str, text: &'static str, code: &[u8]) -> Option<v8::Local<'s, v8::Value>> {
    let key = state_of(scope).code_cache.image.get().map(|image| code_cache::key_of_part(name, &image));
    let kept = key.as_ref().and_then(code_cache::get);
    let (script, anew) = compile(scope, name, text, Some(kept.as_deref().unwrap_or(code)))?;
    #[cfg(test)]
    COMPILED_ANEW.fetch_add(usize::from(anew), std::sync::atomic::Ordering::Relaxed);
    let function = script.run(scope)?;
    if let Some(key) = key
        && anew
        && let Some(code) = script.get_unbound_script(scope).create_code_cache()
    {
        code_cache::put(key, code.to_vec().into());
    }
    Some(function)
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
