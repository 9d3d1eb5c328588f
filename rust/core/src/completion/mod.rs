//! The way back to a host thread: a queue of items and the descriptor that announces them.

mod queue;
mod wake;

pub(crate) use queue::open_queues;
pub use queue::{Queue, Waited};
