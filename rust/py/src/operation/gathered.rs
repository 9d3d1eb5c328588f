//! Whether `asyncio.gather` asks.

use pyo3::intern;
use pyo3::prelude::*;

use crate::imports;

/// Whether `gather` asks `isfuture` of what it was given. It makes a task around every coroutine, which costs more than most evaluations; an operation
/// runs already, and is a future as well, so that there it can go without. Others need the task: `asyncio.wait` refuses coroutines, whatever else they
/// are.
pub(super) fn by_gather(py: Python<'_>) -> bool {
    // This is called by `isfuture`, that by `ensure_future`.
    let asks = || -> PyResult<bool> {
        let frame = imports::FRAME.get(py)?.call1((2,))?;
        Ok(frame.getattr(intern!(py, "f_code"))?.is(imports::GATHER.get(py)?.getattr(intern!(py, "__code__"))?))
    };
    // Too few frames: nobody's.
    asks().unwrap_or(false)
}
