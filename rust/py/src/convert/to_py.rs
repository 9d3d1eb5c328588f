//! `Value` to Python objects: the one incoming walker. Runs on the thread that waits for the value.

use std::sync::Arc;

use jsrun_core::isolate::Shared;
use jsrun_core::value::{Handle, Value};
use jsrun_core::wire::{self, Reader};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::crowd::Crowd;
use super::{lent, names, numbers};
use crate::errors::javascript_error;
use crate::function;
use crate::imports;
use crate::memory;
use crate::stream;

/// From this many bytes on, Python's cyclic collector waits until a value is built: everything made meanwhile is alive.
const LARGE: usize = 64 << 10;

/// Keeps Python's cyclic collector from running, if it was on.
pub(super) struct CollectorPause<'py> {
    was_on: bool,
    /// Proof that the interpreter lock is held.
    _py: Python<'py>,
}

impl<'py> CollectorPause<'py> {
    pub(super) fn begin(py: Python<'py>) -> Self {
        // SAFETY: the interpreter lock is held.
        Self { was_on: unsafe { ffi::PyGC_Disable() } == 1, _py: py }
    }
}

impl Drop for CollectorPause<'_> {
    fn drop(&mut self) {
        if self.was_on {
            // SAFETY: as above.
            unsafe { ffi::PyGC_Enable() };
        }
    }
}

/// Converts one value.
pub(crate) fn to_py<'py>(py: Python<'py>, value: Value, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Undefined => imports::UNDEFINED.get(py).cloned(),
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(flag) => Ok(flag.into_pyobject(py)?.to_owned().into_any()),
        Value::Number(number) => owned(py, numbers::number(py, number)),
        Value::Latin1(text) => {
            let object = latin1(py, &text);
            shared.spares.give(text);
            object
        }
        Value::Lent(text) => latin1(py, text.bytes()),
        Value::Loan(loan) => lent::read(py, loan, shared),
        Value::Utf8(text) => Ok(text.into_pyobject(py)?.into_any()),
        Value::Utf16(units) => {
            // SAFETY: any initialised u16 slice is readable as twice as many bytes.
            utf16(py, unsafe { std::slice::from_raw_parts(units.as_ptr().cast(), units.len() * 2) })
        }
        Value::Wire(wire) => {
            let value = packed(py, &wire.bytes, wire.handles, shared);
            shared.spares.give(wire.bytes);
            value
        }
    }
}

/// Converts one value in the notation of `jsrun_core::wire`.
pub(crate) fn packed<'py>(py: Python<'py>, bytes: &[u8], handles: Vec<Handle>, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyAny>> {
    let _paused = (bytes.len() > LARGE).then(|| CollectorPause::begin(py));
    Decoder::new(py, bytes, handles, shared).value()
}

/// Converts the arguments of a host call: an array whose items were written one by one.
pub(crate) fn arguments<'py>(py: Python<'py>, args: Value, shared: &Arc<Shared>) -> PyResult<Bound<'py, PyTuple>> {
    let Value::Wire(wire) = args else { return Err(truncated()) };
    let args = Decoder::new(py, &wire.bytes, wire.handles, shared).arguments();
    shared.spares.give(wire.bytes);
    args
}

pub(super) fn owned<'py>(py: Python<'py>, object: *mut ffi::PyObject) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `object` is a new reference, or null with a Python error set.
    unsafe { Bound::from_owned_ptr_or_err(py, object) }
}

/// What a view of this kind is, from its bytes.
pub(super) fn view(bytes: Bound<'_, PyAny>, kind: u8) -> PyResult<Bound<'_, PyAny>> {
    match wire::VIEW_KINDS.iter().find(|(tag, ..)| *tag == kind) {
        Some((b'B' | b'?', ..)) | None => Ok(bytes),
        Some((_, format, _)) => imports::TYPED_ARRAY.get(bytes.py())?.call1((bytes, *format)),
    }
}

pub(super) fn latin1<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: pointer and length are one live slice.
    owned(py, unsafe { ffi::PyUnicode_DecodeLatin1(text.as_ptr().cast(), text.len() as ffi::Py_ssize_t, std::ptr::null()) })
}

fn utf16<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut little = -1;
    // SAFETY: pointer and length are one live slice; `surrogatepass` keeps lone surrogates.
    owned(py, unsafe {
        ffi::PyUnicode_DecodeUTF16(bytes.as_ptr().cast(), bytes.len() as ffi::Py_ssize_t, c"surrogatepass".as_ptr(), &raw mut little)
    })
}

