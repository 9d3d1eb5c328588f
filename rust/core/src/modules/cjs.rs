//! CommonJS files of the loader's folder: run as functions of `require`, `module` and the rest, and seen by ES modules as modules with a default export.

use deno_core::v8;

use super::compile::text_of;
use super::specifier::url_of;
use super::table::{Key, Kind};
use crate::code_cache::{self, Anew, Unit};
use crate::engine::{State, state_of};
use crate::packages::{Demand, Folder, Format};

/// What the body of a file finds besides the globals.
const PARAMETERS: [&str; 7] = ["exports", "require", "module", "__filename", "__dirname", "process", "global"];

type Compiled<'s> = (v8::Local<'s, v8::Function>, Option<Anew>);

/// Compiles a file's text as the body of a function. Nothing when V8 threw.
pub(super) fn compile_body<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    name: &str,
    text: v8::Local<'s, v8::String>,
) -> Option<Compiled<'s>> {
    let url = v8::String::new(scope, &url_of(name))?;
    let origin = v8::ScriptOrigin::new(scope, url.into(), 0, 0, false, -1, None, false, false, false, None);
    let mut parameters = Vec::with_capacity(PARAMETERS.len());
    for parameter in PARAMETERS {
        parameters.push(v8::String::new(scope, parameter)?);
    }
    code_cache::compile(scope, state, Unit::Function, text, &origin, |scope, source, options| {
        v8::script_compiler::compile_function(scope, source, &parameters, &[], options, v8::script_compiler::NoCacheReason::NoReason)
    })
}

impl State {
    /// Runs the CommonJS files that `root` reaches, in the order of the imports, and makes modules of what they export. False when one threw.
    pub(super) fn run_commonjs(&self, scope: &mut v8::PinScope<'_, '_>, root: &Key) -> bool {
        for key in self.waiting_commonjs(root) {
            v8::scope!(let scope, scope);
            let body = self.modules.records.borrow().get(&key).and_then(|record| record.commonjs.clone());
            let Some(body) = body else { continue };
            let body = v8::Local::new(scope, body);
            let Some(module) = self.required(scope, &key.name, Some((body, None))) else { return false };
            // The file may have had itself imported.
            if self.modules.records.borrow().get(&key).is_some_and(|record| record.module.is_none())
                && self.expose(scope, &key, module).is_none()
            {
                return false;
            }
        }
        true
    }

    /// CommonJS files among what `root` reaches that are no modules yet; what is imported comes before who imports.
    fn waiting_commonjs(&self, root: &Key) -> Vec<Key> {
        let records = self.modules.records.borrow();
        let mut found = Vec::new();
        let mut met = std::collections::HashSet::from([root.clone()]);
        let mut path = vec![(root.clone(), 0)];
        while let Some((key, next)) = path.last_mut() {
            let Some(record) = records.get(key) else {
                path.pop();
                continue;
            };
            match record.requests.get(*next) {
                Some(request) => {
                    *next += 1;
                    if let Some(target) = request.target.clone()
                        && met.insert(target.clone())
                    {
                        path.push((target, 0));
                    }
                }
                None => {
                    if record.commonjs.is_some() && record.module.is_none() {
                        found.push(key.clone());
                    }
                    path.pop();
                }
            }
        }
        found
    }

    /// Makes the ES module of a CommonJS file that has run: `module.exports` is the default export, its own enumerable properties are named ones.
    fn expose(&self, scope: &mut v8::PinScope<'_, '_>, key: &Key, module: v8::Local<'_, v8::Object>) -> Option<()> {
        let exports = get(scope, module, "exports")?;
        let null = v8::null(scope).into();
        let holder = v8::Object::with_prototype_and_properties(scope, null, &[], &[]);
        let default = v8::String::new(scope, "default")?;
        let mut names = vec![default];
        if let Ok(object) = v8::Local::<v8::Object>::try_from(exports)
            && !object.is_array()
            && !object.is_array_buffer_view()
            && let Some(keys) = self.keys_of(scope, object)
        {
            for index in 0..keys.length() {
                let name: v8::Local<'_, v8::String> = keys.get_index(scope, index)?.try_cast().ok()?;
                if name == default {
                    continue;
                }
                v8::tc_scope!(let tc, scope);
                // A getter that throws makes an export that is undefined, as it does for a bundler.
                let value = object.get(tc, name.into()).unwrap_or_else(|| v8::undefined(tc).into());
                if tc.has_terminated() {
                    return None;
                }
                tc.reset();
                holder.create_data_property(tc, name.into(), value)?;
                names.push(name);
            }
        }
        holder.create_data_property(scope, default.into(), exports)?;
        let made = super::compile::synthetic(scope, key, &names)?;
        let global = v8::Global::new(scope, made);
        self.modules.remember(&global, made.get_identity_hash().get(), key.clone());
        let mut records = self.modules.records.borrow_mut();
        let record = records.get_mut(key)?;
        record.module = Some(global);
        record.value = Some(v8::Global::new(scope, holder));
        Some(())
    }

