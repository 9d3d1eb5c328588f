//! `PackageFolder`: a folder of files and npm packages, as any number of runtimes may use it.

use std::path::PathBuf;
use std::sync::Arc;

use jsrun_core::packages::{Demand, Folder, Options};
use pyo3::prelude::*;

/// A folder that modules come from.
#[pyclass(frozen, module = "jsrun._jsrun")]
pub(crate) struct PackageFolder {
    folder: Arc<Folder>,
}

impl PackageFolder {
    pub(crate) fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }
}

#[pymethods]
impl PackageFolder {
    #[new]
    fn new(root: PathBuf, conditions: Vec<String>, node_env: String) -> PyResult<Self> {
        let folder = Folder::open(&root, Options { conditions, node_env })?;
        Ok(Self { folder: Arc::new(folder) })
    }

    /// The folder's real path.
    #[getter]
    fn root(&self) -> PathBuf {
        self.folder.root().to_path_buf()
    }

    /// The name of the file that a bare specifier means in the file `referrer`, and `None`; or `None` and why it means none.
    fn resolve(&self, py: Python<'_>, specifier: &str, referrer: &str) -> (Option<String>, Option<String>) {
        match py.detach(|| self.folder.resolve(specifier, referrer, Demand::Import)) {
            Ok(name) => (Some(name), None),
            Err(reason) => (None, Some(reason)),
        }
    }
}