pub(super) fn truncated() -> PyErr {
    PyRuntimeError::new_err("jsrun: a value arrived truncated (please report)")
}

/// One conversion under way.
pub(super) struct Decoder<'py, 'a> {
    pub(super) py: Python<'py>,
    pub(super) reader: Reader<'a>,
    handles: Vec<Option<Handle>>,
    shared: &'a Arc<Shared>,
    /// Objects by number.
    pub(super) objects: Vec<Py<PyAny>>,
    /// Keys by number.
    pub(super) keys: Vec<Py<PyAny>>,
}

impl<'py, 'a> Decoder<'py, 'a> {
    pub(super) fn new(py: Python<'py>, bytes: &'a [u8], handles: Vec<Handle>, shared: &'a Arc<Shared>) -> Self {
        let handles = handles.into_iter().map(Some).collect();
        Self { py, reader: Reader::new(bytes), handles, shared, objects: Vec::new(), keys: Vec::new() }
    }

    pub(super) fn varint(&mut self) -> PyResult<usize> {
        self.reader.varint().ok_or_else(truncated)
    }

    pub(super) fn value(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let tag = self.reader.byte().ok_or_else(truncated)?;
        match tag {
            wire::LATIN1 | wire::UTF16 => self.text(tag),
            wire::INT32 => {
                let int = self.reader.int32().ok_or_else(truncated)?;
                // SAFETY: plain constructor.
                owned(py, unsafe { ffi::PyLong_FromLong(int.into()) })
            }
            wire::DOUBLE => owned(py, numbers::number(py, self.reader.double().ok_or_else(truncated)?)),
            wire::NULL => Ok(py.None().into_bound(py)),
            wire::UNDEFINED => imports::UNDEFINED.get(py).cloned(),
            wire::TRUE => Ok(true.into_pyobject(py)?.to_owned().into_any()),
            wire::FALSE => Ok(false.into_pyobject(py)?.to_owned().into_any()),
            wire::BIGINT => {
                let head = self.varint()?;
                let bytes = self.reader.bytes(head >> 1).ok_or_else(truncated)?;
                numbers::bigint(py, head & 1 == 1, bytes)
            }
            wire::REFERENCE => {
                let number = self.varint()?;
                self.objects.get(number).map(|object| object.bind(py).clone()).ok_or_else(truncated)
            }
            _ => self.object(tag),
        }
    }