    /// The `module` object of a file: that of its first run, or it runs now. Nothing when that threw.
    fn required<'s>(&self, scope: &mut v8::PinScope<'s, '_>, name: &str, body: Option<Compiled<'s>>) -> Option<v8::Local<'s, v8::Object>> {
        if let Some(module) = self.modules.required.borrow().get(name) {
            return Some(v8::Local::new(scope, module));
        }
        let folder = self.modules.folder.borrow().clone()?;
        let (body, json) = match body {
            Some(body) => (Some(body), None),
            None => self.read_required(scope, &folder, name)?,
        };
        let module = v8::Object::new(scope);
        let exports = json.unwrap_or_else(|| v8::Object::new(scope).into());
        let path = format!("/{name}");
        let filename = v8::String::new(scope, &path)?;
        set(scope, module, "exports", exports)?;
        set(scope, module, "id", filename.into())?;
        set(scope, module, "filename", filename.into())?;
        let not_yet = v8::Boolean::new(scope, false);
        set(scope, module, "loaded", not_yet.into())?;
        self.modules.required.borrow_mut().insert(name.to_owned(), v8::Global::new(scope, module));
        if let Some((body, anew)) = body {
            let directory =
                v8::String::new(scope, path.rsplit_once('/').map(|(directory, _)| directory).filter(|at| !at.is_empty()).unwrap_or("/"))?;
            let require = self.require_of(scope, name)?;
            let process = self.process(scope, &folder)?;
            let global = scope.get_current_context().global(scope);
            let args = [exports, require.into(), module.into(), filename.into(), directory.into(), process.into(), global.into()];
            if body.call(scope, exports, &args).is_none() {
                // The next one who wants it tries again.
                self.modules.required.borrow_mut().remove(name);
                return None;
            }
            if let Some(anew) = anew {
                self.code_cache.ran(anew.function(scope, body));
            }
        }
        let loaded = v8::Boolean::new(scope, true);
        set(scope, module, "loaded", loaded.into())?;
        Some(module)
    }

    /// What a required file is: the body of a function, or a value.
    #[allow(clippy::type_complexity, reason = "one of two, for one caller")]
    fn read_required<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        folder: &Folder,
        name: &str,
    ) -> Option<(Option<Compiled<'s>>, Option<v8::Local<'s, v8::Value>>)> {
        let refuse = |scope: &mut v8::PinScope<'_, '_>, code: &str, reason: &str| {
            throw_coded(scope, code, &format!("cannot require {:?}: {reason}", format!("/{name}")));
        };
        let file = match folder.file(name) {
            Ok(file) => file,
            Err(reason) => {
                refuse(scope, "MODULE_NOT_FOUND", &reason);
                return None;
            }
        };
        match &file.format {
            Format::Module => {
                refuse(scope, "ERR_REQUIRE_ESM", "it is an ES module; use import or await import()");
                return None;
            }
            Format::Other(extension) => {
                refuse(scope, "ERR_UNKNOWN_FILE_EXTENSION", &format!("a .{extension} file is neither JavaScript nor JSON"));
                return None;
            }
            Format::CommonJs | Format::Unsaid | Format::Json => {}
        }
        let text = match file.read() {
            Ok(bytes) => text_of(scope, &bytes),
            Err(reason) => Err(reason),
        };
        let text = match text {
            Ok(text) => text,
            Err(reason) => {
                refuse(scope, "MODULE_NOT_FOUND", &reason);
                return None;
            }
        };
        if file.format == Format::Json {
            return Some((None, Some(v8::json::parse(scope, text)?)));
        }
        Some((Some(compile_body(scope, self, name, text)?), None))
    }

    /// The `require` of one file.
    fn require_of<'s>(&self, scope: &mut v8::PinScope<'s, '_>, name: &str) -> Option<v8::Local<'s, v8::Function>> {
        let data = v8::String::new(scope, name)?;
        let require = v8::Function::builder(require).data(data.into()).length(1).build(scope)?;
        let resolve = v8::Function::builder(resolve_required).data(data.into()).length(1).build(scope)?;
        let label = v8::String::new(scope, "require")?;
        require.set_name(label);
        set(scope, require.into(), "resolve", resolve.into())?;
        Some(require)
    }

    /// What files see as `process`: the global of that name, else which build is meant, and nothing of this process.
    fn process<'s>(&self, scope: &mut v8::PinScope<'s, '_>, folder: &Folder) -> Option<v8::Local<'s, v8::Object>> {
        let global = scope.get_current_context().global(scope);
        if let Ok(process) = get(scope, global, "process")?.try_cast::<v8::Object>() {
            return Some(process);
        }
        if let Some(process) = self.modules.process.borrow().as_ref() {
            return Some(v8::Local::new(scope, process));
        }
        let (process, env) = (v8::Object::new(scope), v8::Object::new(scope));
        let mode = v8::String::new(scope, &folder.node_env)?;
        set(scope, env, "NODE_ENV", mode.into())?;
        set(scope, process, "env", env.into())?;
        if folder.for_browser {
            // Where a package picks its build when it runs.
            let browser = v8::Boolean::new(scope, true);
            set(scope, process, "browser", browser.into())?;
        }
        self.modules.process.replace(Some(v8::Global::new(scope, process)));
        Some(process)
    }
}

