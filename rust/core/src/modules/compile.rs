//! From a source to a V8 module: compiled code, or a value as default export.

use deno_core::v8;

use super::specifier::url_of;
use super::table::{Key, Kind, Request};
use crate::code_cache::{self, Fresh, Unit};
use crate::engine::state_of;

/// A compiled module, and what goes with it.
pub(super) struct Compiled<'s> {
    pub(super) module: v8::Local<'s, v8::Module>,
    /// The exports of a module without code.
    pub(super) value: Option<v8::Local<'s, v8::Object>>,
    pub(super) requests: Vec<Request>,
    /// Its code was compiled anew.
    pub(super) fresh: Option<Fresh>,
}

/// Why there is no module.
pub(super) enum Refused {
    /// V8 threw: a syntax error.
    Threw,
    /// It is not what was asked for.
    Reason(String),
    /// It imports in a way that is unknown.
    Import { specifier: String, reason: String },
}

/// Compiles the source of `key`: a string, or the bytes of one in UTF-8; anything for kinds that take bytes.
pub(super) fn compile<'s>(scope: &mut v8::PinScope<'s, '_>, key: &Key, source: v8::Local<'s, v8::Value>) -> Result<Compiled<'s>, Refused> {
    match key.kind {
        Kind::JavaScript => {
            let text = text_in(scope, source)?;
            code(scope, key, text)
        }
        Kind::Json => {
            let text = text_in(scope, source)?;
            let value = v8::json::parse(scope, text).ok_or(Refused::Threw)?;
            holding(scope, key, value)
        }
        Kind::Text => {
            let text = text_in(scope, source)?;
            holding(scope, key, text.into())
        }
        Kind::Bytes => {
            let bytes = bytes_of(source)?;
            let length = bytes.len();
            let store = state_of(scope).buffers.adopt(bytes).ok_or_else(|| Refused::Reason("max_buffer_bytes is reached".into()))?;
            let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
            let view = v8::Uint8Array::new(scope, buffer, 0, length).ok_or(Refused::Threw)?;
            holding(scope, key, view.into())
        }
        Kind::Wasm => {
            if !state_of(scope).shared.config.allow_wasm {
                return Err(Refused::Reason("WebAssembly is not allowed in this runtime (allow_wasm=False)".into()));
            }
            let bytes = bytes_of(source)?;
            let module = v8::WasmModuleObject::compile(scope, &bytes).ok_or(Refused::Threw)?;
            holding(scope, key, module.into())
        }
    }
}

fn code<'s>(scope: &mut v8::PinScope<'s, '_>, key: &Key, text: v8::Local<'s, v8::String>) -> Result<Compiled<'s>, Refused> {
    let name = v8::String::new(scope, &url_of(&key.name)).ok_or(Refused::Threw)?;
    let origin = v8::ScriptOrigin::new(scope, name.into(), 0, 0, true, -1, None, false, false, true, None);
    let compile = |scope: &v8::PinScope<'s, '_>, source: &mut _, options| {
        v8::script_compiler::compile_module2(scope, source, options, v8::script_compiler::NoCacheReason::NoReason)
    };
    let (module, anew) = code_cache::compile(scope, &state_of(scope), Unit::Module, text, &origin, compile).ok_or(Refused::Threw)?;
    let fresh = anew.map(|anew| anew.module(scope, module));
    let found = module.get_module_requests();
    let mut requests = Vec::with_capacity(found.length());
    for index in 0..found.length() {
        let Some(request) = found.get(scope, index) else { continue };
        let request: v8::Local<'_, v8::ModuleRequest> = request.cast();
        let specifier = request.get_specifier().to_rust_string_lossy(scope);
        // In a static import, V8 puts the place of an attribute behind its value.
        let kind = match kind_of(scope, request.get_import_attributes(), 3) {
            Ok(kind) => kind,
            Err(reason) => return Err(Refused::Import { specifier, reason }),
        };
        requests.push(Request { specifier, kind, target: None });
    }
    Ok(Compiled { module, value: None, requests, fresh })
}

