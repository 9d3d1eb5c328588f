//! An isolate from outside: the handle, what threads share of it, and the thread it lives on.

mod apart;
mod census;
mod driver;
mod handle;
mod leavings;
mod message;
mod releases;
mod root;
mod shared;
mod spares;
mod standing;
mod stock;
mod stub_cache;
mod thread;
mod v8_flags;

pub use census::{Census, census};
pub use handle::{Isolate, Start};
pub use message::{CallOutcome, InlineHost, Message};
pub use root::{is_forked, live_isolates, v8_version};
pub use shared::Shared;
pub use spares::Spares;
pub use standing::Standing;
pub(crate) use v8_flags::V8_FLAGS;
