//! The chunks of one stream on their way to the host: put in by the isolate's thread, taken out by the host's, bounded.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Error;
use crate::value::{Handle, Value, Wire};

/// Bytes that may wait for the host, whatever their number: beyond, the stream is not read further.
const MOST_BYTES: usize = 1 << 20;
/// A chunk of this size goes by itself; smaller ones are packed.
const LARGE: usize = 16 << 10;
/// Room for small chunks that a load begins with.
const USUAL: usize = 2 << 10;

/// A stream's chunks. JavaScript stops producing when it is full, and goes on when it is half empty.
#[derive(Debug)]
pub struct Channel {
    inner: Mutex<Inner>,
    /// What the host has taken out and not handed on: locked before `inner`, and by the host only.
    hand: Mutex<Hand>,
    /// Chunks that may wait for the host.
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    load: Load,
    /// Chunks in the host's hand, and their bytes, as it last said.
    held: (usize, usize),
    /// How it ended; what is still there comes first.
    end: Option<Result<(), Error>>,
    /// JavaScript stopped because there was no room.
    stalled: bool,
}

/// Chunks, of which the small ones lie one behind the other: by itself, each would be two allocations of one thread that another frees.
#[derive(Debug, Default)]
struct Load {
    packed: Wire,
    chunks: VecDeque<Chunk>,
    /// Bytes of the chunks.
    size: usize,
}

#[derive(Debug)]
enum Chunk {
    /// So many of the packed bytes and handles.
    Packed { bytes: usize, handles: usize },
    /// A large one.
    Alone(Value),
}

/// A load that the host reads.
#[derive(Debug, Default)]
struct Hand {
    bytes: Arc<Vec<u8>>,
    /// Where the next packed chunk begins.
    at: usize,
    handles: VecDeque<Handle>,
    chunks: VecDeque<Chunk>,
    /// Bytes of `chunks`.
    size: usize,
    /// How many there were.
    taken: usize,
}

/// A chunk as the host gets it.
#[derive(Debug)]
pub enum Piece {
    /// A range of a buffer in the notation of `convert::wire`, and what its handle tags index.
    Packed(Arc<Vec<u8>>, Range<usize>, Vec<Handle>),
    /// A value.
    Alone(Value),
}

/// What the host finds.
#[derive(Debug)]
pub enum Taken {
    /// A chunk; and whether JavaScript is to be told that there is room again.
    Chunk(Piece, bool),
    /// Nothing yet.
    Nothing,
    /// The end.
    End,
    /// The error in place of the next chunk. Told once: afterwards it is the end.
    Failed(Error),
}

impl Hand {
    fn hold(&mut self, load: Load) {
        let Load { packed, chunks, size } = load;
        *self = Self { bytes: Arc::new(packed.bytes), at: 0, handles: packed.handles.into(), taken: chunks.len(), chunks, size };
    }

    fn pop(&mut self) -> Option<Piece> {
        let piece = match self.chunks.pop_front()? {
            Chunk::Packed { bytes, handles } => {
                let handles: Vec<Handle> = self.handles.drain(..handles).collect();
                let range = self.at..self.at + bytes;
                self.at = range.end;
                self.size -= bytes;
                Piece::Packed(Arc::clone(&self.bytes), range, handles)
            }
            Chunk::Alone(value) => {
                self.size -= value.size();
                Piece::Alone(value)
            }
        };
        if self.chunks.is_empty() {
            // The last piece has the buffer to itself.
            self.bytes = Arc::default();
        }
        Some(piece)
    }
}

impl Channel {
    /// Room for `most` chunks.
    pub(crate) fn new(most: usize) -> Self {
        Self { inner: Mutex::default(), hand: Mutex::default(), most: most.max(1) }
    }

    /// Takes the next chunk if one is there, with whether JavaScript is to be told that there is room again. An end stays. From any thread.
    pub fn take_chunk(&self) -> Option<(Piece, bool)> {
        let mut hand = self.hand.lock();
        if hand.chunks.is_empty() {
            let mut inner = self.inner.lock();
            if inner.load.chunks.is_empty() {
                return None;
            }
            hand.hold(std::mem::take(&mut inner.load));
            inner.held = (hand.taken, hand.size);
        }
        let piece = hand.pop()?;
        let rest = hand.chunks.len();
        // What is said under the other lock is said twice for each load, and not for each chunk.
        let resume = (rest == 0 || rest == hand.taken / 2) && self.inner.lock().hold((rest, hand.size), self.most);
        Some((piece, resume))
    }

