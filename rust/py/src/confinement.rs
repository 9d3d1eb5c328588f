//! `confine`: takes rights from this process for good. For the child processes of runtimes.

use std::path::PathBuf;

use jsrun_core::confinement::{self, Rights};
use pyo3::prelude::*;

/// Keeps the right to read `readable` (with Landlock, unless `None`), with `filter` the system calls that calculating needs, and with
/// `listen` those of a server.
#[pyfunction]
pub(crate) fn confine(py: Python<'_>, readable: Option<Vec<PathBuf>>, filter: bool, listen: bool) -> PyResult<()> {
    Ok(py.detach(|| confinement::confine(&Rights { readable, filter, listen }))?)
}
