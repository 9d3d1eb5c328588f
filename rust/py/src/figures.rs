//! Figures for statistics, as dictionaries: of one isolate, and of what all isolates of the process share.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use jsrun_core::isolate::{self, Shared};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Isolate threads alive in this process.
#[pyfunction]
pub(crate) fn live_isolates() -> usize {
    isolate::live_isolates()
}

/// V8's version.
#[pyfunction]
pub(crate) fn v8_version() -> &'static str {
    isolate::v8_version()
}

/// Figures for `get_reactor_stats`.
#[pyfunction]
pub(crate) fn census(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let census = py.detach(isolate::census);
    let figures = PyDict::new(py);
    for (name, figure) in [
        ("isolates", census.isolates),
        ("native_threads", census.isolate_threads + census.stocked + census.service_threads),
        ("isolates_ahead", census.stocked),
        ("reactor_tasks", census.reactor_tasks),
        ("completion_queues", census.queues),
        ("messages", census.messages),
        ("pending_deadlines", census.deadlines),
        ("inspector_listeners", census.listeners),
        ("inspector_connections", census.debuggers),
        ("spare_buffer_bytes", census.spare_bytes),
    ] {
        figures.set_item(name, figure)?;
    }
    Ok(figures)
}

/// Figures for `get_stats`.
pub(crate) fn of<'py>(py: Python<'py>, shared: &Shared) -> PyResult<Bound<'py, PyDict>> {
    let counters = &shared.counters;
    let figures = PyDict::new(py);
    for (name, counter) in [
        ("operations", &counters.operations),
        ("run_nanos", &counters.run_nanos),
        ("last_nanos", &counters.last_nanos),
        ("live", &counters.live),
        ("pending", &counters.pending),
        ("host_calls", &counters.host_calls),
        ("modules", &counters.modules),
        ("handles", &counters.handles),
        ("heap_used", &counters.heap_used),
        ("heap_total", &counters.heap_total),
        ("heap_physical", &counters.heap_physical),
        ("external", &counters.external),
        ("code_cache_hits", &counters.code_cache_hits),
        ("code_cache_misses", &counters.code_cache_misses),
        ("reports_dropped", &counters.reports_dropped),
        ("last_kind", &counters.last_kind),
    ] {
        figures.set_item(name, counter.load(Relaxed))?;
    }
    figures.set_item("heap_limit", shared.config.max_heap_size)?;
    figures.set_item("buffers", counters.buffer_bytes())?;
    figures.set_item("timers", counters.timers.set())?;
    for (name, streams) in [("js_streams", &counters.js_streams), ("host_streams", &counters.host_streams)] {
        figures.set_item(name, loaded(&[&streams.active, &streams.total, &streams.chunks, &streams.bytes]))?;
    }
    figures.set_item("stops", loaded(&counters.stops.each_ref()))?;
    figures.set_item("kinds", loaded(&counters.kinds.each_ref()))?;
    Ok(figures)
}

fn loaded(counters: &[&AtomicU64]) -> Vec<u64> {
    counters.iter().map(|counter| counter.load(Relaxed)).collect()
}
