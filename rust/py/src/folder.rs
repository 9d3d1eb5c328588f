//! `PackageFolder`: a folder of files and npm packages, as any number of runtimes may use it.

use std::path::PathBuf;
use std::sync::Arc;

use jsrun_core::packages::{Demand, Folder, Options};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// A folder that modules come from.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct PackageFolder {
    folder: Arc<Folder>,
    options: (Vec<String>, String),
}

impl PackageFolder {
    pub(crate) fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }
}

#[pymethods]
impl PackageFolder {
    #[new]
    fn new(py: Python<'_>, root: PathBuf, conditions: Vec<String>, node_env: String) -> PyResult<Self> {
        match Folder::open(&root, Options { conditions: conditions.clone(), node_env: node_env.clone() }) {
            Ok(folder) => Ok(Self { folder: Arc::new(folder), options: (conditions, node_env) }),
            // As Python's own: with the reason in its words, and the path.
            Err(error) => match error.raw_os_error() {
                Some(code) => {
                    Err(PyOSError::new_err((code, py.import("os")?.call_method1("strerror", (code,))?.unbind(), root.into_os_string())))
                }
                None => Err(error.into()),
            },
        }
    }

    /// The folder's real path.
    #[getter]
    fn root(&self) -> PathBuf {
        self.folder.root().to_path_buf()
    }

    /// Conditions and `NODE_ENV` that it was made with.
    #[getter]
    fn options(&self) -> (Vec<String>, String) {
        self.options.clone()
    }

    /// The name of the file that a bare specifier means in the file `referrer`, and `None`; or `None` and why it means none.
    fn resolve(&self, py: Python<'_>, specifier: &str, referrer: &str) -> (Option<String>, Option<String>) {
        match py.detach(|| self.folder.resolve(specifier, referrer, Demand::Import)) {
            Ok(name) => (Some(name), None),
            Err(reason) => (None, Some(reason)),
        }
    }
}
