//! One call of a host function from JavaScript: post it, and for a synchronous one serve the isolate until the answer comes.

use deno_core::v8;

use crate::convert::{arguments_from_v8, from_v8, make_error, to_v8};
use crate::engine::{State, state_of};
use crate::error::{Error, JsException};
use crate::isolate::CallOutcome;
use crate::reply::{CallId, HostCall, OpId};
use crate::value::{HostFunction, HostMode, Value};

/// The name of the errors that cancelled calls of the host end with.
const CANCELLED: &str = "CancelledError";

/// V8 callback of every bound function; `data` is its number in the table.
pub(super) fn host_call<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, mut rv: v8::ReturnValue<'_>) {
    let state = state_of(scope);
    let number = args.data().number_value(scope).unwrap_or(-1.0) as u64;
    let function = state.host_functions.borrow().get(&number).map(|entry| entry.function.clone());
    match function {
        Some(function) => perform(scope, &state, &function, &args, 0, &mut rv),
        None => throw(scope, &state, &simple("Error", "this host function was released")),
    }
}

/// `__host_op_sync__(id, ...args)`.
pub(super) fn waiting_operation<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, rv: v8::ReturnValue<'_>) {
    host_operation(scope, &args, rv, HostMode::Sync);
}

/// `__host_op_async__(id, ...args)`.
pub(super) fn promised_operation<'s>(scope: &mut v8::PinScope<'s, '_>, args: v8::FunctionCallbackArguments<'s>, rv: v8::ReturnValue<'_>) {
    host_operation(scope, &args, rv, HostMode::Async);
}

fn host_operation<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_>,
    mode: HostMode,
) {
    let state = state_of(scope);
    let id = args.get(0).uint32_value(scope).unwrap_or(u32::MAX);
    let function = state.operations.borrow().get(&id).cloned();
    match function {
        Some(function) if function.mode == mode => perform(scope, &state, &function, args, 1, &mut rv),
        Some(function) => {
            let other = if mode == HostMode::Sync { "__host_op_async__" } else { "__host_op_sync__" };
            throw(scope, &state, &simple("TypeError", &format!("operation {id} ({}) is called with {other}", function.name)));
        }
        None => throw(scope, &state, &simple("TypeError", &format!("no operation has the id {id}"))),
    }
}

fn simple(name: &str, message: &str) -> JsException {
    JsException { name: Some(name.into()), message: message.into(), ..Default::default() }
}

fn throw(scope: &mut v8::PinScope<'_, '_>, state: &State, exception: &JsException) {
    let error = make_error(scope, state, exception);
    scope.throw_exception(error);
}

fn throw_error(scope: &mut v8::PinScope<'_, '_>, state: &State, error: Error) {
    match error {
        Error::JavaScript(exception) => throw(scope, state, &exception),
        Error::Conversion { .. } => throw(scope, state, &simple("TypeError", &error.to_string())),
        other => throw(scope, state, &simple("Error", &other.to_string())),
    }
}

fn perform<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    function: &HostFunction,
    args: &v8::FunctionCallbackArguments<'s>,
    skip: i32,
    rv: &mut v8::ReturnValue<'_>,
) {
    if state.must_stop() {
        state.terminate(scope);
        return;
    }
    if state.waiting.borrow().len() >= state.shared.config.max_reentry {
        let text =
            format!("{}: host functions and JavaScript call each other more than {} deep", function.name, state.shared.config.max_reentry);
        return throw(scope, state, &simple("RangeError", &text));
    }
    let args = match arguments_from_v8(scope, state, args, skip) {
        Ok(args) => args,
        Err(Some(error)) => return throw_error(scope, state, error),
        Err(None) => return,
    };
    match function.mode {
        HostMode::Async if state.calls.borrow().len() >= state.shared.config.max_host_calls => {
            let text = format!(
                "{}: more than max_host_calls ({}) host calls are in flight; await some of them first",
                function.name, state.shared.config.max_host_calls
            );
            throw(scope, state, &simple("RangeError", &text));
        }
        HostMode::Async => match post_promised(scope, state, function, args) {
            Ok(promise) => rv.set(promise),
            Err(error) => throw_error(scope, state, error),
        },
        HostMode::Sync => perform_waiting(scope, state, function, args, rv),
        HostMode::Inline => {
            let outcome = state.shared.inline_call(function.target.id(), args);
            finish_waiting(scope, state, outcome, rv);
        }
    }
}

fn perform_waiting(scope: &mut v8::PinScope<'_, '_>, state: &State, function: &HostFunction, args: Value, rv: &mut v8::ReturnValue<'_>) {
    let call = state.post_call(scope, function, args, true);
    match wait(scope, state, call) {
        Some(outcome) => finish_waiting(scope, state, outcome, rv),
        None => {
            state.terminate(scope);
        }
    }
    // An operation further out may have been stopped while the host function ran.
    if state.must_stop() {
        state.terminate(scope);
    }
}

