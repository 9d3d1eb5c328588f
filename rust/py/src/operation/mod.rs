//! `Operation`: what `eval_async` returns. A coroutine of its own kind: it starts when it is made, and a task that awaits it waits for the
//! object itself, so that no future is made per call.

mod gathered;
mod life;
mod protocol;
mod state;

pub(crate) use state::Operation;
