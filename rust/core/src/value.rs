//! `Value`: the one owned, `Send` form in which data crosses threads.
//!
//! Scalars and strings are plain variants, because they are what most calls carry. Everything with structure is a [`Wire`]: one
//! flat buffer in the notation of `convert::wire`, so that 100,000 numbers are one allocation and not 100,000.

use std::sync::Arc;

use crate::completion::Queue;
use crate::convert::wire::{self, Write};
use crate::error::JsException;
use crate::host::HostRef;
use crate::isolate::{Message, Shared};
use crate::loan::Loan;
use crate::memory::{HostMemory, HostText, Store};
use crate::stream::Channel;

/// Longest string V8 can hold, in characters.
pub const MAX_STRING: usize = (1 << 29) - 24;

/// A value on its way between a host thread and an isolate.
#[derive(Debug)]
pub enum Value {
    /// JavaScript `undefined`.
    Undefined,
    /// JavaScript `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; the host decides what is an integer.
    Number(f64),
    /// A string in which every character is below U+0100, one byte each.
    Latin1(Vec<u8>),
    /// A large ASCII string that stays the host's (only towards JavaScript).
    Lent(HostText),
    /// A large string or buffer that is still the isolate's (only to the host, which is to read it at once).
    Loan(Loan),
    /// A string as UTF-8 (only towards JavaScript).
    Utf8(String),
    /// A string as UTF-16, lone surrogates included.
    Utf16(Vec<u16>),
    /// Anything with structure.
    Wire(Box<Wire>),
}

/// From this size on, a buffer goes to JavaScript beside the notation, and its store is never copied again.
pub const LARGE_BUFFER: usize = 64 << 10;

/// From this size on, an ASCII string of the host's is not copied for JavaScript.
pub const LARGE_TEXT: usize = 64 << 10;

/// Arguments of a function call.
#[derive(Debug)]
pub enum Arguments {
    /// One by one: what most calls have.
    Each(Vec<Value>),
    /// As one array, so that objects passed twice stay one object.
    Array(Value),
}

/// A structured value: a buffer in the notation of `convert::wire`, and what cannot be bytes.
#[derive(Debug, Default)]
pub struct Wire {
    /// The encoded value.
    pub bytes: Vec<u8>,
    /// What the buffer's handle tags index.
    pub handles: Vec<Handle>,
}

/// Something that crosses beside the notation: by reference, or too large to be copied into it.
#[derive(Debug)]
pub enum Handle {
    /// The bytes of a large buffer (to JavaScript), which takes them over.
    Buffer(Vec<u8>),
    /// The memory of an array buffer (to the host), shared.
    Store(Store),
    /// Memory of the host's (to JavaScript), shared.
    Memory(HostMemory),
    /// A JavaScript function that stays in its isolate.
    Function(Arc<RemoteRef>),
    /// A JavaScript promise that stays in its isolate.
    Promise(Arc<RemoteRef>),
    /// A readable stream that stays in its isolate, and where its chunks come out.
    Stream(Arc<RemoteRef>, Arc<Channel>),
    /// A writable stream that stays in its isolate.
    Writable(Arc<RemoteRef>),
    /// A JavaScript error (both ways).
    Error(Box<JsException>),
    /// A host callable that JavaScript sees as a function.
    HostFunction(HostFunction),
    /// A host awaitable that JavaScript sees as a promise; settled by a later `Settle` message with this call id.
    HostPromise(u64),
    /// A host iterator that JavaScript sees as a ReadableStream.
    HostStream(HostStream),
    /// A host object that JavaScript sees as a WritableStream.
    HostSink(HostSink),
}

impl Handle {
    /// Bytes that it holds itself.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Buffer(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

/// A host iterator: what JavaScript calls to have it go on.
#[derive(Debug)]
pub struct HostStream {
    /// `pull(count)`: promises a batch of at most `count` chunks, then `0` for more, `1` at the end, or an error and `2`,
    /// with four times the batch's bytes added.
    pub pull: HostFunction,
    /// `cancel(reason)`.
    pub cancel: HostFunction,
    /// Chunks that may be ahead of the reader.
    pub ahead: usize,
    /// Whether it is a byte stream.
    pub bytes: bool,
}

/// A host object that takes chunks.
#[derive(Debug)]
pub struct HostSink {
    /// `write(chunk)`.
    pub write: HostFunction,
    /// `close()`.
    pub close: HostFunction,
    /// `abort(reason)`.
    pub abort: HostFunction,
}

/// A host callable as JavaScript gets it.
#[derive(Debug, Clone)]
pub struct HostFunction {
    /// The callable, kept by the host under this id.
    pub target: HostRef,
    /// `name` of the JavaScript function.
    pub name: String,
    /// When and where it runs.
    pub mode: HostMode,
    /// It belongs to no operation: it runs where this queue is served, and no operation's end abandons it.
    pub home: Option<Arc<Queue>>,
}

/// How a host function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostMode {
    /// JavaScript waits for the result; the call runs on the thread that waits for JavaScript.
    Sync,
    /// JavaScript gets a promise at once.
    Async,
    /// Called on the isolate's own thread (explicit opt-in).
    Inline,
}

/// What kind of object a [`RemoteRef`] keeps alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteKind {
    /// A function, with the receiver it was read from.
    Function,
    /// A promise.
    Promise,
    /// A readable or writable stream.
    Stream,
}

/// Owns one entry in an isolate's handle table. Dropping it, on any thread, posts the id for release.
#[derive(Debug)]
pub struct RemoteRef {
    /// The entry's number in that isolate.
    pub id: u64,
    /// Function, promise or stream.
    pub kind: RemoteKind,
    /// Function name, for `repr` and errors.
    pub name: String,
    /// The isolate that owns the object. Keeps the mailbox, not the isolate, alive.
    pub owner: Arc<Shared>,
}

impl RemoteRef {
    /// Tells a stream that there is room for more.
    pub fn resume(&self) {
        self.owner.post(Message::Resume(self.id));
    }

    /// Tells a stream that no more of it is wanted, without waiting.
    pub fn leave(&self, why: &'static str) {
        self.owner.post(Message::Leave(self.id, why));
    }
}

impl Drop for RemoteRef {
    fn drop(&mut self) {
        self.owner.post_release(self.id);
    }
}

impl Value {
    /// A text value from UTF-8.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Utf8(text.into())
    }

    /// Bytes, on their way to the host.
    pub(crate) fn bytes(bytes: Vec<u8>) -> Self {
        let mut notation = vec![wire::BUFFER];
        notation.varint(bytes.len() as u64);
        notation.extend_from_slice(&bytes);
        Self::Wire(Box::new(Wire { bytes: notation, handles: Vec::new() }))
    }

    /// Whether the host makes an object of it from this alone: nothing is looked up, read or called.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Null | Self::Bool(_) | Self::Number(_) | Self::Latin1(_))
    }

    /// Rough size in bytes, for budgets and statistics.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) => 8,
            Self::Latin1(s) => s.len(),
            Self::Lent(s) => s.length(),
            Self::Loan(l) => l.length(),
            Self::Utf8(s) => s.len(),
            Self::Utf16(s) => s.len() * 2,
            Self::Wire(w) => w.bytes.len(),
        }
    }
}
