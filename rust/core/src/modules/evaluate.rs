//! The end of a load: its graph is linked and evaluated, and its promise settled.

use std::collections::{HashMap, HashSet};

use deno_core::v8;

use super::hooks::{linked_module, no_source};
use super::table::{Key, Load, Record, Task};
use crate::engine::State;

impl State {
    /// One module less to wait for; with the last one, the graph is linked and evaluated.
    pub(super) fn link(&self, scope: &mut v8::PinScope<'_, '_>, load: u64) {
        let (root, owner, for_host) = {
            let mut loads = self.modules.loads.borrow_mut();
            let Some(entry) = loads.get_mut(&load) else { return };
            entry.outstanding = entry.outstanding.saturating_sub(1);
            if entry.outstanding > 0 {
                return;
            }
            let Some(root) = entry.root.clone() else { return };
            (root, entry.owner, entry.for_host)
        };
        if for_host && owner.is_none_or(|owner| !self.is_live(owner)) {
            // Whoever asked has given up: nothing runs on nobody's behalf.
            self.modules.loads.borrow_mut().remove(&load);
            return;
        }
        if !self.is_whole(load) {
            return self.restart(scope, load, root);
        }
        if self.is_evaluating(scope, load) {
            return self.postpone(load, for_host);
        }
        if for_host {
            self.modules.main.borrow_mut().get_or_insert_with(|| root.clone());
        }
        {
            v8::tc_scope!(let tc, scope);
            let ran = self.run_commonjs(tc, &root);
            if ran && !self.is_whole(load) {
                return self.restart(tc, load, root);
            }
            let module = self.modules.records.borrow().get(&root).and_then(|record| record.module.clone());
            let promise = module.filter(|_| ran).and_then(|module| {
                let module = v8::Local::new(tc, module);
                let linked = module.instantiate_module2(tc, linked_module, no_source) == Some(true);
                if linked { module.evaluate(tc)?.try_cast::<v8::Promise>().ok() } else { None }
            });
            match promise {
                Some(promise) => {
                    self.keep_code_of(load);
                    self.await_evaluation(tc, promise, load);
                }
                None if tc.has_terminated() || tc.is_execution_terminating() => {
                    if let Some(entry) = self.modules.loads.borrow_mut().remove(&load) {
                        self.forget_failed(tc, &entry);
                    }
                }
                None => {
                    let thrown = tc.exception();
                    tc.reset();
                    let thrown = thrown.unwrap_or_else(|| v8::undefined(tc).into());
                    self.settle_load(tc, load, Err(thrown));
                }
            }
        }
        for load in self.modules.postponed.take() {
            self.modules.push(Task::Finish(load));
        }
    }

    /// Whether the modules of a load are all there: one of them may be gone since it was met.
    fn is_whole(&self, load: u64) -> bool {
        let loads = self.modules.loads.borrow();
        let records = self.modules.records.borrow();
        let is_there = |key: &Key| {
            let found = |target: &Option<Key>| target.as_ref().is_some_and(|target| records.contains_key(target));
            records.get(key).is_some_and(|record| record.is_ready() && record.requests.iter().all(|request| found(&request.target)))
        };
        loads.get(&load).is_some_and(|load| load.seen.iter().all(is_there))
    }

    /// Whether a module of a load is being evaluated further out on the stack.
    fn is_evaluating(&self, scope: &mut v8::PinScope<'_, '_>, load: u64) -> bool {
        let loads = self.modules.loads.borrow();
        let records = self.modules.records.borrow();
        let mut modules = loads.get(&load).into_iter().flat_map(|load| &load.seen).filter_map(|key| records.get(key)?.module.as_ref());
        modules.any(|module| v8::Local::new(scope, module).get_status() == v8::ModuleStatus::Evaluating)
    }

    /// The modules of a load have run: their code is worth keeping.
    fn keep_code_of(&self, load: u64) {
        let loads = self.modules.loads.borrow();
        let mut records = self.modules.records.borrow_mut();
        let seen = loads.get(&load).into_iter().flat_map(|load| &load.seen);
        for fresh in seen.filter_map(|key| records.get_mut(key)?.fresh.take()) {
            self.code_cache.ran(fresh);
        }
    }

