//! Scripts: the plain way, and V8's REPL mode for sources with top-level `await`.

use deno_core::v8;

use super::{Run, State};
use crate::code_cache::{self, Unit};
use crate::convert::describe;
use crate::error::Error;

/// Compiles and starts a script. Its value, or the promise of it, is in the returned [`Run`].
pub(crate) fn evaluate<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    source: v8::Local<'s, v8::String>,
    filename: &str,
) -> Result<Run<'s>, Error> {
    let name = v8::String::new(scope, filename).unwrap_or_else(|| v8::String::empty(scope));
    // Of no foreign origin: debuggers may see the exceptions it throws.
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, true, -1, None, false, false, false, None);
    let (script, anew) = {
        v8::tc_scope!(let tc, scope);
        let compile = |scope: &v8::PinScope<'s, '_>, source: &mut _, options| {
            v8::script_compiler::compile(scope, source, options, v8::script_compiler::NoCacheReason::NoReason)
        };
        match code_cache::compile(tc, state, Unit::Script, source, &origin, compile) {
            Some(compiled) => compiled,
            None if tc.has_terminated() => return Ok(Run::Threw),
            None => {
                let plain = tc.exception().map(|thrown| (thrown, tc.message()));
                let Some((thrown, message)) = plain else { return Ok(Run::Threw) };
                let error = describe(tc, state, thrown, message);
                tc.reset();
                if !mentions_await(tc, source) {
                    return Err(Error::JavaScript(Box::new(error)));
                }
                return evaluate_repl(tc, state, source, filename);
            }
        }
    };
    if mentions_await(scope, source) && calls_await(scope, source) {
        return evaluate_repl(scope, state, source, filename);
    }
    let Some(value) = script.run(scope) else { return Ok(Run::Threw) };
    if let Some(anew) = anew {
        state.code_cache.ran(anew.script(scope, script));
    }
    Ok(Run::Value(value))
}

/// Whether a source that compiles as a plain script uses `await` as a name outside functions: `await (f())` is then a call of a function
/// `await`, which is not what anybody means. A class's static block forbids just that, so the source is compiled inside one, and
/// never run. Larger sources are libraries, not scripts with top-level `await`.
fn calls_await(scope: &mut v8::PinScope<'_, '_>, source: v8::Local<'_, v8::String>) -> bool {
    const LARGEST: usize = 256 << 10;
    if source.length() > LARGEST {
        return false;
    }
    v8::tc_scope!(let tc, scope);
    let wrapped = v8::String::new(tc, "class Check { static {").and_then(|head| {
        let tail = v8::String::new(tc, "\n} }")?;
        let opened = v8::String::concat(tc, head, source)?;
        v8::String::concat(tc, opened, tail)
    });
    let refused = wrapped.is_some_and(|wrapped| v8::Script::compile(tc, wrapped, None).is_none()) && !tc.has_terminated();
    tc.reset();
    refused
}

/// Whether the text can contain a top-level `await` at all.
fn mentions_await(scope: &mut v8::PinScope<'_, '_>, source: v8::Local<'_, v8::String>) -> bool {
    let view = v8::ValueView::new(scope, source);
    match view.data() {
        v8::ValueViewData::OneByte(bytes) => bytes.windows(5).any(|word| word == b"await"),
        v8::ValueViewData::TwoByte(units) => {
            units.windows(5).any(|word| word.iter().zip(b"await").all(|(unit, byte)| *unit == u16::from(*byte)))
        }
    }
}

/// Runs a source in V8's REPL mode: top-level `await` works, declarations become global, the completion value is kept. The result is
/// the promise of `{".repl_result": value}`.
fn evaluate_repl<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    source: v8::Local<'s, v8::String>,
    filename: &str,
) -> Result<Run<'s>, Error> {
    let mut source = source;
    // REPL mode takes no script origin: the name travels as the comment V8 reads names from.
    if !filename.is_empty()
        && !filename.contains(char::is_whitespace)
        && let Some(comment) = v8::String::new(scope, &["\n//# sourceURL=", filename].concat())
        && let Some(named) = v8::String::concat(scope, source, comment)
    {
        source = named;
    }
    v8::tc_scope!(let tc, scope);
    if let Some(promise) = repl::evaluate_global(tc, source) {
        return Ok(Run::Repl(promise));
    }
    if tc.has_terminated() {
        return Ok(Run::Threw);
    }
    // REPL mode reports everything that happens at run time through the promise: this is a syntax error.
    let message = tc.message();
    let Some(thrown) = tc.exception() else { return Ok(Run::Threw) };
    let mut error = describe(tc, state, thrown, message);
    if let Some(line) = &mut error.source
        && line.file.is_empty()
    {
        line.file = filename.to_owned();
    }
    tc.reset();
    Err(Error::JavaScript(Box::new(error)))
}

#[cfg(not(target_env = "msvc"))]
mod repl {
    //! V8's entry point for REPL evaluation, which the `v8` crate does not bind.

    use deno_core::v8;

    unsafe extern "C" {
        // `MaybeLocal<Value> v8::debug::EvaluateGlobal(Isolate*, Local<String>, EvaluateGlobalMode, bool repl)`. Local and MaybeLocal
        // are one pointer each.
        #[link_name = "_ZN2v85debug14EvaluateGlobalEPNS_7IsolateENS_5LocalINS_6StringEEENS0_18EvaluateGlobalModeEb"]
        fn v8_debug_evaluate_global(
            isolate: v8::UnsafeRawIsolatePtr,
            source: *const v8::String,
            mode: i32,
            repl: bool,
        ) -> Option<std::ptr::NonNull<v8::Value>>;
    }

    pub(super) fn evaluate_global<'s>(
        scope: &mut v8::PinScope<'s, '_>,
        source: v8::Local<'s, v8::String>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        // SAFETY: isolate and string are live, a context is entered, and the returned handle belongs to the innermost handle scope, which is `scope`'s.
        unsafe {
            let isolate = scope.as_raw_isolate_ptr();
            let value = v8_debug_evaluate_global(isolate, &raw const *source, 0, true)?;
            Some(std::mem::transmute::<std::ptr::NonNull<v8::Value>, v8::Local<'s, v8::Value>>(value))
        }
    }
}

#[cfg(target_env = "msvc")]
mod repl {
    //! REPL evaluation cannot be linked here: sources with top-level `await` stay syntax errors.

    use deno_core::v8;

    pub(super) fn evaluate_global<'s>(
        scope: &mut v8::PinScope<'s, '_>,
        source: v8::Local<'s, v8::String>,
    ) -> Option<v8::Local<'s, v8::Value>> {
        v8::Script::compile(scope, source, None).and_then(|script| script.run(scope))
    }
}
