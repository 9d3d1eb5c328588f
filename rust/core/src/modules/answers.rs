//! The host's answers to what a graph needs: each continues the step that asked.

use std::rc::Rc;

use deno_core::v8;

use super::table::{Key, Step, Task};
use crate::convert::describe;
use crate::engine::{State, state_of};
use crate::error::JsException;
use crate::reply::OpId;
use crate::value::HostFunction;

impl State {
    /// Asks a host function; its answer continues with `step`.
    pub(super) fn ask(&self, scope: &mut v8::PinScope<'_, '_>, function: &HostFunction, args: &[String], owner: Option<OpId>, step: Step) {
        match crate::host::ask(scope, self, function, args, owner) {
            Ok(promise) => self.after(scope, promise, step),
            Err(error) => self.answered(scope, step, Err(JsException { message: error.to_string(), ..Default::default() })),
        }
    }

    /// Continues with `step` when `promise` is settled.
    pub(super) fn after<'s>(&self, scope: &mut v8::PinScope<'s, '_>, promise: v8::Local<'s, v8::Promise>, step: Step) {
        let number = self.expect(step);
        let data = v8::Number::new(scope, number as f64);
        continue_after(scope, promise, data.into());
    }

    /// Settles `load` when its modules' evaluation has ended. Whoever can end it holds what it settles.
    pub(super) fn await_evaluation<'s>(&self, scope: &mut v8::PinScope<'s, '_>, promise: v8::Local<'s, v8::Promise>, load: u64) {
        let resolver = self.modules.loads.borrow().get(&load).and_then(|load| load.resolver.clone());
        let Some(resolver) = resolver else { return };
        let number = self.expect(Step::Evaluated(load));
        let data = [v8::Number::new(scope, number as f64).into(), v8::Local::new(scope, resolver).into()];
        let data = v8::Array::new_with_elements(scope, &data);
        continue_after(scope, promise, data.into());
    }

    fn expect(&self, step: Step) -> u64 {
        let number = self.modules.next_number();
        self.modules.steps.borrow_mut().insert(number, step);
        number
    }

    fn answered<'s>(&self, scope: &mut v8::PinScope<'s, '_>, step: Step, outcome: Result<v8::Local<'s, v8::Value>, JsException>) {
        match step {
            Step::Resolved { specifier, referrer, kind, target } => {
                let answer = match outcome {
                    Ok(value) if value.is_null_or_undefined() => Ok(None),
                    Ok(value) if value.is_string() => Ok(Some(value.to_rust_string_lossy(scope))),
                    Ok(_) => Err(("the resolver returned neither a string nor None".to_owned(), None)),
                    Err(thrown) => Err((format!("the resolver raised {}", thrown.headline()), Some(thrown))),
                };
                match answer {
                    Ok(answer) => self.resolved(scope, answer, specifier, referrer, kind, target),
                    Err((reason, cause)) => {
                        let error = self.module_error(scope, &specifier, &referrer, &reason, cause);
                        self.fail(scope, &target, error);
                    }
                }
            }
            Step::Fetched(key) => match outcome {
                Ok(value) => {
                    let owner = self.current_owner(scope);
                    // A source, or a source and its map.
                    let pair = v8::Local::<v8::Array>::try_from(value).ok();
                    let part = |scope: &mut v8::PinScope<'s, '_>, index| pair.and_then(|pair| pair.get_index(scope, index));
                    let source = part(scope, 0).unwrap_or(value);
                    let map = part(scope, 1).map(|map| map.to_rust_string_lossy(scope));
                    self.fetched(scope, &key, source, owner);
                    if let Some(map) = map {
                        self.keep_map(scope, &key, &map);
                    }
                }
                Err(_) if self.refetch(&key) => {}
                Err(thrown) => self.refuse(scope, &key, &format!("the loader raised {}", thrown.headline()), Some(thrown)),
            },
            Step::Evaluated(load) => self.settle_load(scope, load, Ok(())),
        }
    }

    /// A loader gave the source map of a module.
    fn keep_map(&self, scope: &v8::PinScope<'_, '_>, key: &Key, map: &str) {
        let module = self.modules.records.borrow().get(key).and_then(|record| record.module.clone());
        let script = module.and_then(|module| v8::Local::new(scope, module).script_id());
        if let Some(script) = script.and_then(|script| usize::try_from(script).ok()) {
            self.source_maps.give(script, map);
        }
    }

    /// The operation that asked for a source was stopped, and its loader with it: if others wait for the module, it is asked for again on their behalf.
    fn refetch(&self, key: &Key) -> bool {
        let mut records = self.modules.records.borrow_mut();
        let Some(record) = records.get_mut(key) else { return false };
        let Some(Some(owner)) = record.fetching else { return false };
        if self.is_live(owner) {
            return false;
        }
        let loads = self.modules.loads.borrow();
        let other = record.waiters.iter().filter_map(|load| loads.get(load)).find(|load| load.owner != Some(owner));
        let Some(other) = other else { return false };
        record.fetching = Some(other.owner);
        self.modules.push(Task::Fetch(key.clone(), other.owner));
        true
    }
}

/// Calls `on_fulfilled` or `on_rejected` with `data` when `promise` is settled.
fn continue_after<'s>(scope: &mut v8::PinScope<'s, '_>, promise: v8::Local<'s, v8::Promise>, data: v8::Local<'s, v8::Value>) {
    let fulfilled = v8::Function::builder(on_fulfilled).data(data).build(scope);
    let rejected = v8::Function::builder(on_rejected).data(data).build(scope);
    if let (Some(fulfilled), Some(rejected)) = (fulfilled, rejected) {
        promise.then2(scope, fulfilled, rejected);
    }
}

/// The step that a settled promise continues; its number is the data, or comes first in it.
fn take_step(scope: &mut v8::PinScope<'_, '_>, args: &v8::FunctionCallbackArguments<'_>) -> Option<(Rc<State>, Step)> {
    let state = state_of(scope);
    let data = args.data();
    let number = match v8::Local::<v8::Array>::try_from(data) {
        Ok(array) => array.get_index(scope, 0)?,
        Err(_) => data,
    };
    let number = number.number_value(scope)? as u64;
    let step = state.modules.steps.borrow_mut().remove(&number)?;
    Some((state, step))
}

fn on_fulfilled<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    let Some((state, step)) = take_step(scope, &args) else { return };
    state.answered(scope, step, Ok(args.get(0)));
}

fn on_rejected<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, _: v8::ReturnValue<'_>) {
    let Some((state, step)) = take_step(scope, &args) else { return };
    if let Step::Evaluated(load) = step {
        state.settle_load(scope, load, Err(args.get(0)));
    } else {
        let thrown = describe(scope, &state, args.get(0), None);
        state.answered(scope, step, Err(thrown));
    }
}