/// A module whose default export is a value.
fn holding<'s>(scope: &mut v8::PinScope<'s, '_>, key: &Key, value: v8::Local<'s, v8::Value>) -> Result<Compiled<'s>, Refused> {
    let default = v8::String::new(scope, "default").ok_or(Refused::Threw)?;
    let module = synthetic(scope, key, &[default]).ok_or(Refused::Threw)?;
    let null = v8::null(scope).into();
    let value = v8::Object::with_prototype_and_properties(scope, null, &[default.into()], &[value]);
    Ok(Compiled { module, value: Some(value), requests: Vec::new(), fresh: None })
}

/// A module without code that exports these names, once its record holds an object with their values.
pub(super) fn synthetic<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    key: &Key,
    names: &[v8::Local<'s, v8::String>],
) -> Option<v8::Local<'s, v8::Module>> {
    let url = v8::String::new(scope, &url_of(&key.name))?;
    Some(v8::Module::create_synthetic_module(scope, url, names, export_values))
}

/// V8 evaluates a module without code.
fn export_values<'s>(context: v8::Local<'s, v8::Context>, module: v8::Local<'s, v8::Module>) -> Option<v8::Local<'s, v8::Value>> {
    // SAFETY: V8 calls this with a live context on the isolate's thread.
    v8::callback_scope!(unsafe scope, context);
    let state = state_of(scope);
    let key = state.modules.key_of(module)?;
    let value = state.modules.records.borrow().get(&key)?.value.clone()?;
    let values = v8::Local::new(scope, value);
    let names = values.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    for index in 0..names.length() {
        let name = names.get_index(scope, index)?;
        let value = values.get(scope, name)?;
        // An array index comes as a number.
        let name = name.to_string(scope)?;
        module.set_synthetic_module_export(scope, name, value)?;
    }
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope);
    resolver.resolve(scope, undefined.into())?;
    Some(resolver.get_promise(scope).into())
}

/// The kind that import attributes ask for. `width`: entries per attribute.
pub(super) fn kind_of(scope: &v8::PinScope<'_, '_>, attributes: v8::Local<'_, v8::FixedArray>, width: usize) -> Result<Kind, String> {
    let mut kind = Kind::JavaScript;
    for at in (0..attributes.length()).step_by(width) {
        let text = |index| {
            let entry = attributes.get(scope, index).and_then(|entry| v8::Local::<v8::String>::try_from(entry).ok());
            entry.map(|entry| entry.to_rust_string_lossy(scope)).unwrap_or_default()
        };
        let (name, value) = (text(at), text(at + 1));
        if name != "type" {
            return Err(format!("the import attribute {name:?} is unknown; only \"type\" is"));
        }
        kind = match Kind::from_name(&value) {
            Some(Kind::JavaScript) | None => {
                return Err(format!("the module type {value:?} is unknown; known are json, text, bytes and wasm"));
            }
            Some(kind) => kind,
        };
    }
    Ok(kind)
}

fn text_in<'s>(scope: &mut v8::PinScope<'s, '_>, source: v8::Local<'s, v8::Value>) -> Result<v8::Local<'s, v8::String>, Refused> {
    if let Ok(text) = v8::Local::<v8::String>::try_from(source) {
        return Ok(text);
    }
    let bytes = bytes_of(source)?;
    text_of(scope, &bytes).map_err(Refused::Reason)
}

/// Text in UTF-8.
pub(super) fn text_of<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: &[u8]) -> Result<v8::Local<'s, v8::String>, String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| format!("its source is not UTF-8 (byte {})", error.valid_up_to()))?;
    v8::String::new(scope, text).ok_or_else(|| format!("its source of {} bytes is longer than V8 takes", text.len()))
}

fn bytes_of(source: v8::Local<'_, v8::Value>) -> Result<Vec<u8>, Refused> {
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(source) {
        let mut bytes = vec![0; view.byte_length()];
        view.copy_contents(&mut bytes);
        return Ok(bytes);
    }
    Err(Refused::Reason("its source must be bytes for this module type".into()))
}
