//! Compiles a part of the platform. Also in the build script, which makes the code that is kept with it.

use deno_core::v8;
use deno_core::v8::script_compiler::{self, CachedData, CompileOptions, NoCacheReason, Source};

/// The script whose value is a function that is given deno_core's internals, and returns what the script brings. `code` is what an earlier compilation
/// kept; V8 compiles anew if another V8 made it, or one of another snapshot, and then true comes with the script. None if there is no room.
pub(crate) fn compile<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    text: &'static str,
    code: Option<&[u8]>,
) -> Option<(v8::Local<'s, v8::Script>, bool)> {
    // The text stays where it is: V8 takes no copy of it.
    let text = v8::String::new_external_onebyte_static(scope, text.as_bytes())?;
    let name = v8::String::new(scope, name)?;
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, -1, None, false, false, false, None);
    let (mut source, options) = match code {
        Some(code) => (Source::new_with_cached_data(text, Some(&origin), CachedData::new(code)), CompileOptions::ConsumeCodeCache),
        None => (Source::new(text, Some(&origin)), CompileOptions::NoCompileOptions),
    };
    let unbound = script_compiler::compile_unbound_script(scope, &mut source, options, NoCacheReason::NoReason)?;
    let anew = source.get_cached_data().is_none_or(CachedData::rejected);
    Some((unbound.bind_to_current_context(scope), anew))
}
