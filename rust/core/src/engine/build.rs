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
use crate::reactor;
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
            let failed = terminated || matches!(polled, Some(std::task::Poll::Ready(Err(_))));
            if !failed || state.shared.is_stopped() {
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
        let loosened = self.scoped(|scope, state| state.loosen_modules(scope));
        self.runtime.v8_isolate().low_memory_notification();
        self.scoped(|scope, state| state.fasten_modules(scope, loosened));
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

/// What must be known of an isolate before V8 starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footing {
    initial_heap_size: Option<usize>,
    max_heap_size: usize,
    max_buffer_bytes: usize,
    /// Stack for JavaScript: its thread has that much, and what the host's side takes.
    pub(crate) max_stack: usize,
}

impl Footing {
    pub(crate) fn of(config: &Config) -> Self {
        let &Config { initial_heap_size, max_heap_size, max_buffer_bytes, max_stack, .. } = config;
        Self { initial_heap_size, max_heap_size, max_buffer_bytes, max_stack }
    }
}

/// The isolate of this thread before it is anybody's: four fifths of the work. Field order is drop order.
pub(crate) struct Blank {
    internals: Internals,
    runtime: Owner,
    buffers: limits::Buffers,
    start: Start,
}

impl Blank {
    /// Starts V8 for an isolate from the built-in snapshot.
    pub(crate) fn ordinary(footing: &Footing) -> Result<Self, Error> {
        Self::new(footing, snapshot::open(None)?, false)
    }

    /// Starts V8 for an isolate that `config` describes.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        Self::new(&Footing::of(config), snapshot::open(config.snapshot.as_deref())?, config.recording)
    }

    fn new(footing: &Footing, start: Start, recording: bool) -> Result<Self, Error> {
        // V8's delayed tasks sleep on the reactor, so that they come while this thread is parked.
        let _reactor = reactor::handle()?.enter();
        let buffers = limits::Buffers::new(footing.max_buffer_bytes);
        buffers.charge_thread();
        let params = v8::CreateParams::default()
            .heap_limits(footing.initial_heap_size.unwrap_or(0), footing.max_heap_size)
            .array_buffer_allocator(buffers.allocator().make_shared());
        let options = RuntimeOptions {
            startup_snapshot: Some(start.heap),
            extensions: web::extensions(),
            skip_op_registration: true,
            shared_array_buffer_store: Some(deno_core::SharedArrayBufferStore::default()),
            create_params: Some(params),
            ..Default::default()
        };
        let runtime = if recording {
            JsRuntimeForSnapshot::try_new(options).map(Owner::Recording)
        } else {
            JsRuntime::try_new(options).map(Owner::Running)
        };
        let mut runtime = runtime.map_err(|error| Error::Invalid(format!("V8 could not start: {error}")))?;
        limits::limit_stack(runtime.v8_isolate(), footing.max_stack);
        let internals = {
            let runtime: &mut JsRuntime = &mut runtime;
            deno_core::scope!(scope, runtime);
            Internals::take(scope)?
        };
        Ok(Self { internals, runtime, buffers, start })
    }

    /// Makes it the isolate behind `shared`, which has still to replay its snapshot.
    pub(crate) fn settle(
        self,
        shared: &Arc<Shared>,
        mailbox: flume::Receiver<Message>,
        fetch: Option<HostFunction>,
    ) -> Result<Engine, Error> {
        let Self { internals, mut runtime, buffers, start } = self;
        buffers.belong_to(shared);
        let context = runtime.main_context();
        shared.set_v8_handle(runtime.v8_isolate().thread_safe_handle());
        let state = {
            let runtime: &mut JsRuntime = &mut runtime;
            deno_core::scope!(scope, runtime);
            let state = Rc::new(State::new(scope, Arc::clone(shared), mailbox, context, buffers));
            scope.set_slot(Rc::clone(&state));
            if start.complete {
                state.code_cache.image.set(shared.config.snapshot.as_deref().and_then(snapshot::digest_of).copied());
            }
            internals.lend(scope, &state, fetch)?;
            restrict(scope, &shared.config)?;
            state
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
        Ok(engine)
    }
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
