//! The modules of one isolate: static sources, the host's functions, records by name, and the loads under way.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use deno_core::v8;

use crate::code_cache::Fresh;
use crate::packages::Folder;
use crate::reply::OpId;
use crate::value::HostFunction;

/// What a module's source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    JavaScript,
    Json,
    Text,
    Bytes,
    Wasm,
}

impl Kind {
    /// From an import attribute or the host's word.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "js" | "javascript" => Self::JavaScript,
            "json" => Self::Json,
            "text" => Self::Text,
            "bytes" => Self::Bytes,
            "wasm" => Self::Wasm,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "js",
            Self::Json => "json",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Wasm => "wasm",
        }
    }
}

/// A module's identity: the same name imported as another kind is another module.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: Rc<str>,
    pub(super) kind: Kind,
}

/// One import statement of a module.
pub(super) struct Request {
    pub(super) specifier: String,
    pub(super) kind: Kind,
    /// What it means, once resolved.
    pub(super) target: Option<Key>,
}

/// An import, for messages: specifier and referrer.
pub(super) type Asked = (String, String);

/// A module on its way or there.
pub(super) struct Record {
    /// The import that its source was asked for by.
    pub(super) asked: Asked,
    /// Tells this record from an earlier one of the same key.
    pub(super) generation: u64,
    /// Its source was asked for, on behalf of an operation or of none.
    pub(super) fetching: Option<Option<OpId>>,
    /// Compiled, once its source came.
    pub(super) module: Option<v8::Global<v8::Module>>,
    /// What a module without code exports.
    pub(super) value: Option<v8::Global<v8::Object>>,
    /// The body of a CommonJS file, which is a module once it has run.
    pub(super) commonjs: Option<v8::Global<v8::Function>>,
    pub(super) requests: Vec<Request>,
    /// Its code, compiled anew, until it has run.
    pub(super) fresh: Option<Fresh>,
    /// Imports without a target yet; with a module and none of these, the record is ready.
    pub(super) unresolved: usize,
    /// Loads that go on when it is ready.
    pub(super) waiters: Vec<u64>,
}

impl Record {
    pub(super) fn new(asked: Asked, generation: u64) -> Self {
        Self {
            asked,
            generation,
            fetching: None,
            module: None,
            value: None,
            commonjs: None,
            requests: Vec::new(),
            fresh: None,
            unresolved: 0,
            waiters: Vec::new(),
        }
    }

    /// What its imports mean, and the imports themselves.
    pub(super) fn targets(&self, key: &Key) -> Vec<(Key, Asked)> {
        let referrer = super::specifier::url_of(&key.name);
        let imported = |request: &Request| Some((request.target.clone()?, (request.specifier.clone(), referrer.clone())));
        self.requests.iter().filter_map(imported).collect()
    }

    /// Whether its source is there, and what its imports mean.
    pub(super) fn is_ready(&self) -> bool {
        (self.module.is_some() || self.commonjs.is_some()) && self.unresolved == 0
    }
}

/// One `import()` or `eval_module` under way.
pub(super) struct Load {
    /// Settles what the caller got. Let go of only while the collector looks for what nothing can settle.
    pub(super) resolver: Option<v8::Global<v8::PromiseResolver>>,
    /// The caller is the host: the namespace goes out in the wrapper of a REPL result, so that an export named `then` is only that.
    pub(super) for_host: bool,
    pub(super) owner: Option<OpId>,
    pub(super) root: Option<Key>,
    /// What its root was asked for by.
    pub(super) asked: Asked,
    pub(super) seen: HashSet<Key>,
    /// Records it waits for.
    pub(super) outstanding: usize,
    /// Times it began again because a module it had was replaced or failed for another load.
    pub(super) restarts: u32,
}

/// What a resolved specifier is for.
#[derive(Clone)]
pub(super) enum Target {
    /// The root of a load.
    Root(u64),
    /// An import statement, of the record of that generation.
    Request(Key, u64, usize),
}

/// What waits for the host's answer, or for an evaluation.
pub(super) enum Step {
    Resolved { specifier: String, referrer: String, kind: Kind, target: Target },
    Fetched(Key),
    Evaluated(u64),
}

/// Work that needs no answer first; queued, so that a deep graph does not become a deep stack.
pub(super) enum Task {
    /// A load meets a module, by this import.
    Visit(u64, Key, Asked),
    Fetch(Key, Option<OpId>),
    Resolve {
        specifier: String,
        referrer: String,
        kind: Kind,
        owner: Option<OpId>,
        target: Target,
    },
    Finish(u64),
}

