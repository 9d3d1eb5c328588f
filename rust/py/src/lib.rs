//! `jsrun._jsrun`: the engine as Python classes. Signatures and registration only; no V8 here.

mod blocking;
mod bridge;
mod caller;
mod chunk;
mod config;
mod confinement;
mod convert;
mod errors;
mod feed;
mod figures;
mod folder;
mod function;
mod hash;
mod host;
mod imports;
mod inspector;
mod isolate;
mod memory;
mod operation;
mod stream;
mod table;
mod timeout;
mod watch;

use pyo3::prelude::*;

/// The native half of jsrun. Its state is in mutexes and atomics, but it was never run without the GIL: a free-threaded interpreter turns that
/// on when it imports this.
#[pymodule(gil_used = true)]
mod _jsrun {
    #[pymodule_export]
    use super::bridge::LoopBridge;
    #[pymodule_export]
    use super::chunk::NextChunk;
    #[pymodule_export]
    use super::config::check_import_map;
    #[pymodule_export]
    use super::confinement::confine;
    #[pymodule_export]
    use super::feed::{Chunks, Feed};
    #[pymodule_export]
    use super::figures::{census, live_isolates, v8_version};
    #[pymodule_export]
    use super::folder::PackageFolder;
    #[pymodule_export]
    use super::function::{JsFunction, JsPromise};
    #[pymodule_export]
    use super::inspector::InspectorSession;
    #[pymodule_export]
    use super::isolate::Isolate;
    #[pymodule_export]
    use super::memory::StoreHandle;
    #[pymodule_export]
    use super::operation::Operation;
    #[pymodule_export]
    use super::stream::StreamHandle;
}
