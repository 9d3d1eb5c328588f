//! Python objects that the engine refers to by number: host callables and exceptions. Each isolate's Python object owns its own, so that
//! the garbage collector sees them; the engine holds numbers, so that none of its threads ever frees a Python object.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jsrun_core::HostRef;
use jsrun_core::isolate::Shared;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::hash::ByNumber;
use crate::isolate::Isolate;

/// The objects of one isolate, by number.
pub(crate) type Objects = Mutex<ByNumber<u64, Py<PyAny>>>;

/// Isolates by number, weakly.
static ISOLATES: Mutex<Option<ByNumber<u64, Py<PyWeakrefReference>>>> = Mutex::new(None);

/// Makes an isolate findable by its number.
pub(crate) fn register(isolate: &Bound<'_, Isolate>) -> PyResult<()> {
    let reference = PyWeakrefReference::new(isolate.as_any())?.unbind();
    ISOLATES.lock().get_or_insert_default().insert(isolate.get().number(), reference);
    Ok(())
}

/// Takes an isolate off the list.
pub(crate) fn unregister(number: u64) {
    let reference = ISOLATES.lock().as_mut().and_then(|isolates| isolates.remove(&number));
    drop(reference);
}

/// The Python object of an isolate, while it lives.
pub(crate) fn isolate<'py>(py: Python<'py>, shared: &Shared) -> Option<Bound<'py, Isolate>> {
    let reference = ISOLATES.lock().as_ref()?.get(&shared.id)?.clone_ref(py);
    reference.bind(py).upgrade_as::<Isolate>().ok().flatten()
}

/// Enters an object; it stays until the engine drops the reference.
pub(crate) fn keep(object: Bound<'_, PyAny>, owner: &Arc<Shared>) -> HostRef {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    if let Some(isolate) = isolate(object.py(), owner) {
        isolate.get().objects().lock().insert(id, object.unbind());
    }
    HostRef::new(id, Arc::clone(owner))
}

/// The object behind a number.
pub(crate) fn get<'py>(py: Python<'py>, owner: &Shared, id: u64) -> Option<Bound<'py, PyAny>> {
    let isolate = isolate(py, owner)?;
    let object = isolate.get().objects().lock().get(&id).map(|object| object.clone_ref(py));
    object.map(|object| object.into_bound(py))
}

/// Frees what the engine dropped. Called on Python threads, whenever they pass by.
pub(crate) fn sweep(py: Python<'_>, shared: &Shared) {
    loop {
        let released = shared.take_host_releases();
        if released.is_empty() {
            return;
        }
        let Some(isolate) = isolate(py, shared) else { return };
        let freed: Vec<_> = {
            let mut objects = isolate.get().objects().lock();
            released.iter().filter_map(|id| objects.remove(id)).collect()
        };
        // Dropped outside the lock: finalisers may come back here, and what they drop may release more.
        drop(freed);
    }
}
