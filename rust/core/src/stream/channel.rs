//! The chunks of one stream on their way to the host: put in by the isolate's thread, taken out by the host's, bounded.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::error::Error;
use crate::value::Value;

/// Bytes that may wait for the host, whatever their number: beyond, the stream is not read further.
const MOST_BYTES: usize = 1 << 20;

/// A stream's chunks. JavaScript stops producing when it is full, and goes on when it is half empty.
#[derive(Debug)]
pub struct Channel {
    inner: Mutex<Inner>,
    /// Chunks that may wait for the host.
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    chunks: VecDeque<Value>,
    /// Rough size of the chunks.
    bytes: usize,
    /// How it ended; what is still in `chunks` comes first.
    end: Option<Result<(), Error>>,
    /// JavaScript stopped because there was no room.
    stalled: bool,
}

/// What the host finds.
#[derive(Debug)]
pub enum Taken {
    /// A chunk; and whether JavaScript is to be told that there is room again.
    Chunk(Value, bool),
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
    /// The error in place of the next chunk. Told once: afterwards it is the end.
    Failed(Error),
}

impl Channel {
    /// Room for `most` chunks.
    pub(crate) fn new(most: usize) -> Self {
        Self { inner: Mutex::default(), most: most.max(1) }
    }

    /// Takes the next chunk. From any thread.
    pub fn take(&self) -> Taken {
        let mut inner = self.inner.lock();
        if let Some(chunk) = inner.chunks.pop_front() {
            inner.bytes -= chunk.size();
            let resume = inner.stalled && inner.chunks.len() <= self.most / 2 && inner.bytes <= MOST_BYTES / 2;
            inner.stalled &= !resume;
            return Taken::Chunk(chunk, resume);
        }
        match inner.end.replace(Ok(())) {
            None => {
                inner.end = None;
                Taken::Nothing
            }
            Some(Ok(())) => Taken::End,
            Some(Err(error)) => Taken::Failed(error),
        }
    }

    /// Puts a chunk in; true if there is room for more.
    pub(crate) fn put(&self, chunk: Value) -> bool {
        let mut inner = self.inner.lock();
        if inner.end.is_some() {
            return false;
        }
        inner.bytes += chunk.size();
        inner.chunks.push_back(chunk);
        inner.stalled = inner.chunks.len() >= self.most || inner.bytes >= MOST_BYTES;
        !inner.stalled
    }

    /// Nothing comes after what is in it. The first end stands.
    pub(crate) fn end(&self, how: Result<(), Error>) {
        self.inner.lock().end.get_or_insert(how);
    }

    /// Throws away what nobody took, and leaves its end to JavaScript.
    pub fn discard(&self) {
        let thrown = {
            let mut inner = self.inner.lock();
            inner.bytes = 0;
            std::mem::take(&mut inner.chunks)
        };
        drop(thrown);
    }

    /// Whether the host would find something.
    pub(crate) fn has_news(&self) -> bool {
        let inner = self.inner.lock();
        !inner.chunks.is_empty() || inner.end.is_some()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.inner.lock().end.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, MOST_BYTES, Taken};
    use crate::error::Error;
    use crate::value::Value;

    fn taken(channel: &Channel) -> Option<bool> {
        match channel.take() {
            Taken::Chunk(_, resume) => Some(resume),
            _ => None,
        }
    }

    #[test]
    fn it_is_full_at_its_mark_and_asks_for_more_when_half_empty() {
        let channel = Channel::new(4);
        let room: Vec<_> = (0..4).map(|_| channel.put(Value::Null)).collect();
        assert_eq!(room, [true, true, true, false]);
        let resumed: Vec<_> = (0..4).map(|_| taken(&channel)).collect();
        assert_eq!(resumed, [Some(false), Some(true), Some(false), Some(false)]);
        assert!(matches!(channel.take(), Taken::Nothing));
    }

    #[test]
    fn bytes_fill_it_too() {
        let channel = Channel::new(100);
        assert!(!channel.put(Value::Utf8("x".repeat(MOST_BYTES))));
        assert_eq!(taken(&channel), Some(true));
    }

    #[test]
    fn the_error_comes_after_the_chunks_and_once() {
        let channel = Channel::new(4);
        channel.put(Value::Null);
        channel.end(Err(Error::Closed));
        channel.end(Ok(()));
        assert!(!channel.put(Value::Null));
        assert_eq!(taken(&channel), Some(false));
        assert!(matches!(channel.take(), Taken::Failed(Error::Closed)));
        assert!(matches!(channel.take(), Taken::End));
    }

    #[test]
    fn what_nobody_wants_is_thrown_away() {
        let channel = Channel::new(4);
        channel.put(Value::Null);
        channel.discard();
        assert!(matches!(channel.take(), Taken::Nothing));
    }
}
