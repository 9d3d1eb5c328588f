//! Python objects to `Value`: the one outgoing walker. Runs on the caller's thread.

use std::sync::Arc;

use jsrun_core::isolate::Shared;
use jsrun_core::reply::CallId;
use jsrun_core::value::{Handle, HostFunction, HostMode, LARGE_BUFFER, Value, Wire};
use jsrun_core::wire::{self, Write};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};

use super::batch::close_all;
use super::failure::Failure;
use super::met::{Keys, Seen};
use super::numbers;
use super::scalar::{scalar, string};
use crate::errors::from_exception;
use crate::feed::Chunks;
use crate::function::{JsFunction, JsPromise};
use crate::imports;
use crate::memory::lent;
use crate::stream::{StreamHandle, handle_of};
use crate::table;

/// Python awaitables that became JavaScript promises: whoever sends the value starts them.
pub(crate) type Pending = Vec<(CallId, Py<PyAny>)>;

/// Converts one object; `root` names it in errors (`$`, `$[0]`).
pub(crate) fn from_py(object: &Bound<'_, PyAny>, shared: &Arc<Shared>, root: &str, pending: &mut Pending) -> PyResult<Value> {
    if let Some(value) = scalar(object, shared, root)? {
        return Ok(value);
    }
    if let Ok(chunks) = object.cast_exact::<Chunks>() {
        let Some((wire, mut inside)) = chunks.get().take() else { return Ok(Value::Undefined) };
        pending.append(&mut inside);
        return Ok(Value::Wire(Box::new(wire)));
    }
    let wire = Wire { bytes: wire::HEADER.to_vec(), handles: Vec::new() };
    let mut encoder = Encoder::after(shared, wire, 0, pending);
    if let Err(failure) = encoder.value(object) {
        let error = failure.into_error(object.py(), root);
        close_all(object.py(), pending);
        return Err(error);
    }
    Ok(Value::Wire(Box::new(encoder.wire)))
}

/// One conversion under way.
pub(super) struct Encoder<'py, 'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) wire: Wire,
    /// Where this value begins: what is before is of others, and not in its budget.
    pub(super) start: usize,
    pub(super) depth: usize,
    /// Number of the next object, as V8's reader counts.
    pub(super) next_object: u32,
    /// Objects met so far, by address.
    pub(super) seen: Seen,
    pub(super) keys: Keys<'py>,
    /// Temporary objects that must live as long as their address is in `seen`.
    pub(super) keep: Vec<Bound<'py, PyAny>>,
    pub(super) pending: &'a mut Pending,
}

impl<'py, 'a> Encoder<'py, 'a> {
    /// Goes on after what `wire` holds.
    pub(super) fn after(shared: &'a Arc<Shared>, wire: Wire, next_object: u32, pending: &'a mut Pending) -> Self {
        let start = wire.bytes.len();
        Self { shared, wire, start, depth: 0, next_object, seen: Seen::default(), keys: Keys::default(), keep: Vec::new(), pending }
    }

    /// What was written, and the number of the next object.
    pub(super) fn into_parts(self) -> (Wire, u32) {
        (self.wire, self.next_object)
    }

    pub(super) fn reserve(&self, more: usize) -> Result<(), Failure> {
        if self.wire.bytes.len() - self.start + more > self.shared.config.max_bytes { Err(Failure::too_large(self.shared)) } else { Ok(()) }
    }

