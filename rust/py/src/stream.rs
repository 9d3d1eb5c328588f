//! Streams of JavaScript's that Python holds: taking chunks, waiting for them, and what else can be done to a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jsrun_core::commands::{Command, Read, Tell, Verb};
use jsrun_core::isolate::Shared;
use jsrun_core::stream::{Channel, Piece, Taken};
use jsrun_core::value::{Handle, HostFunction, HostMode, HostSink, HostStream, RemoteRef};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::bridge::LoopBridge;
use crate::caller::{Caller, KeepAlive, passing_exception, run_blocking, start_pending};
use crate::chunk::NextChunk;
use crate::convert::{Pending, from_py, packed, to_py};
use crate::errors::to_exception;
use crate::feed::Feed;
use crate::operation::Operation;
use crate::{imports, table, timeout};

/// The native half of `JsStream` and `JsWritable`.
#[pyclass(frozen, weakref, module = "jsrun._jsrun")]
pub(crate) struct StreamHandle {
    remote: Arc<RemoteRef>,
    shared: Arc<Shared>,
    /// Keeps the runtime alive.
    isolate: KeepAlive,
    /// Where the chunks of a readable stream come out.
    channel: Option<Arc<Channel>>,
    /// A task or thread waits for the next chunk: nobody else takes it.
    reading: AtomicBool,
    /// No more chunks are wanted.
    left: AtomicBool,
}

/// Wraps a stream in its Python class.
pub(crate) fn stream<'py>(py: Python<'py>, handle: Handle) -> PyResult<Bound<'py, PyAny>> {
    let (class, remote, channel) = match handle {
        Handle::Stream(remote, channel) => (&imports::JS_STREAM, remote, Some(channel)),
        Handle::Writable(remote) => (&imports::JS_WRITABLE, remote, None),
        _ => return Err(PyValueError::new_err("not a stream")),
    };
    let shared = Arc::clone(&remote.owner);
    let isolate = KeepAlive::new(py, &shared);
    let (reading, left) = Default::default();
    class.get(py)?.call1((StreamHandle { remote, shared, isolate, channel, reading, left },))
}

/// A stream that a Python object feeds, or takes from: see `jsrun._source`.
pub(crate) fn handle_of(source: &Bound<'_, PyAny>, shared: &Arc<Shared>) -> PyResult<Handle> {
    let parts = source.call_method1("attach", (Feed::new(shared),))?;
    let (functions, bridge, ahead, bytes): (Vec<Bound<'_, PyAny>>, Bound<'_, LoopBridge>, Option<usize>, bool) = parts.extract()?;
    let ahead = ahead.unwrap_or(shared.config.stream_ahead);
    let mut functions = functions.into_iter().map(|function| HostFunction {
        target: table::keep(function, shared),
        name: String::new(),
        mode: HostMode::Async,
        home: Some(Arc::clone(bridge.get().queue())),
    });
    match (functions.next(), functions.next(), functions.next()) {
        (Some(pull), Some(cancel), None) => Ok(Handle::HostStream(HostStream { pull, cancel, ahead, bytes })),
        (Some(write), Some(close), Some(abort)) => Ok(Handle::HostSink(HostSink { write, close, abort })),
        _ => Err(PyTypeError::new_err("a stream has two functions, a sink three")),
    }
}

impl StreamHandle {
    /// What `shared`'s isolate gets for `stream`, whose handle this is: the stream itself at home, one that is fed from it elsewhere.
    pub(crate) fn handle_in(&self, stream: &Bound<'_, PyAny>, shared: &Arc<Shared>) -> PyResult<Handle> {
        if !Arc::ptr_eq(&self.shared, shared) {
            let through = if self.channel.is_some() { &imports::STREAM_SOURCE } else { &imports::SINK };
            return handle_of(&through.get(stream.py())?.call1((stream,))?, shared);
        }
        let remote = Arc::clone(&self.remote);
        Ok(match &self.channel {
            Some(channel) => Handle::Stream(remote, Arc::clone(channel)),
            None => Handle::Writable(remote),
        })
    }

