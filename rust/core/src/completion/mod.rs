//! The way back to a host thread: a queue of items and the descriptor that announces them.

mod gate;
mod handover;
mod queue;
mod sync;
mod wake;

pub(crate) use gate::Gate;
pub(crate) use queue::open_queues;
pub use queue::{Queue, Waited};
pub(crate) use wake::Wake;