    pub(super) fn value(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        let raw = object.as_ptr();
        let out = &mut self.wire.bytes;
        // SAFETY: type comparisons and plain accessors on a live object, attached.
        unsafe {
            let class = ffi::Py_TYPE(raw);
            if class == &raw mut ffi::PyUnicode_Type {
                return self.text(object.cast_unchecked::<PyString>());
            }
            if class == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let int = ffi::PyLong_AsLongLongAndOverflow(raw, &raw mut overflow);
                if overflow == 0 && (int as f64).abs() <= numbers::SAFE {
                    out.number(int as f64);
                } else {
                    numbers::write_bigint(object, out)?;
                }
                return self.reserve(0);
            }
            if class == &raw mut ffi::PyFloat_Type {
                out.push(wire::DOUBLE);
                out.double(ffi::PyFloat_AsDouble(raw));
                return self.reserve(0);
            }
            if raw == ffi::Py_None() {
                out.push(wire::NULL);
                return self.reserve(0);
            }
            if class == &raw mut ffi::PyBool_Type {
                out.push(if raw == ffi::Py_True() { wire::TRUE } else { wire::FALSE });
                return self.reserve(0);
            }
        }
        if object.is(imports::UNDEFINED.get(object.py())?) {
            out.push(wire::UNDEFINED);
            return self.reserve(0);
        }
        self.object(object)
    }

    pub(super) fn text(&mut self, text: &Bound<'py, PyString>) -> Result<(), Failure> {
        if let Ok(utf8) = text.to_str() {
            self.reserve(utf8.len())?;
            let out = &mut self.wire.bytes;
            if utf8.is_ascii() {
                out.latin1(utf8.as_bytes());
            } else {
                out.push(wire::UTF8);
                out.varint(utf8.len() as u64);
                out.extend_from_slice(utf8.as_bytes());
            }
            return Ok(());
        }
        let Value::Utf16(units) = string(text)? else { return Err(Failure::new("this str cannot be read")) };
        self.reserve(units.len() * 2)?;
        let out = &mut self.wire.bytes;
        let mut head = Vec::new();
        head.varint(units.len() as u64 * 2);
        if (out.len() + 1 + head.len()) % 2 == 1 {
            out.push(wire::PADDING);
        }
        out.push(wire::UTF16);
        out.extend_from_slice(&head);
        out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        Ok(())
    }

    fn object(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        if let Some(number) = self.seen.get(&(object.as_ptr() as usize)) {
            self.wire.bytes.push(wire::REFERENCE);
            self.wire.bytes.varint(u64::from(*number));
            return self.reserve(0);
        }
        if self.depth >= self.shared.config.max_depth {
            return Err(Failure::new(self.shared.config.too_deep()));
        }
        self.depth += 1;
        let result = self.by_type(object);
        self.depth -= 1;
        result?;
        self.reserve(0)
    }

    /// Gives `object` the next number.
    pub(super) fn number(&mut self, object: &Bound<'py, PyAny>) {
        self.seen.insert(object.as_ptr() as usize, self.next_object);
        self.next_object += 1;
    }

    fn by_type(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        if let Ok(dict) = object.cast_exact::<PyDict>() {
            self.dict(dict)
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            self.number(object);
            self.sequence(list.len(), |index| list.get_item(index))
        } else if let Ok(tuple) = object.cast_exact::<PyTuple>() {
            self.number(object);
            self.sequence(tuple.len(), |index| tuple.get_item(index))
        } else if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            self.typed(object, b'B', bytes.as_bytes())
        } else if let Ok(bytes) = object.cast_exact::<PyByteArray>() {
            let copy = bytes.to_vec();
            self.typed(object, b'B', &copy)
        } else if object.is_exact_instance_of::<PySet>() || object.is_exact_instance_of::<PyFrozenSet>() {
            self.set(object)
        } else if let Ok(function) = object.cast::<JsFunction>() {
            let remote = function.get().remote_in(self.shared).map_err(Failure::new)?;
            self.handle(object, Handle::Function(remote))
        } else if let Ok(promise) = object.cast::<JsPromise>() {
            let remote = promise.get().remote_in(self.shared).map_err(Failure::new)?;
            self.handle(object, Handle::Promise(remote))
        } else {
            self.simplified(object)
        }
    }

    /// Everything that Python code takes apart: see `jsrun._convert.simplify`.
    fn simplified(&mut self, object: &Bound<'py, PyAny>) -> Result<(), Failure> {
        let py = object.py();
        let (kind, payload): (String, Bound<'py, PyAny>) = imports::FROM_PYTHON.get(py)?.call1((object,))?.extract()?;
        match kind.as_str() {
            "value" => {
                self.keep.push(payload.clone());
                self.value(&payload)
            }
            "map" => {
                self.number(object);
                let pairs = payload.cast::<PyList>().map_err(PyErr::from)?;
                self.pairs(pairs)
            }
            "date" => {
                self.number(object);
                self.wire.bytes.push(wire::DATE);
                self.wire.bytes.double(payload.extract()?);
                Ok(())
            }
            "regexp" => {
                self.number(object);
                let (source, flags): (Bound<'py, PyString>, u64) = payload.extract()?;
                self.wire.bytes.push(wire::REGEXP);
                self.text(&source)?;
                self.wire.bytes.varint(flags);
                Ok(())
            }
            "typed" => {
                let (tag, bytes): (String, Bound<'py, PyBytes>) = payload.extract()?;
                self.typed(object, tag.as_bytes()[0], bytes.as_bytes())
            }
            "function" => {
                let (target, asynchronous, name): (Bound<'py, PyAny>, bool, String) = payload.extract()?;
                let target = table::keep(target, self.shared);
                let mode = if asynchronous { HostMode::Async } else { HostMode::Sync };
                self.handle(object, Handle::HostFunction(HostFunction { target, name, mode, home: None }))
            }
            "inline" => {
                let (target, name): (Bound<'py, PyAny>, String) = payload.extract()?;
                let target = table::keep(target, self.shared);
                self.handle(object, Handle::HostFunction(HostFunction { target, name, mode: HostMode::Inline, home: None }))
            }
            "handle" => {
                let stream = payload.cast_into::<StreamHandle>().map_err(PyErr::from)?;
                let handle = stream.get().handle_in(object, self.shared)?;
                self.handle(object, handle)
            }
            "memory" => {
                let (address, length, owner): (usize, usize, Py<PyAny>) = payload.extract()?;
                self.handle(object, Handle::Memory(lent(address, length, owner)))
            }
            "stream" | "sink" => {
                let handle = handle_of(&payload, self.shared)?;
                self.handle(object, handle)
            }
            "awaitable" => {
                let call = self.shared.next_call();
                self.pending.push((call, payload.unbind()));
                self.handle(object, Handle::HostPromise(call))
            }
            "error" => {
                let error = PyErr::from_value(payload);
                let exception = from_exception(py, &error, self.shared);
                self.handle(object, Handle::Error(exception))
            }
            _ => Err(Failure::new(payload.extract::<String>()?)),
        }
    }

    fn handle(&mut self, object: &Bound<'py, PyAny>, handle: Handle) -> Result<(), Failure> {
        self.number(object);
        self.beside(handle);
        Ok(())
    }

    /// Puts `handle` beside the notation, and its tag into it.
    fn beside(&mut self, handle: Handle) {
        self.wire.bytes.push(wire::HANDLE);
        self.wire.bytes.varint(self.wire.handles.len() as u64);
        self.wire.handles.push(handle);
    }

    fn typed(&mut self, object: &Bound<'py, PyAny>, tag: u8, bytes: &[u8]) -> Result<(), Failure> {
        self.reserve(bytes.len())?;
        // The buffer takes a number too, before its view.
        self.next_object += 1;
        self.number(object);
        let out = &mut self.wire.bytes;
        if bytes.len() < LARGE_BUFFER {
            out.push(wire::BUFFER);
            out.varint(bytes.len() as u64);
            out.extend_from_slice(bytes);
        } else {
            self.beside(Handle::Buffer(self.shared.stores.copy(bytes)));
        }
        let out = &mut self.wire.bytes;
        out.push(wire::VIEW);
        out.push(tag);
        out.varint(0);
        out.varint(bytes.len() as u64);
        out.varint(0);
        Ok(())
    }
}