    /// The next chunk if one is there and nobody else waits for it.
    pub(crate) fn ready<'py>(&self, py: Python<'py>) -> Option<PyResult<Bound<'py, PyAny>>> {
        if self.reading.load(Ordering::Relaxed) || self.left.load(Ordering::Relaxed) {
            return None;
        }
        let (chunk, resume) = self.channel.as_ref()?.take_chunk()?;
        Some(self.convert(py, chunk, resume))
    }

    fn convert<'py>(&self, py: Python<'py>, chunk: Piece, resume: bool) -> PyResult<Bound<'py, PyAny>> {
        if resume {
            self.remote.resume();
        }
        match chunk {
            Piece::Alone(value) => to_py(py, value, &self.shared),
            Piece::Packed(bytes, range, handles) => {
                let value = packed(py, &bytes[range], handles, &self.shared);
                if let Ok(bytes) = Arc::try_unwrap(bytes) {
                    self.shared.spares.give(bytes);
                }
                value
            }
        }
    }

    fn ask<'py>(
        &self,
        py: Python<'py>,
        command: Command,
        pending: Pending,
        timeout: Option<Duration>,
        what: Option<&'static str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match what {
            Some(what) => {
                Ok(Operation::create(py, Caller { shared: Arc::clone(&self.shared), timeouts: timeout.into(), what }, command, pending)?
                    .into_any())
            }
            None => {
                let bridge = LoopBridge::of_running_or_none(py)?;
                start_pending(py, pending, bridge.as_ref(), &self.shared)?;
                run_blocking(py, &self.shared, command, timeout, bridge)
            }
        }
    }
}

#[pymethods]
impl StreamHandle {
    /// The next chunk; `nothing` while there is none, `end` after the last. Raises the stream's error in place of a chunk.
    fn take<'py>(&self, py: Python<'py>, nothing: Bound<'py, PyAny>, end: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Some(channel) = &self.channel else { return Ok(end) };
        match channel.take() {
            Taken::Chunk(chunk, resume) => self.convert(py, chunk, resume),
            Taken::Nothing => Ok(nothing),
            Taken::End => Ok(end),
            Taken::Failed(error) => {
                Err(passing_exception(py, &error, &self.shared).unwrap_or_else(|| to_exception(py, error, &self.shared)))
            }
        }
    }

    /// What `async for` over `stream`, whose handle this is, awaits.
    fn next(slf: Py<Self>, stream: Py<PyAny>) -> NextChunk {
        NextChunk::new(stream, slf)
    }

    /// Waits until `take` finds something: an awaitable, or with `blocking` at once.
    #[pyo3(signature = (timeout, blocking))]
    fn wait<'py>(&self, py: Python<'py>, timeout: Option<&Bound<'py, PyAny>>, blocking: bool) -> PyResult<Bound<'py, PyAny>> {
        let command = Command::Read(Read { stream: Arc::clone(&self.remote) });
        self.ask(py, command, Pending::new(), timeout::parse(timeout)?, (!blocking).then_some("read"))
    }

    /// Does `cancel`, `write`, `close` or `abort`: an awaitable, or with `blocking` at once.
    #[pyo3(signature = (verb, value, timeout, blocking))]
    fn tell<'py>(
        &self,
        verb: &str,
        value: &Bound<'py, PyAny>,
        timeout: Option<&Bound<'py, PyAny>>,
        blocking: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let (verb, what) = match verb {
            "cancel" => (Verb::Cancel, "cancel"),
            "write" => (Verb::Write, "write"),
            "close" => (Verb::Close, "close"),
            "abort" => (Verb::Abort, "abort"),
            other => return Err(PyValueError::new_err(format!("a stream cannot {other:?}"))),
        };
        let stream = Arc::clone(&self.remote);
        let timeout = timeout::parse(timeout)?;
        let mut pending = Pending::new();
        let value = from_py(value, &self.shared, "$", &mut pending)?;
        if verb == Verb::Cancel
            && let Some(channel) = &self.channel
        {
            channel.discard();
            self.left.store(true, Ordering::Relaxed);
        }
        self.ask(py, Command::Tell(Tell { stream, verb, value }), pending, timeout, (!blocking).then_some(what))
    }

    /// Whether a task or thread waits for the next chunk.
    #[getter]
    fn reading(&self) -> bool {
        self.reading.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_reading(&self, reading: bool) {
        self.reading.store(reading, Ordering::Relaxed);
    }

    /// Wants no more of a readable stream, and waits for nothing.
    fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
        self.remote.leave("the host stopped reading the stream");
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.isolate.traverse(&visit)
    }

    fn __clear__(&self) {
        self.isolate.release();
    }
}
