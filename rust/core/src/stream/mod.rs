//! Streams across the border: chunks to the host through a channel, chunks from the host in batches, and what the host writes.

mod channel;
mod incoming;
mod outgoing;

pub use channel::{Channel, Piece, Taken};
pub(crate) use incoming::{make_sink, make_stream, register};
pub(crate) use outgoing::{Kind, Streams, call_method, lend};