    /// An array that nothing inside refers to, item by item.
    fn arguments(&mut self) -> PyResult<Bound<'py, PyTuple>> {
        if self.reader.byte() != Some(wire::ARRAY) {
            return Err(truncated());
        }
        self.reserve();
        let count = self.varint()?;
        let args = (0..count).map(|_| self.value()).collect::<PyResult<Vec<_>>>()?;
        PyTuple::new(self.py, args)
    }

    fn text(&mut self, tag: u8) -> PyResult<Bound<'py, PyAny>> {
        let length = self.varint()?;
        let bytes = self.reader.bytes(length).ok_or_else(truncated)?;
        if tag == wire::LATIN1 { latin1(self.py, bytes) } else { utf16(self.py, bytes) }
    }

    fn tagged_text(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let tag = self.reader.byte().ok_or_else(truncated)?;
        self.text(tag)
    }

    fn object(&mut self, tag: u8) -> PyResult<Bound<'py, PyAny>> {
        match tag {
            wire::OBJECT => self.plain(),
            wire::ARRAY => self.array(),
            wire::NUMBERS => self.numbers(),
            wire::MAP | wire::MAP_END => self.map(tag == wire::MAP),
            wire::SET | wire::SET_END => self.set(tag == wire::SET),
            _ => {
                let number = self.reserve();
                let object = self.leaf(tag)?;
                self.objects[number] = object.clone().unbind();
                Ok(object)
            }
        }
    }

    /// Takes the next object number.
    pub(super) fn reserve(&mut self) -> usize {
        self.objects.push(self.py.None());
        self.objects.len() - 1
    }

    fn leaf(&mut self, tag: u8) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match tag {
            wire::DATE => imports::MAKE_DATETIME.get(py)?.call1((self.reader.double().ok_or_else(truncated)?,)),
            wire::REGEXP => {
                let source = self.tagged_text()?;
                let flags = self.tagged_text()?;
                imports::JS_REGEXP.get(py)?.call1((source, flags))
            }
            wire::BUFFER => {
                let length = self.varint()?;
                Ok(PyBytes::new(py, self.reader.bytes(length).ok_or_else(truncated)?).into_any())
            }
            wire::VIEW => {
                let kind = self.reader.byte().ok_or_else(truncated)?;
                let length = self.varint()?;
                view(PyBytes::new(py, self.reader.bytes(length).ok_or_else(truncated)?).into_any(), kind)
            }
            wire::BOXED => self.value(),
            wire::HANDLE => {
                let index = self.varint()?;
                let handle = self.handles.get_mut(index).and_then(Option::take).ok_or_else(truncated)?;
                self.handle(handle)
            }
            _ => Err(truncated()),
        }
    }

    fn handle(&mut self, handle: Handle) -> PyResult<Bound<'py, PyAny>> {
        match handle {
            Handle::Function(remote) => function::function(self.py, remote),
            Handle::Promise(remote) => function::promise(self.py, remote),
            Handle::Error(exception) => javascript_error(self.py, *exception, self.shared, false),
            Handle::Stream(..) | Handle::Writable(_) => stream::stream(self.py, handle),
            Handle::Store(store) => memory::view(self.py, store),
            Handle::Buffer(_)
            | Handle::Memory(_)
            | Handle::HostFunction(_)
            | Handle::HostPromise(_)
            | Handle::HostStream(_)
            | Handle::HostSink(_) => Err(truncated()),
        }
    }

    fn plain(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let number = self.reserve();
        let count = self.varint()?;
        // SAFETY: plain constructor.
        let dict = owned(self.py, unsafe { ffi::PyDict_New() })?;
        self.objects[number] = dict.clone().unbind();
        for _ in 0..count {
            let key = self.key()?;
            let value = self.value()?;
            // SAFETY: three live objects; the dict takes references of its own.
            if unsafe { ffi::PyDict_SetItem(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } != 0 {
                return Err(PyErr::fetch(self.py));
            }
        }
        Ok(dict)
    }

    pub(super) fn key(&mut self) -> PyResult<Bound<'py, PyAny>> {
        match self.reader.byte().ok_or_else(truncated)? {
            wire::KEY_AGAIN => {
                let number = self.varint()?;
                self.keys.get(number).map(|key| key.bind(self.py).clone()).ok_or_else(truncated)
            }
            wire::KEY_NEW => {
                let tag = self.reader.byte().ok_or_else(truncated)?;
                let length = self.varint()?;
                let bytes = self.reader.bytes(length).ok_or_else(truncated)?;
                let key = if tag == wire::LATIN1 {
                    names::interned(self.py, bytes, || latin1(self.py, bytes))?
                } else {
                    names::intern(utf16(self.py, bytes)?)
                };
                self.keys.push(key.clone().unbind());
                Ok(key)
            }
            _ => Err(truncated()),
        }
    }

    /// A `dict` when every key is hashable and none falls together with another (`1` and `True` do), nor too many hashes do; else a `JsMap`.
    fn map(&mut self, mut hashable: bool) -> PyResult<Bound<'py, PyAny>> {
        let number = self.reserve();
        let count = self.varint()?;
        let pairs = PyList::empty(self.py);
        let wrapper = imports::JS_MAP.get(self.py)?.call1((&pairs,))?;
        let dict = pyo3::types::PyDict::new(self.py);
        self.objects[number] = if hashable { dict.clone().into_any() } else { wrapper.clone() }.unbind();
        let mut crowd = Crowd::default();
        for _ in 0..count {
            let concerns = hashable && Crowd::concerns(&self.reader);
            let key = self.value()?;
            let value = self.value()?;
            if concerns {
                crowd.add(&key)?;
                hashable = !crowd.is_too_dense();
            }
            if hashable {
                dict.set_item(&key, &value)?;
            }
            pairs.append((key, value))?;
        }
        let object = if hashable && dict.len() == count { dict.into_any() } else { wrapper };
        self.objects[number] = object.clone().unbind();
        Ok(object)
    }

    /// A `set`, or a `list` when members are unhashable or fall together, or too many of their hashes do.
    fn set(&mut self, hashable: bool) -> PyResult<Bound<'py, PyAny>> {
        let number = self.reserve();
        let count = self.varint()?;
        let members = PyList::empty(self.py);
        self.objects[number] = members.clone().into_any().unbind();
        let mut crowd = Crowd::default();
        for _ in 0..count {
            let concerns = hashable && Crowd::concerns(&self.reader);
            let member = self.value()?;
            if concerns {
                crowd.add(&member)?;
            }
            members.append(member)?;
        }
        if hashable && !crowd.is_too_dense() {
            let set = pyo3::types::PySet::new(self.py, &members)?;
            if set.len() == count {
                self.objects[number] = set.clone().into_any().unbind();
                return Ok(set.into_any());
            }
        }
        Ok(members.into_any())
    }
}