    /// Takes the next chunk, or the end. From any thread.
    pub fn take(&self) -> Taken {
        if let Some((chunk, resume)) = self.take_chunk() {
            return Taken::Chunk(chunk, resume);
        }
        let mut inner = self.inner.lock();
        if !inner.load.chunks.is_empty() {
            // It came just now.
            drop(inner);
            return self.take();
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

    /// Puts a chunk in and empties `wire`, which has it; true if there is room for more. With the chunk's bytes.
    pub(crate) fn put(&self, wire: &mut Wire) -> (bool, usize) {
        let size = wire.bytes.len();
        let alone = (wire.bytes.len() >= LARGE).then(|| Value::Wire(Box::new(std::mem::take(wire))));
        let mut inner = self.inner.lock();
        if inner.end.is_some() {
            drop(inner);
            wire.bytes.clear();
            wire.handles.clear();
            return (false, size);
        }
        let load = &mut inner.load;
        load.size += size;
        load.chunks.push_back(match alone {
            Some(value) => Chunk::Alone(value),
            None => {
                let (bytes, handles) = (size, wire.handles.len());
                if load.packed.bytes.is_empty() {
                    load.packed.bytes.reserve(USUAL);
                }
                load.packed.bytes.append(&mut wire.bytes);
                load.packed.handles.append(&mut wire.handles);
                Chunk::Packed { bytes, handles }
            }
        });
        inner.stalled = inner.waiting().0 >= self.most || inner.waiting().1 >= MOST_BYTES;
        (!inner.stalled, size)
    }

    /// Nothing comes after what is in it. The first end stands.
    pub(crate) fn end(&self, how: Result<(), Error>) {
        self.inner.lock().end.get_or_insert(how);
    }

    /// Throws away what nobody took, and leaves its end to JavaScript.
    pub fn discard(&self) {
        let thrown = {
            let mut hand = self.hand.lock();
            let mut inner = self.inner.lock();
            inner.held = (0, 0);
            (std::mem::take(&mut *hand), std::mem::take(&mut inner.load))
        };
        drop(thrown);
    }

    /// Whether the host would find something that it has not taken yet.
    pub(crate) fn has_news(&self) -> bool {
        let inner = self.inner.lock();
        !inner.load.chunks.is_empty() || inner.end.is_some()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.inner.lock().end.is_some()
    }
}

impl Inner {
    /// Chunks that JavaScript is ahead, and their bytes.
    fn waiting(&self) -> (usize, usize) {
        (self.load.chunks.len() + self.held.0, self.load.size + self.held.1)
    }

    /// The host says what it has in hand; true if JavaScript is to go on.
    fn hold(&mut self, held: (usize, usize), most: usize) -> bool {
        self.held = held;
        let (chunks, size) = self.waiting();
        let resume = self.stalled && chunks <= most / 2 && size <= MOST_BYTES / 2;
        self.stalled &= !resume;
        resume
    }
}

#[cfg(test)]
mod tests {
    use super::{Channel, LARGE, MOST_BYTES, Piece, Taken};
    use crate::error::Error;
    use crate::value::Wire;

    fn put(channel: &Channel, size: usize) -> bool {
        let mut wire = Wire { bytes: vec![b'0'; size], handles: Vec::new() };
        let (room, counted) = channel.put(&mut wire);
        assert_eq!((counted, wire.bytes.len()), (size, 0));
        room
    }

    fn taken(channel: &Channel) -> Option<bool> {
        match channel.take() {
            Taken::Chunk(_, resume) => Some(resume),
            _ => None,
        }
    }

    #[test]
    fn it_is_full_at_its_mark_and_asks_for_more_when_half_empty() {
        let channel = Channel::new(4);
        let room: Vec<_> = (0..4).map(|_| put(&channel, 1)).collect();
        assert_eq!(room, [true, true, true, false]);
        let resumed: Vec<_> = (0..4).map(|_| taken(&channel)).collect();
        assert_eq!(resumed, [Some(false), Some(true), Some(false), Some(false)]);
        assert!(matches!(channel.take(), Taken::Nothing));
    }

    #[test]
    fn what_the_host_has_in_hand_counts() {
        let channel = Channel::new(4);
        assert!((0..3).all(|_| put(&channel, 1)));
        assert_eq!(taken(&channel), Some(false));
        assert!(!put(&channel, 1));
        // Two are in its hand, one waits.
        assert_eq!([taken(&channel), taken(&channel)], [Some(true), Some(false)]);
        assert!(put(&channel, 1));
    }

    #[test]
    fn bytes_fill_it_too() {
        let channel = Channel::new(100);
        assert!(!put(&channel, MOST_BYTES));
        assert_eq!(taken(&channel), Some(true));
    }

    #[test]
    fn small_chunks_share_a_buffer_and_large_ones_do_not() {
        let channel = Channel::new(8);
        for size in [3, LARGE, 2] {
            assert!(put(&channel, size));
        }
        let mut pieces = Vec::new();
        while let Some((piece, _)) = channel.take_chunk() {
            pieces.push(match piece {
                Piece::Packed(bytes, range, _) => (bytes.len(), range),
                Piece::Alone(value) => (value.size(), 0..0),
            });
        }
        assert_eq!(pieces, [(5, 0..3), (LARGE, 0..0), (5, 3..5)]);
    }

    #[test]
    fn the_error_comes_after_the_chunks_and_once() {
        let channel = Channel::new(4);
        put(&channel, 1);
        channel.end(Err(Error::Closed));
        channel.end(Ok(()));
        assert!(!put(&channel, 1));
        assert_eq!(taken(&channel), Some(false));
        assert!(matches!(channel.take(), Taken::Failed(Error::Closed)));
        assert!(matches!(channel.take(), Taken::End));
    }

    #[test]
    fn what_nobody_wants_is_thrown_away() {
        let channel = Channel::new(4);
        put(&channel, 1);
        put(&channel, 1);
        assert_eq!(taken(&channel), Some(false));
        channel.discard();
        assert!(matches!(channel.take(), Taken::Nothing));
    }
}
