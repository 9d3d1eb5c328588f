//! Assembles an isolate: limits, snapshot, callbacks, and a global without internals.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;

use deno_core::{JsRuntime, JsRuntimeForSnapshot, PollEventLoopOptions, RuntimeOptions, v8};

use super::internals::Internals;
use super::rejections::on_reject;
use super::state::State;
use crate::config::Config;
use crate::error::Error;
use crate::isolate::{Message, Shared};
use crate::limits;
use crate::snapshot::{self, Start};
use crate::value::HostFunction;
use crate::{modules, web};

/// The `JsRuntime` and the state beside it. Field order is drop order: handles go before the isolate.
pub(crate) struct Engine {
    /// The tables, shared with V8 callbacks.
    pub(crate) state: Rc<State>,
    /// Owns the isolate.
    pub(super) runtime: Owner,
    /// What a snapshot needs back on its global.
    pub(super) internals: Internals,
    /// What it started from; the last to go.
    pub(super) start: Start,
}

/// Owns an isolate: one that runs, or one that a snapshot is made of.
pub(super) enum Owner {
    Running(JsRuntime),
    Recording(JsRuntimeForSnapshot),
}

impl Deref for Owner {
    type Target = JsRuntime;

    fn deref(&self) -> &JsRuntime {
        match self {
            Self::Running(runtime) => runtime,
            Self::Recording(runtime) => runtime,
        }
    }
}

impl DerefMut for Owner {
    fn deref_mut(&mut self) -> &mut JsRuntime {
        match self {
            Self::Running(runtime) => runtime,
            Self::Recording(runtime) => runtime,
        }
    }
}

impl Engine {
    /// Runs `run` in a fresh handle scope of the main context.
    pub(crate) fn scoped<T>(&mut self, run: impl FnOnce(&mut v8::PinScope<'_, '_>, &State) -> T) -> T {
        let state = Rc::clone(&self.state);
        let runtime: &mut JsRuntime = &mut self.runtime;
        deno_core::scope!(scope, runtime);
        run(scope, &state)
    }

    /// One turn of deno_core's event loop. Errors it reports belong to no operation.
    pub(crate) fn poll_event_loop(&mut self, cx: &mut std::task::Context<'_>) {
        /// Errors in a row after which the loop gets its rest.
        const MOST: usize = 16;
        let state = Rc::clone(&self.state);
        for _ in 0..MOST {
            let runtime: &mut JsRuntime = &mut self.runtime;
            let polled = state.event_loop_turn(|| runtime.poll_event_loop(cx, PollEventLoopOptions::default()));
            let terminated = state.take_termination(self.runtime.v8_isolate());
            // Nothing here may end the isolate: rejections go through our own callback, and module errors reach their own promise. But an error leaves
            // the loop without a date for its next turn.
            if !terminated && !matches!(polled, Some(std::task::Poll::Ready(Err(_)))) {
                break;
            }
        }
        self.scoped(|scope, state| {
            state.recover(scope);
            state.load_modules(scope);
            state.report_rejections(scope);
        });
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
        let (owner, start) = self.strip();
        drop(owner);
        drop(start);
    }

    /// Lets go of everything that is not V8's, in the order V8 wants.
    pub(super) fn strip(self) -> (Owner, Start) {
        let mut engine = self;
        engine.scoped(|scope, state| state.inspection.shut(scope, state));
        let Self { state, mut runtime, internals, start } = engine;
        drop(internals);
        state.clear();
        limits::unwatch_heap(runtime.v8_isolate(), &state);
        runtime.v8_isolate().remove_slot::<Rc<State>>();
        limits::forget_state();
        drop(state);
        (runtime, start)
    }
}

/// Builds the isolate of this thread. Needs an entered Tokio runtime, for V8's delayed tasks.
pub(crate) fn build(shared: &Arc<Shared>, mailbox: flume::Receiver<Message>, fetch: Option<HostFunction>) -> Result<Engine, Error> {
    let config = &shared.config;
    let buffers = limits::Buffers::new(config.max_buffer_bytes, Arc::clone(&shared.counters.buffers), Arc::clone(&shared.stores));
    buffers.charge_thread();
    let params = v8::CreateParams::default()
        .heap_limits(config.initial_heap_size.unwrap_or(0), config.max_heap_size)
        .array_buffer_allocator(buffers.allocator().make_shared());
    let start = snapshot::open(config.snapshot.as_deref())?;
    let options = RuntimeOptions {
        startup_snapshot: Some(start.heap),
        extensions: web::extensions(),
        skip_op_registration: true,
        shared_array_buffer_store: Some(deno_core::SharedArrayBufferStore::default()),
        create_params: Some(params),
        ..Default::default()
    };
    let runtime = if config.recording {
        JsRuntimeForSnapshot::try_new(options).map(Owner::Recording)
    } else {
        JsRuntime::try_new(options).map(Owner::Running)
    };
    let mut runtime = runtime.map_err(|error| Error::Invalid(format!("V8 could not start: {error}")))?;
    let context = runtime.main_context();
    let handle = runtime.v8_isolate().thread_safe_handle();
    shared.set_v8_handle(handle);
    let (state, internals) = {
        let runtime: &mut JsRuntime = &mut runtime;
        deno_core::scope!(scope, runtime);
        let internals = Internals::take(scope)?;
        let state = Rc::new(State::new(scope, Arc::clone(shared), mailbox, context, buffers));
        scope.set_slot(Rc::clone(&state));
        internals.lend(scope, &state, fetch)?;
        restrict(scope, &shared.config)?;
        (state, internals)
    };
    let isolate = runtime.v8_isolate();
    state.publish_heap(isolate, true);
    isolate.set_promise_reject_callback(on_reject);
    modules::install(isolate);
    let allowed = &state.shared.config;
    isolate.set_allow_atomics_wait(allowed.allow_atomics_wait);
    if !allowed.allow_wasm {
        isolate.set_allow_wasm_code_generation_callback(refuse_wasm);
    }
    limits::watch_heap(isolate, &state);
    limits::remember_state(&state);
    let mut engine = Engine { state, runtime, internals, start };
    engine.scoped(|scope, state| state.inspection.begin(scope, state));
    engine.replay()?;
    Ok(engine)
}

/// V8 asks before it compiles WebAssembly.
unsafe extern "C" fn refuse_wasm(_: v8::Local<'_, v8::Context>, _: v8::Local<'_, v8::String>) -> bool {
    false
}

/// Takes away what the configuration does not allow.
fn restrict(scope: &mut v8::PinScope<'_, '_>, config: &Config) -> Result<(), Error> {
    let context = scope.get_current_context();
    if !config.allow_eval {
        context.set_allow_generation_from_strings(false);
    }
    if !config.allow_wasm {
        let key = v8::String::new(scope, "WebAssembly").ok_or(Error::Closed)?;
        let global = context.global(scope);
        if global.delete(scope, key.into()) != Some(true) {
            return Err(Error::Invalid("globalThis.WebAssembly cannot be removed".into()));
        }
    }
    Ok(())
}
