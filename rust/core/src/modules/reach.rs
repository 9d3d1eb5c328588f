//! Modules whose evaluation waits, while the collector looks for promises that nothing can settle. A module holds the promise that it waits for, so
//! that nothing is found as long as the engine holds the module: it lets go of it until the collector is done.

use std::collections::HashSet;

use deno_core::v8;

use super::table::{Key, Step};
use crate::engine::State;

/// What the engine lets go of meanwhile.
#[derive(Default)]
pub(crate) struct Loosened {
    modules: Vec<(Key, v8::Weak<v8::Module>)>,
    /// Of the loads that wait for these modules, which a module's end settles.
    resolvers: Vec<(u64, v8::Weak<v8::PromiseResolver>)>,
}

impl State {
    /// Lets go of modules whose evaluation waits. No handle of them is left on the stack.
    pub(crate) fn loosen_modules(&self, scope: &mut v8::PinScope<'_, '_>) -> Loosened {
        let waiting: Vec<u64> = {
            let steps = self.modules.steps.borrow();
            steps.values().filter_map(|step| if let Step::Evaluated(load) = step { Some(*load) } else { None }).collect()
        };
        let mut loosened = Loosened::default();
        let mut met = HashSet::new();
        for load in waiting {
            let (seen, resolver) = match self.modules.loads.borrow_mut().get_mut(&load) {
                Some(load) => (load.seen.clone(), load.resolver.take()),
                None => continue,
            };
            loosened.resolvers.extend(resolver.map(|resolver| (load, v8::Weak::new(scope, &resolver))));
            for key in seen {
                if met.insert(key.clone()) {
                    loosened.modules.extend(self.loosen(scope, &key).map(|module| (key, module)));
                }
            }
        }
        loosened
    }

    /// The module of `key`, no longer held, if its evaluation waits.
    fn loosen(&self, scope: &mut v8::PinScope<'_, '_>, key: &Key) -> Option<v8::Weak<v8::Module>> {
        v8::scope!(let scope, scope);
        let module = self.modules.records.borrow().get(key)?.module.clone()?;
        let local = v8::Local::new(scope, &module);
        // One that has begun is not run again: this gives the promise of its end.
        let begun = local.get_status() == v8::ModuleStatus::Evaluated;
        let end = if begun { local.evaluate(scope)?.try_cast::<v8::Promise>().ok()? } else { return None };
        if end.state() != v8::PromiseState::Pending {
            return None;
        }
        let weak = v8::Weak::new(scope, &module);
        if let Some(record) = self.modules.records.borrow_mut().get_mut(key) {
            record.module = None;
        }
        if let Some(named) = self.modules.keys.borrow_mut().get_mut(&local.get_identity_hash().get()) {
            named.retain(|(known, _)| *known != module);
        }
        Some(weak)
    }

    /// Takes them back. A module that is gone can never end: its record goes too, and the next import begins anew.
    pub(crate) fn fasten_modules(&self, scope: &mut v8::PinScope<'_, '_>, loosened: Loosened) {
        for (key, weak) in loosened.modules {
            let Some(module) = weak.to_global(scope) else {
                self.modules.records.borrow_mut().remove(&key);
                continue;
            };
            let hash = v8::Local::new(scope, &module).get_identity_hash().get();
            self.modules.remember(&module, hash, key.clone());
            if let Some(record) = self.modules.records.borrow_mut().get_mut(&key) {
                record.module = Some(module);
            }
        }
        for (load, weak) in loosened.resolvers {
            let Some(resolver) = weak.to_global(scope) else {
                self.modules.forget_load(load);
                continue;
            };
            if let Some(load) = self.modules.loads.borrow_mut().get_mut(&load) {
                load.resolver = Some(resolver);
            }
        }
    }
}
