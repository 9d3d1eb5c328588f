//! What V8 asks the host about modules: `import()`, `import.meta`, and which module an import statement means.

use deno_core::v8;

use super::compile::kind_of;
use super::specifier;
use crate::engine::state_of;

/// Replaces deno_core's answers by ours.
pub(crate) fn install(isolate: &mut v8::Isolate) {
    isolate.set_host_import_module_dynamically_callback(import_dynamically);
    isolate.set_host_import_module_with_phase_dynamically_callback(import_with_phase);
    isolate.set_host_initialize_import_meta_object_callback(initialize_meta);
}

/// `import(specifier, options)`.
#[allow(clippy::unnecessary_wraps, reason = "V8's signature")]
fn import_dynamically<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _options: v8::Local<'s, v8::Data>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let state = state_of(scope);
    let specifier = specifier.to_rust_string_lossy(scope);
    let referrer = if referrer.is_string() { referrer.to_rust_string_lossy(scope) } else { "<eval>".into() };
    let kind = kind_of(scope, attributes, 2);
    let owner = state.current_owner(scope);
    state.import(scope, &specifier, &referrer, kind, owner, false)
}

/// The same where V8 says the phase. A source phase asks for a compiled module, which is `with {type: "wasm"}` here.
fn import_with_phase<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    options: v8::Local<'s, v8::Data>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    _phase: v8::ModuleImportPhase,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    import_dynamically(scope, options, referrer, specifier, attributes)
}

/// The first use of `import.meta` in a module.
extern "C" fn initialize_meta(context: v8::Local<'_, v8::Context>, module: v8::Local<'_, v8::Module>, meta: v8::Local<'_, v8::Object>) {
    // SAFETY: V8 calls this with a live context on the isolate's thread.
    v8::callback_scope!(unsafe scope, context);
    let state = state_of(scope);
    let Some(key) = state.modules.key_of(module) else { return };
    let is_main = state.modules.main.borrow().as_ref() == Some(&key);
    let Some(url) = v8::String::new(scope, &specifier::url_of(&key.name)) else { return };
    let resolve = v8::Function::builder(resolve_in_module).data(url.into()).build(scope);
    let main = v8::Boolean::new(scope, is_main);
    for (name, value) in [("url", Some(url.into())), ("main", Some(main.into())), ("resolve", resolve.map(Into::into))] {
        let (Some(name), Some(value)) = (v8::String::new(scope, name), value) else { return };
        if meta.create_data_property(scope, name.into(), value).is_none() {
            return;
        }
    }
}

/// `import.meta.resolve(specifier)`: the URL, without asking the host.
fn resolve_in_module<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let specifier = args.get(0).to_rust_string_lossy(scope);
    let referrer = args.data().to_rust_string_lossy(scope);
    let state = state_of(scope);
    let answer = state.mapped(&specifier, &referrer).and_then(|name| name.map_or_else(|| state.meaning(&specifier, &referrer), Ok));
    let text = answer.as_ref().map_or_else(|reason| format!("cannot resolve {specifier:?}: {reason}"), |name| specifier::url_of(name));
    let Some(text) = v8::String::new(scope, &text) else { return };
    if answer.is_ok() {
        rv.set(text.into());
    } else {
        let error = v8::Exception::type_error(scope, text);
        scope.throw_exception(error);
    }
}

/// `import source x from "..."`: there is no compiled form to give.
pub(super) fn no_source<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    _attributes: v8::Local<'s, v8::FixedArray>,
    _referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Object>> {
    // SAFETY: V8 calls this with a live context on the isolate's thread.
    v8::callback_scope!(unsafe scope, context);
    let specifier = specifier.to_rust_string_lossy(scope);
    let text = format!("a source-phase import of {specifier:?}: use with {{type: \"wasm\"}} for a compiled module");
    let text = v8::String::new(scope, &text)?;
    let error = v8::Exception::syntax_error(scope, text);
    scope.throw_exception(error);
    None
}

/// Which module an import statement means: found when the graph was loaded.
pub(super) fn linked_module<'s>(
    context: v8::Local<'s, v8::Context>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
    referrer: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Module>> {
    // SAFETY: V8 calls this with a live context on the isolate's thread.
    v8::callback_scope!(unsafe scope, context);
    let state = state_of(scope);
    let text = specifier.to_rust_string_lossy(scope);
    let kind = kind_of(scope, attributes, 3).ok()?;
    let module = {
        let key = state.modules.key_of(referrer)?;
        let records = state.modules.records.borrow();
        let request = records.get(&key)?.requests.iter().find(|request| request.specifier == text && request.kind == kind)?;
        records.get(request.target.as_ref()?)?.module.clone()?
    };
    Some(v8::Local::new(scope, module))
}