    /// A module was replaced, or failed for another load: what is there now counts.
    fn restart(&self, scope: &mut v8::PinScope<'_, '_>, load: u64, root: Key) {
        /// A source that changes under every load is not worth more.
        const MOST: u32 = 16;
        let (restarts, asked) = {
            let mut loads = self.modules.loads.borrow_mut();
            let Some(entry) = loads.get_mut(&load) else { return };
            entry.seen.clear();
            entry.restarts += 1;
            (entry.restarts, entry.asked.clone())
        };
        if restarts <= MOST {
            return self.modules.push(Task::Visit(load, root, asked));
        }
        let error = self.module_error(scope, &root.name, "", "its modules are replaced again and again while they are loaded", None);
        self.settle_load(scope, load, Err(error));
    }

    /// A module of the graph is being evaluated further out on the stack: V8 takes no second evaluation inside the first.
    fn postpone(&self, load: u64, for_host: bool) {
        if !for_host {
            return self.modules.postponed.borrow_mut().push(load);
        }
        self.modules.loads.borrow_mut().remove(&load);
        self.modules.blocked.set(true);
    }

    /// Ends a load. A failed one takes the modules with it that never ran, so that it can be tried again; other loads that had them begin again.
    pub(super) fn settle_load<'s>(&self, scope: &mut v8::PinScope<'s, '_>, load: u64, outcome: Result<(), v8::Local<'s, v8::Value>>) {
        let Some(entry) = self.modules.loads.borrow_mut().remove(&load) else { return };
        let Some(resolver) = &entry.resolver else { return };
        let resolver = v8::Local::new(scope, resolver);
        if let Err(thrown) = outcome {
            self.forget_failed(scope, &entry);
            resolver.reject(scope, thrown);
            return;
        }
        let module = entry.root.and_then(|root| self.modules.records.borrow().get(&root)?.module.clone());
        let Some(module) = module else { return };
        let namespace = v8::Local::new(scope, module).get_module_namespace();
        if !entry.for_host {
            resolver.resolve(scope, namespace);
            return;
        }
        v8::tc_scope!(let tc, scope);
        let Some(exports) = super::exports::copy(tc, namespace.cast()) else {
            // An export that has no value yet.
            let thrown = tc.exception().unwrap_or_else(|| v8::undefined(tc).into());
            tc.reset();
            resolver.reject(tc, thrown);
            return;
        };
        let null = v8::null(tc).into();
        let Some(name) = v8::String::new(tc, ".repl_result") else { return };
        let wrapper = v8::Object::with_prototype_and_properties(tc, null, &[name.into()], &[exports.into()]);
        resolver.resolve(tc, wrapper.into());
    }

    /// Forgets the modules of a load that failed or never ran, and with them those that ran but are in a cycle with one: V8 gives them its promise.
    fn forget_failed(&self, scope: &mut v8::PinScope<'_, '_>, load: &Load) {
        let mut records = self.modules.records.borrow_mut();
        let status = |scope: &mut v8::PinScope<'_, '_>, record: &Record| {
            record.module.as_ref().map(|module| v8::Local::new(scope, module).get_status())
        };
        let mut importers: HashMap<&Key, Vec<&Key>> = HashMap::new();
        let mut failed = Vec::new();
        for key in &load.seen {
            let Some(record) = records.get(key) else { continue };
            let gone = match status(scope, record) {
                Some(v8::ModuleStatus::Evaluating | v8::ModuleStatus::Evaluated) => false,
                Some(_) => true,
                None => record.commonjs.is_some(),
            };
            if gone {
                failed.push(key);
            }
            for target in record.requests.iter().filter_map(|request| load.seen.get(request.target.as_ref()?)) {
                importers.entry(target).or_default().push(key);
            }
        }
        let mut met: HashSet<&Key> = failed.iter().copied().collect();
        while let Some(key) = failed.pop() {
            let status = records.get(key).and_then(|record| status(scope, record));
            if status == Some(v8::ModuleStatus::Evaluating) {
                continue;
            }
            // Of those that did not throw, only the ones in the cycle import one that did.
            if matches!(status, Some(v8::ModuleStatus::Errored | v8::ModuleStatus::Evaluated)) {
                failed.extend(importers.get(key).into_iter().flatten().copied().filter(|importer| met.insert(importer)));
            }
            records.remove(key);
        }
    }
}
