//! Python objects that the engine refers to by number: host callables and exceptions. The engine holds numbers, so that none of its
//! threads ever frees a Python object.

use std::collections::HashMap;
use std::sync::Arc;

use jsrun_core::HostRef;
use jsrun_core::isolate::Shared;
use parking_lot::Mutex;
use pyo3::prelude::*;

struct Table {
    next: u64,
    objects: Option<HashMap<u64, Py<PyAny>>>,
}

static TABLE: Mutex<Table> = Mutex::new(Table { next: 1, objects: None });

/// Enters an object; it stays until the engine drops the reference.
pub(crate) fn keep(object: Py<PyAny>, owner: &Arc<Shared>) -> HostRef {
    let mut table = TABLE.lock();
    let id = table.next;
    table.next += 1;
    table.objects.get_or_insert_with(HashMap::new).insert(id, object);
    HostRef::new(id, Arc::clone(owner))
}

/// The object behind a number.
pub(crate) fn get(py: Python<'_>, id: u64) -> Option<Py<PyAny>> {
    TABLE.lock().objects.as_ref()?.get(&id).map(|object| object.clone_ref(py))
}

/// Frees what the engine dropped. Called on Python threads, whenever they pass by.
pub(crate) fn sweep(shared: &Shared) {
    let released = shared.take_host_releases();
    if released.is_empty() {
        return;
    }
    let mut freed = Vec::with_capacity(released.len());
    {
        let mut table = TABLE.lock();
        if let Some(objects) = table.objects.as_mut() {
            freed.extend(released.iter().filter_map(|id| objects.remove(id)));
        }
    }
    // Dropped outside the lock: finalisers may come back here.
    drop(freed);
}
