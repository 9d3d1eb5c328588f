//! Loading a graph: resolve, fetch, compile, then link and evaluate. The host answers through promises; nothing here waits.

use std::rc::Rc;

use deno_core::v8;

use super::compile::{Compiled, Refused, compile};
use super::specifier;
use super::table::{Asked, Key, Kind, Load, Record, Step, Target, Task};
use crate::convert::{describe, make_error};
use crate::engine::State;
use crate::error::{JsException, ModuleFailure};
use crate::reply::OpId;

impl State {
    /// Starts to load, link and evaluate a module; the promise fulfils with its namespace.
    pub(crate) fn import<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        specifier: &str,
        referrer: &str,
        kind: Result<Kind, String>,
        owner: Option<OpId>,
        for_host: bool,
    ) -> Option<v8::Local<'s, v8::Promise>> {
        let resolver = v8::PromiseResolver::new(scope)?;
        let promise = resolver.get_promise(scope);
        if for_host {
            // The host looks at it, though perhaps after it has failed.
            promise.mark_as_handled();
        }
        let kind = match kind {
            Ok(kind) => kind,
            Err(reason) => {
                let error = self.module_error(scope, specifier, referrer, &reason, None);
                resolver.reject(scope, error)?;
                return Some(promise);
            }
        };
        let load = self.modules.next_number();
        let resolver = v8::Global::new(scope, resolver);
        let seen = std::collections::HashSet::new();
        let entry =
            Load { resolver: Some(resolver), for_host, owner, root: None, asked: Asked::default(), seen, outstanding: 0, restarts: 0 };
        self.modules.loads.borrow_mut().insert(load, entry);
        let (specifier, referrer) = (specifier.to_owned(), referrer.to_owned());
        self.modules.push(Task::Resolve { specifier, referrer, kind, owner, target: Target::Root(load) });
        if for_host {
            self.load_modules(scope);
        }
        Some(promise)
    }

    /// Does what loads can do without waiting. Never called by a promise job: stopping a module would take all other jobs with it.
    pub(crate) fn load_modules(&self, scope: &mut v8::PinScope<'_, '_>) {
        loop {
            self.shared.counters.modules.store(self.modules.known() as u64, std::sync::atomic::Ordering::Relaxed);
            let task = self.modules.tasks.borrow_mut().pop_front();
            let Some(task) = task else { break };
            v8::scope!(let scope, scope);
            match task {
                Task::Resolve { specifier, referrer, kind, owner, target } => self.resolve(scope, specifier, referrer, kind, owner, target),
                Task::Visit(load, key, asked) => self.visit(load, key, asked),
                Task::Fetch(key, owner) => self.fetch(scope, key, owner),
                Task::Finish(load) => {
                    // The modules run on behalf of this load, whoever brought the last of them.
                    let owner = self.modules.loads.borrow().get(&load).and_then(|load| load.owner);
                    self.turn(scope, owner, |scope| self.link(scope, load));
                }
            }
        }
    }

    // ---- names ---------------------------------------------------------------------------------------------------

    fn resolve(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        specifier: String,
        referrer: String,
        kind: Kind,
        owner: Option<OpId>,
        target: Target,
    ) {
        match self.mapped(&specifier, &referrer) {
            Ok(None) => {}
            Ok(name) => return self.resolved(scope, name, specifier, referrer, kind, target),
            Err(reason) => {
                let error = self.module_error(scope, &specifier, &referrer, &reason, None);
                return self.fail(scope, &target, error);
            }
        }
        let resolver = self.modules.resolver.borrow().clone();
        let Some(resolver) = resolver else {
            return self.resolved(scope, None, specifier, referrer, kind, target);
        };
        let args = [specifier.clone(), referrer.clone()];
        self.ask(scope, &resolver, &args, owner, Step::Resolved { specifier, referrer, kind, target });
    }

    /// A specifier has its meaning: the host's answer, or what it says itself.
    pub(super) fn resolved(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        answer: Option<String>,
        specifier: String,
        referrer: String,
        kind: Kind,
        target: Target,
    ) {
        let name = match answer.map_or_else(|| self.meaning(&specifier, &referrer), Ok) {
            Ok(name) => name,
            Err(reason) => {
                let error = self.module_error(scope, &specifier, &referrer, &reason, None);
                return self.fail(scope, &target, error);
            }
        };
        let key = Key { name: Rc::from(name), kind };
        let generation = self.modules.next_number();
        if self.modules.is_full(&key, self.shared.config.max_modules) {
            let most = self.shared.config.max_modules;
            let reason = format!("the runtime has max_modules ({most}) modules; they are kept as long as it lives");
            let error = self.module_error(scope, &specifier, &referrer, &reason, None);
            return self.fail(scope, &target, error);
        }
        let asked = (specifier, referrer);
        self.modules.records.borrow_mut().entry(key.clone()).or_insert_with(|| Record::new(asked.clone(), generation));
        match target {
            Target::Root(load) => {
                if let Some(load) = self.modules.loads.borrow_mut().get_mut(&load) {
                    load.root = Some(key.clone());
                    load.asked = asked.clone();
                }
                self.modules.push(Task::Visit(load, key, asked));
            }
            Target::Request(parent, generation, index) => {
                let ready = {
                    let mut records = self.modules.records.borrow_mut();
                    // The answer may be to an import of an earlier record.
                    let Some(record) = records.get_mut(&parent).filter(|record| record.generation == generation) else { return };
                    record.requests[index].target = Some(key);
                    record.unresolved -= 1;
                    record.unresolved == 0
                };
                if ready {
                    self.ready(&parent);
                }
            }
        }
    }

    // ---- sources -------------------------------------------------------------------------------------------------

    fn fetch(&self, scope: &mut v8::PinScope<'_, '_>, key: Key, owner: Option<OpId>) {
        let known = self.modules.statics.borrow().get(&*key.name).cloned();
        if let Some(source) = known {
            let source = v8::Local::new(scope, source);
            return self.fetched(scope, &key, source.into(), owner);
        }
        let folder = self.modules.folder.borrow().clone();
        if let Some(folder) = folder {
            return self.fetch_file(scope, &folder, &key, owner);
        }
        let loader = self.modules.loader.borrow().clone();
        match loader {
            Some(loader) => {
                let args = [key.name.to_string(), key.kind.name().to_owned()];
                self.ask(scope, &loader, &args, owner, Step::Fetched(key));
            }
            None => self.refuse(
                scope,
                &key,
                "there is no module of that name, and no loader: see add_static_module and set_module_loader",
                None,
            ),
        }
    }

    /// The source of a module is here: a string or bytes.
    pub(super) fn fetched<'s>(&self, scope: &mut v8::PinScope<'s, '_>, key: &Key, source: v8::Local<'s, v8::Value>, owner: Option<OpId>) {
        if self.modules.records.borrow().get(key).is_none_or(|record| record.module.is_some()) {
            return;
        }
        v8::tc_scope!(let tc, scope);
        let compiled = match compile(tc, key, source) {
            Ok(compiled) => compiled,
            Err(Refused::Reason(reason)) => return self.refuse(tc, key, &reason, None),
            Err(Refused::Import { specifier, reason }) => {
                let error = self.module_error(tc, &specifier, &specifier::url_of(&key.name), &reason, None);
                return self.drop_record(tc, key, error);
            }
            Err(Refused::Threw) => {
                let Some(thrown) = tc.exception() else { return };
                let message = tc.message();
                tc.reset();
                return self.refuse_with(tc, key, thrown, message);
            }
        };
        let Compiled { module, value, requests, fresh } = compiled;
        let referrer = specifier::url_of(&key.name);
        let global = v8::Global::new(tc, module);
        self.modules.remember(&global, module.get_identity_hash().get(), key.clone());
        let unresolved = requests.len();
        let generation = self.modules.records.borrow().get(key).map_or(0, |record| record.generation);
        for (index, request) in requests.iter().enumerate() {
            self.modules.push(Task::Resolve {
                specifier: request.specifier.clone(),
                referrer: referrer.clone(),
                kind: request.kind,
                owner,
                target: Target::Request(key.clone(), generation, index),
            });
        }
        if let Some(record) = self.modules.records.borrow_mut().get_mut(key) {
            record.module = Some(global);
            record.value = value.map(|value| v8::Global::new(tc, value));
            record.requests = requests;
            record.fresh = fresh;
            record.unresolved = unresolved;
        }
        if unresolved == 0 {
            self.ready(key);
        }
    }

    /// A record has its module and knows what its imports mean.
    pub(super) fn ready(&self, key: &Key) {
        let (waiters, targets) = {
            let mut records = self.modules.records.borrow_mut();
            let Some(record) = records.get_mut(key) else { return };
            (std::mem::take(&mut record.waiters), record.targets(key))
        };
        for load in waiters {
            for (target, asked) in &targets {
                self.modules.push(Task::Visit(load, target.clone(), asked.clone()));
            }
            self.modules.push(Task::Finish(load));
        }
    }

    // ---- loads ---------------------------------------------------------------------------------------------------

    /// A load meets a module: it waits for it, or goes on to what it imports.
    fn visit(&self, load: u64, key: Key, asked: Asked) {
        let mut loads = self.modules.loads.borrow_mut();
        let Some(entry) = loads.get_mut(&load) else { return };
        if !entry.seen.insert(key.clone()) {
            return;
        }
        let mut records = self.modules.records.borrow_mut();
        // It may have failed for another load since this one learned of it: then it is tried anew.
        let generation = self.modules.next_number();
        let record = records.entry(key.clone()).or_insert_with(|| Record::new(asked.clone(), generation));
        if record.fetching.is_none() {
            record.fetching = Some(entry.owner);
            // Whoever named it before may never have come to ask for it.
            record.asked = asked;
            self.modules.push(Task::Fetch(key.clone(), entry.owner));
        }
        entry.outstanding += 1;
        if record.is_ready() {
            for (target, asked) in record.targets(&key) {
                self.modules.push(Task::Visit(load, target, asked));
            }
            self.modules.push(Task::Finish(load));
        } else {
            record.waiters.push(load);
        }
    }

    // ---- failures ------------------------------------------------------------------------------------------------

    /// What `target` was for cannot go on.
    pub(super) fn fail<'s>(&self, scope: &mut v8::PinScope<'s, '_>, target: &Target, error: v8::Local<'s, v8::Value>) {
        match target {
            Target::Root(load) => self.settle_load(scope, *load, Err(error)),
            Target::Request(parent, generation, _) => {
                let current = self.modules.records.borrow().get(parent).is_some_and(|record| record.generation == *generation);
                if current {
                    self.drop_record(scope, parent, error);
                }
            }
        }
    }

    /// A module that does not come: every load that waits for it fails, and the next import tries again.
    fn drop_record<'s>(&self, scope: &mut v8::PinScope<'s, '_>, key: &Key, error: v8::Local<'s, v8::Value>) {
        let Some(record) = self.modules.records.borrow_mut().remove(key) else { return };
        for load in record.waiters {
            self.settle_load(scope, load, Err(error));
        }
    }

    pub(super) fn refuse(&self, scope: &mut v8::PinScope<'_, '_>, key: &Key, reason: &str, cause: Option<JsException>) {
        let asked = self.modules.records.borrow().get(key).map(|record| record.asked.clone());
        let Some((specifier, referrer)) = asked else { return };
        let error = self.module_error(scope, &specifier, &referrer, reason, cause);
        self.drop_record(scope, key, error);
    }

    /// V8 refused the source. A syntax error stays what it is, with its place.
    pub(super) fn refuse_with<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        key: &Key,
        thrown: v8::Local<'s, v8::Value>,
        message: Option<v8::Local<'s, v8::Message>>,
    ) {
        let described = describe(scope, self, thrown, message);
        let place = described
            .source
            .as_ref()
            .filter(|at| !at.file.is_empty())
            .map(|at| format!(" ({}:{}:{})", at.file, at.line, at.column))
            .unwrap_or_default();
        self.refuse(scope, key, &format!("{}{place}", described.headline()), Some(described));
    }

    /// The error JavaScript sees; the host gets it back as a module failure.
    pub(super) fn module_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        specifier: &str,
        referrer: &str,
        reason: &str,
        cause: Option<JsException>,
    ) -> v8::Local<'s, v8::Value> {
        let (shown, referrer_shown) = (shorten(specifier), shorten(referrer));
        let from = if referrer.is_empty() { String::new() } else { format!(" imported from {referrer_shown:?}") };
        let exception = JsException {
            name: Some("ModuleError".into()),
            message: format!("cannot load module {shown:?}{from}: {reason}"),
            module: Some(ModuleFailure { specifier: specifier.to_owned(), referrer: referrer.to_owned() }),
            host: cause.as_ref().and_then(|cause| cause.host.clone()),
            cause: cause.filter(|cause| cause.host.is_none()).map(Box::new),
            ..Default::default()
        };
        make_error(scope, self, &exception)
    }
}

/// The beginning of a name, for messages.
fn shorten(name: &str) -> String {
    const LONGEST: usize = 200;
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST).collect();
    format!("{start}... ({} characters)", name.chars().count())
}
