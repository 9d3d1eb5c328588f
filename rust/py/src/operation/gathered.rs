//! Whether `asyncio.gather` asks.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::imports;

/// Whether `gather` asks `isfuture` of what it was given. It makes a task around every coroutine, which costs more than most evaluations; an operation
/// runs already, and is a future as well, so that there it can go without. Others need the task: `asyncio.wait` refuses coroutines, whatever else they
/// are.
pub(super) fn by_gather(py: Python<'_>) -> bool {
    static CODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let asks = || -> PyResult<bool> {
        let code = CODE.get_or_try_init(py, || imports::GATHER.get(py)?.getattr("__code__").map(Bound::unbind))?;
        // This is called by `isfuture`, that by `ensure_future`.
        let frame = imports::FRAME.get(py)?.call1((2,))?;
        Ok(frame.getattr(intern!(py, "f_code"))?.is(code))
    };
    // Too few frames: nobody's.
    asks().unwrap_or(false)
}