fn finish_waiting(scope: &mut v8::PinScope<'_, '_>, state: &State, outcome: CallOutcome, rv: &mut v8::ReturnValue<'_>) {
    match outcome {
        Ok(value) => match to_v8(scope, state, value) {
            Ok(value) => rv.set(value),
            Err(error) => throw_error(scope, state, error),
        },
        Err(exception) => throw(scope, state, &exception),
    }
}

/// Asks a host function for something on behalf of `owner`; the promise settles with its answer, awaited if it is awaitable.
pub(crate) fn ask<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    function: &HostFunction,
    args: &[String],
    owner: Option<OpId>,
) -> Result<v8::Local<'s, v8::Promise>, Error> {
    let resolver = v8::PromiseResolver::new(scope).ok_or(Error::Closed)?;
    let list = v8::Array::new(scope, 0);
    for (index, arg) in args.iter().enumerate() {
        let text = v8::String::new(scope, arg).ok_or(Error::Closed)?;
        list.set_index(scope, index as u32, text.into());
    }
    let args = from_v8(scope, state, list.into()).map_err(|error| error.unwrap_or(Error::Cancelled))?;
    let call = state.shared.next_call();
    state.expect_call(call, v8::Global::new(scope, resolver), owner, None);
    // Run at once on the thread that waits, as a synchronous function; JavaScript, however, goes on.
    let isolate = std::sync::Arc::clone(&state.shared);
    state.deliver_call(HostCall { call, target: function.target.id(), wait: true, args, op: owner, isolate }, None);
    Ok(resolver.get_promise(scope))
}

/// Posts an async call and returns its promise.
fn post_promised<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    state: &State,
    function: &HostFunction,
    args: Value,
) -> Result<v8::Local<'s, v8::Value>, Error> {
    let resolver = v8::PromiseResolver::new(scope).ok_or(Error::Closed)?;
    let promise = resolver.get_promise(scope);
    let call = state.post_call(scope, function, args, false);
    let owner = if function.home.is_some() { None } else { state.current_owner(scope) };
    state.expect_call(call, v8::Global::new(scope, resolver), owner, function.home.clone());
    Ok(promise.into())
}

/// Serves the isolate until `call` is answered; `None` when JavaScript must stop instead.
fn wait(scope: &mut v8::PinScope<'_, '_>, state: &State, call: CallId) -> Option<CallOutcome> {
    state.waiting.borrow_mut().push(call);
    state.count_calls(0);
    let outcome = loop {
        if let Some(outcome) = state.answered.borrow_mut().remove(&call) {
            break Some(outcome);
        }
        if state.must_stop() {
            break None;
        }
        match state.next_message() {
            Some(message) => crate::commands::serve(scope, state, message),
            None => break None,
        }
    };
    state.waiting.borrow_mut().pop();
    state.count_calls(0);
    outcome
}

/// Gives JavaScript the answer of an async call. An answer that nobody expects any more is dropped.
pub(crate) fn settle_call(scope: &mut v8::PinScope<'_, '_>, state: &State, call: CallId, outcome: CallOutcome) {
    let Some(expected) = state.calls.borrow_mut().remove(call) else { return };
    state.count_calls(0);
    let resolver = v8::Local::new(scope, expected.resolver);
    let owner = expected.owner;
    // JavaScript may clean up after it. Whether it does is nobody's business: the operation has ended.
    let cancelled = expected.abandoned && outcome.as_ref().is_err_and(|error| error.name.as_deref() == Some(CANCELLED));
    state.turn(scope, owner, |scope| {
        let value = match outcome {
            Ok(value) => to_v8(scope, state, value).map_err(|error| simple("TypeError", &error.to_string())),
            Err(exception) => Err(*exception),
        };
        match value {
            Ok(value) => resolver.resolve(scope, value),
            Err(exception) => {
                let error = make_error(scope, state, &exception);
                let rejected = resolver.reject(scope, error);
                if cancelled {
                    state.checkpoint(scope);
                    state.forget_rejections(scope, error);
                }
                rejected
            }
        };
    });
}

impl State {
    /// Sends a call to the thread of the operation that JavaScript runs for.
    fn post_call(&self, scope: &mut v8::PinScope<'_, '_>, function: &HostFunction, args: Value, wait: bool) -> CallId {
        let owner = if function.home.is_some() { None } else { self.current_owner(scope) };
        let call = self.shared.next_call();
        let isolate = std::sync::Arc::clone(&self.shared);
        // Before the host can look.
        self.count_calls(1);
        self.deliver_call(HostCall { call, target: function.target.id(), wait, args, op: owner, isolate }, function.home.clone());
        call
    }
}