/// A compiled module and its key.
type Named = (v8::Global<v8::Module>, Key);

/// Everything modules keep.
#[derive(Default)]
pub(crate) struct Modules {
    /// Sources by name.
    pub(super) statics: RefCell<HashMap<String, v8::Global<v8::String>>>,
    pub(super) resolver: RefCell<Option<HostFunction>>,
    pub(super) loader: RefCell<Option<HostFunction>>,
    /// Files and packages, in place of the host's loader.
    pub(super) folder: RefCell<Option<Arc<Folder>>>,
    /// `module` objects of CommonJS files, by name.
    pub(super) required: RefCell<HashMap<String, v8::Global<v8::Object>>>,
    /// What CommonJS files see as `process`.
    pub(super) process: RefCell<Option<v8::Global<v8::Object>>>,
    pub(super) records: RefCell<HashMap<Key, Record>>,
    /// Names of compiled modules, by identity hash.
    pub(super) keys: RefCell<HashMap<i32, Vec<Named>>>,
    pub(super) loads: RefCell<HashMap<u64, Load>>,
    pub(super) steps: RefCell<HashMap<u64, Step>>,
    pub(super) tasks: RefCell<VecDeque<Task>>,
    /// Loads that meet a module whose evaluation is under way further out on the stack.
    pub(super) postponed: RefCell<Vec<u64>>,
    /// The host blocks for such a load.
    pub(crate) blocked: Cell<bool>,
    /// The first entry module: its `import.meta.main` is true.
    pub(super) main: RefCell<Option<Key>>,
    next: Cell<u64>,
}

impl Modules {
    /// Makes `source` the module `name`. What was imported under that name before stays with those who have it.
    pub(crate) fn add(&self, name: String, source: v8::Global<v8::String>) {
        let name = super::specifier::canonical(name);
        let waiting = {
            let mut records = self.records.borrow_mut();
            let replaced = records.extract_if(|key, record| *key.name == *name && record.module.is_some());
            replaced.flat_map(|(_, record)| record.waiters).collect::<Vec<_>>()
        };
        // They find it missing, and begin again.
        for load in waiting {
            self.push(Task::Finish(load));
        }
        self.statics.borrow_mut().insert(name, source);
    }

    pub(crate) fn set_resolver(&self, function: Option<HostFunction>) {
        let before = self.resolver.replace(function);
        drop(before);
    }

    pub(crate) fn set_loader(&self, function: Option<HostFunction>) {
        let before = self.loader.replace(function);
        drop(before);
        self.folder.take();
    }

    pub(crate) fn set_folder(&self, folder: Arc<Folder>) {
        self.set_loader(None);
        self.process.take();
        self.folder.replace(Some(folder));
    }

    /// Modules that are known.
    pub(super) fn known(&self) -> usize {
        self.records.borrow().len()
    }

    /// Whether there is no room for another module.
    pub(super) fn is_full(&self, key: &Key, most: usize) -> bool {
        let records = self.records.borrow();
        records.len() >= most && !records.contains_key(key)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    pub(super) fn push(&self, task: Task) {
        self.tasks.borrow_mut().push_back(task);
    }

    /// Nobody waits for the end of this load any more, or it has none.
    pub(super) fn forget_load(&self, load: u64) {
        self.loads.borrow_mut().remove(&load);
        self.steps.borrow_mut().retain(|_, step| !matches!(step, Step::Evaluated(other) if *other == load));
    }

    /// The key of a compiled module.
    pub(super) fn key_of(&self, module: v8::Local<'_, v8::Module>) -> Option<Key> {
        let keys = self.keys.borrow();
        keys.get(&module.get_identity_hash().get())?.iter().find(|(known, _)| *known == module).map(|(_, key)| key.clone())
    }

    pub(super) fn remember(&self, module: &v8::Global<v8::Module>, hash: i32, key: Key) {
        self.keys.borrow_mut().entry(hash).or_default().push((module.clone(), key));
    }

    /// Drops every handle, before the isolate goes.
    pub(crate) fn clear(&self) {
        self.statics.take();
        self.records.take();
        self.keys.take();
        self.loads.take();
        self.steps.take();
        self.tasks.take();
        self.postponed.take();
        self.resolver.take();
        self.loader.take();
        self.required.take();
        self.process.take();
    }
}
