//! An isolate from outside: the handle, what threads share of it, and the thread it lives on.

mod driver;
mod handle;
mod releases;
mod root;
mod shared;
mod thread;
mod v8_flags;

pub use handle::{Isolate, Start};
pub use root::{is_forked, live_isolates, v8_version};
pub use shared::{CallOutcome, InlineHost, Message, Shared};
pub(crate) use v8_flags::V8_FLAGS;