fn get<'s>(scope: &mut v8::PinScope<'s, '_>, object: v8::Local<'_, v8::Object>, name: &str) -> Option<v8::Local<'s, v8::Value>> {
    let key = v8::String::new(scope, name)?;
    object.get(scope, key.into())
}

fn set(scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>, name: &str, value: v8::Local<'_, v8::Value>) -> Option<bool> {
    let key = v8::String::new(scope, name)?;
    object.create_data_property(scope, key.into(), value)
}

/// Throws an error with a `code`, as packages look for it.
fn throw_coded(scope: &mut v8::PinScope<'_, '_>, code: &str, text: &str) -> Option<()> {
    let text = v8::String::new(scope, text)?;
    let code = v8::String::new(scope, code)?;
    let error = v8::Exception::error(scope, text);
    set(scope, error.cast(), "code", code.into())?;
    scope.throw_exception(error);
    Some(())
}

/// What the first argument of `require` or `require.resolve` means; nothing when an error was thrown.
fn asked(scope: &mut v8::PinScope<'_, '_>, state: &State, args: &v8::FunctionCallbackArguments<'_>) -> Option<String> {
    let importer = args.data().to_rust_string_lossy(scope);
    if !args.get(0).is_string() {
        throw_coded(scope, "ERR_INVALID_ARG_TYPE", "require() takes the name of a file or package as a string");
        return None;
    }
    let specifier = args.get(0).to_rust_string_lossy(scope);
    let folder = state.modules.folder.borrow().clone();
    let found = match folder {
        Some(folder) => folder.resolve(&specifier, &importer, Demand::Require),
        None => Err("its loader was replaced".into()),
    };
    match found {
        Ok(name) => Some(name),
        Err(reason) => {
            throw_coded(scope, "MODULE_NOT_FOUND", &format!("cannot require {specifier:?} from {:?}: {reason}", format!("/{importer}")));
            None
        }
    }
}

fn require<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let Some(name) = asked(scope, &state, &args) else { return };
    let module = state.required(scope, &name, None);
    if let Some(exports) = module.and_then(|module| get(scope, module, "exports")) {
        rv.set(exports);
    }
}

fn resolve_required<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let Some(name) = asked(scope, &state, &args) else { return };
    if let Some(path) = v8::String::new(scope, &format!("/{name}")) {
        rv.set(path.into());
    }
}

impl State {
    /// The source of a module is a file of the folder.
    pub(super) fn fetch_file(&self, scope: &mut v8::PinScope<'_, '_>, folder: &Folder, key: &Key, owner: Option<crate::reply::OpId>) {
        let read = folder.file(&key.name).and_then(|file| {
            let refused = match (key.kind, &file.format) {
                (Kind::JavaScript, Format::Json) => Some("it is json; import it with {type: 'json'}".to_owned()),
                (Kind::JavaScript, Format::Other(extension)) if extension == "wasm" => {
                    Some("it is wasm; import it with {type: 'wasm'}".to_owned())
                }
                (Kind::JavaScript, Format::Other(extension)) => {
                    Some(format!("a .{extension} file is no JavaScript; import it with {{type: 'text'}} or {{type: 'bytes'}}"))
                }
                _ => None,
            };
            let bytes = refused.map_or_else(|| file.read(), Err)?;
            Ok((file.format, bytes))
        });
        let (format, bytes) = match read {
            Ok(read) => read,
            Err(reason) => return self.refuse(scope, key, &reason, None),
        };
        if key.kind == Kind::JavaScript && matches!(format, Format::CommonJs | Format::Unsaid) {
            v8::tc_scope!(let tc, scope);
            let text = match text_of(tc, &bytes) {
                Ok(text) => text,
                Err(reason) => return self.refuse(tc, key, &reason, None),
            };
            match compile_body(tc, self, &key.name, text) {
                Some((body, anew)) => {
                    if let Some(record) = self.modules.records.borrow_mut().get_mut(key) {
                        record.commonjs = Some(v8::Global::new(tc, body));
                        record.fresh = anew.map(|anew| anew.function(tc, body));
                    }
                    return self.ready(key);
                }
                None if format == Format::CommonJs => {
                    let Some(thrown) = tc.exception() else { return };
                    let message = tc.message();
                    tc.reset();
                    return self.refuse_with(tc, key, thrown, message);
                }
                // It has the syntax of an ES module, or of neither.
                None => tc.reset(),
            }
            return self.fetched(tc, key, text.into(), owner);
        }
        let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared();
        let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
        let Some(view) = v8::Uint8Array::new(scope, buffer, 0, buffer.byte_length()) else { return };
        self.fetched(scope, key, view.into(), owner);
    }
}
