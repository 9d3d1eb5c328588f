//! Compiling with code that is there already, and keeping what V8 had to compile anew.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use deno_core::v8;
use deno_core::v8::script_compiler::{CachedData, CompileOptions, Source};

use super::entry::Key;
use super::key::{Unit, key_of};
use super::{disk, memory};
use crate::config::Config;
use crate::engine::State;

/// Shortest source worth it, in characters: below, compiling takes hardly longer than looking.
const LEAST: usize = 8 << 10;

/// One isolate's part: where code is kept besides memory, and what is still to be kept.
pub(crate) struct CodeCache {
    directory: Option<PathBuf>,
    fresh: RefCell<Vec<Fresh>>,
    /// The digest of the user's snapshot whose heap the isolate started with. V8 compiles for one heap's read-only part.
    pub(crate) image: Cell<Option<[u8; 32]>>,
    /// An isolate that becomes a snapshot compiles everything itself.
    off: bool,
}

/// Code that V8 compiled from its source. It is kept after it ran: the functions that ran are part of it then.
pub(crate) struct Fresh {
    key: Key,
    code: Code,
}

enum Code {
    Script(v8::Global<v8::UnboundScript>),
    Module(v8::Global<v8::UnboundModuleScript>),
    Function(v8::Global<v8::Function>),
}

impl CodeCache {
    pub(crate) fn new(config: &Config) -> Self {
        Self { directory: config.code_cache.clone(), fresh: RefCell::default(), image: Cell::new(None), off: config.recording }
    }

    /// Code that ran, to be kept when there is nothing else to do.
    pub(crate) fn ran(&self, fresh: Fresh) {
        self.fresh.borrow_mut().push(fresh);
    }

    pub(crate) fn clear(&self) {
        self.fresh.take();
    }

    fn find(&self, key: &Key) -> Option<Arc<[u8]>> {
        if let Some(code) = memory::get(key) {
            return Some(code);
        }
        let code: Arc<[u8]> = disk::read(self.directory.as_deref()?, key)?.into();
        memory::put(*key, Arc::clone(&code));
        Some(code)
    }
}

/// The key of code that was compiled anew and is worth keeping.
pub(crate) struct Anew(Key);

impl Anew {
    pub(crate) fn script(self, scope: &v8::PinScope<'_, '_>, script: v8::Local<'_, v8::Script>) -> Fresh {
        let unbound = script.get_unbound_script(scope);
        Fresh { key: self.0, code: Code::Script(v8::Global::new(scope, unbound)) }
    }

    pub(crate) fn module(self, scope: &v8::PinScope<'_, '_>, module: v8::Local<'_, v8::Module>) -> Fresh {
        let unbound = module.get_unbound_module_script(scope);
        Fresh { key: self.0, code: Code::Module(v8::Global::new(scope, unbound)) }
    }

    pub(crate) fn function(self, scope: &v8::PinScope<'_, '_>, function: v8::Local<'_, v8::Function>) -> Fresh {
        Fresh { key: self.0, code: Code::Function(v8::Global::new(scope, function)) }
    }
}

/// Compiles `text` with the code that is there for it; `run` is V8's function for the unit. Nothing when V8 threw.
pub(crate) fn compile<'s, T>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    unit: Unit,
    text: v8::Local<'s, v8::String>,
    origin: &v8::ScriptOrigin<'_>,
    run: impl Fn(&v8::PinScope<'s, '_>, &mut Source, CompileOptions) -> Option<T>,
) -> Option<(T, Option<Anew>)> {
    let cache = &state.code_cache;
    if cache.off || text.length() < LEAST {
        let made = run(scope, &mut Source::new(text, Some(origin)), CompileOptions::NoCompileOptions)?;
        return Some((made, None));
    }
    let key = key_of(scope, unit, text);
    let counters = &state.shared.counters;
    if let Some(code) = cache.find(&key).filter(|code| i32::try_from(code.len()).is_ok()) {
        let mut source = Source::new_with_cached_data(text, Some(origin), CachedData::new(&code));
        let made = run(scope, &mut source, CompileOptions::ConsumeCodeCache)?;
        if source.get_cached_data().is_some_and(|data| !data.rejected()) {
            counters.code_cache_hits.fetch_add(1, Ordering::Relaxed);
            return Some((made, None));
        }
        memory::remove(&key);
        counters.code_cache_misses.fetch_add(1, Ordering::Relaxed);
        return Some((made, Some(Anew(key))));
    }
    counters.code_cache_misses.fetch_add(1, Ordering::Relaxed);
    let made = run(scope, &mut Source::new(text, Some(origin)), CompileOptions::NoCompileOptions)?;
    Some((made, Some(Anew(key))))
}

impl State {
    /// Keeps the code that ran since the last time.
    pub(crate) fn keep_code(&self, scope: &mut v8::PinScope<'_, '_>) {
        for Fresh { key, code } in self.code_cache.fresh.take() {
            v8::scope!(let scope, scope);
            let data = match code {
                Code::Script(script) => v8::Local::new(scope, script).create_code_cache(),
                Code::Module(module) => v8::Local::new(scope, module).create_code_cache(),
                Code::Function(function) => v8::Local::new(scope, function).create_code_cache(),
            };
            let Some(code) = data.filter(|code| !code.is_empty()) else { continue };
            if let Some(directory) = &self.code_cache.directory {
                // A directory that cannot be written to costs time, not results.
                let _ = disk::write(directory, &key, &code);
            }
            memory::put(key, Arc::from(&code[..]));
        }
    }
}
