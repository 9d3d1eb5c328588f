//! `Operation`: what `eval_async` returns. One object that is a coroutine (for tasks) and a future (for `gather`, `wait_for` and the
//! like), so that no task or future is made per call.

mod life;
mod protocol;
mod state;

pub(crate) use state::Operation;
