//! Assembles an isolate: limits, snapshot, callbacks, and a global without internals.

use std::rc::Rc;
use std::sync::Arc;

use deno_core::{JsRuntime, PollEventLoopOptions, RuntimeOptions, v8};

use super::rejections::on_reject;
use super::state::State;
use crate::error::Error;
use crate::isolate::{Message, Shared};
use crate::limits;
use crate::modules;
use crate::web;

/// V8's heap after deno_core's own set-up, made when the crate was built.
static SNAPSHOT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/startup.snapshot"));

/// The `JsRuntime` and the state beside it. Field order is drop order: handles go before the isolate.
pub(crate) struct Engine {
    /// The tables, shared with V8 callbacks.
    pub(crate) state: Rc<State>,
    /// Owns the isolate.
    pub(crate) runtime: JsRuntime,
}

impl Engine {
    /// Runs `run` in a fresh handle scope of the main context.
    pub(crate) fn scoped<T>(&mut self, run: impl FnOnce(&mut v8::PinScope<'_, '_>, &State) -> T) -> T {
        let state = Rc::clone(&self.state);
        deno_core::scope!(scope, self.runtime);
        run(scope, &state)
    }

    /// One turn of deno_core's event loop. Errors it reports belong to no operation.
    pub(crate) fn poll_event_loop(&mut self, cx: &mut std::task::Context<'_>) {
        let state = Rc::clone(&self.state);
        let runtime = &mut self.runtime;
        let polled = state.event_loop_turn(|| runtime.poll_event_loop(cx, PollEventLoopOptions::default()));
        if self.runtime.v8_isolate().is_execution_terminating() {
            self.runtime.v8_isolate().cancel_terminate_execution();
        }
        // Nothing here may end the isolate: rejections go through our own callback, and module errors reach their own promise.
        drop(polled);
    }

    /// Publishes heap figures for statistics.
    pub(crate) fn publish_heap(&mut self) {
        let state = Rc::clone(&self.state);
        state.publish_heap(self.runtime.v8_isolate(), true);
    }

    /// A full collection; finalizers of unreachable promises run in it.
    pub(crate) fn collect(&mut self) {
        self.runtime.v8_isolate().low_memory_notification();
    }

    /// Frees everything in the order V8 wants.
    pub(crate) fn dispose(self) {
        let Self { state, mut runtime } = self;
        state.clear();
        runtime.v8_isolate().remove_slot::<Rc<State>>();
        limits::forget_state();
        drop(state);
        drop(runtime);
    }
}

/// Builds the isolate of this thread. Needs an entered Tokio runtime, for V8's delayed tasks.
pub(crate) fn build(shared: &Arc<Shared>, mailbox: flume::Receiver<Message>) -> Result<Engine, Error> {
    let config = &shared.config;
    let buffers = limits::Buffers::new(config.max_buffer_bytes);
    let params = v8::CreateParams::default()
        .heap_limits(config.initial_heap_size.unwrap_or(0), config.max_heap_size)
        .array_buffer_allocator(buffers.allocator().make_shared());
    let mut runtime = JsRuntime::try_new(RuntimeOptions {
        startup_snapshot: Some(SNAPSHOT),
        extensions: web::extensions(),
        skip_op_registration: true,
        create_params: Some(params),
        ..Default::default()
    })
    .map_err(|error| Error::Invalid(format!("V8 could not start: {error}")))?;
    let context = runtime.main_context();
    let handle = runtime.v8_isolate().thread_safe_handle();
    shared.set_v8_handle(handle);
    let state = {
        deno_core::scope!(scope, runtime);
        hide_internals(scope)?;
        let state = Rc::new(State::new(scope, Arc::clone(shared), mailbox, context, buffers));
        scope.set_slot(Rc::clone(&state));
        let setup = web::take_setup(scope)?;
        web::lend(scope, &state, setup)?;
        state
    };
    let isolate = runtime.v8_isolate();
    state.publish_heap(isolate, true);
    isolate.set_promise_reject_callback(on_reject);
    modules::install(isolate);
    isolate.set_allow_atomics_wait(false);
    limits::watch_heap(isolate, &state);
    limits::remember_state(&state);
    Ok(Engine { state, runtime })
}

/// Takes deno_core's own objects off the global. deno_core keeps what it needs; user code has no path to them.
fn hide_internals(scope: &mut v8::PinScope<'_, '_>) -> Result<(), Error> {
    let global = scope.get_current_context().global(scope);
    for name in ["Deno", "__bootstrap", "bootstrap", "__infra"] {
        let key = v8::String::new(scope, name).ok_or(Error::Closed)?;
        if global.delete(scope, key.into()) != Some(true) {
            return Err(Error::Invalid(format!("globalThis.{name} cannot be removed")));
        }
    }
    Ok(())
}
