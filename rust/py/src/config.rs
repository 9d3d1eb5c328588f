//! Arguments that come from Python as plain data: the configuration and the source.

use jsrun_core::ImportMap;
use jsrun_core::config::Config;
use jsrun_core::value::{MAX_STRING, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::{inspector, timeout};

/// JavaScript source as a string value.
pub(crate) fn source(code: &Bound<'_, PyAny>) -> PyResult<Value> {
    let Ok(text) = code.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!("code must be a str, got {}", code.get_type())));
    };
    let length = text.len()?;
    if length > MAX_STRING {
        return Err(PyValueError::new_err(format!("code has {length} characters; V8 takes at most {MAX_STRING}")));
    }
    crate::convert::string(text)
}

fn parsed(text: &str) -> PyResult<ImportMap> {
    ImportMap::parse(text).map_err(|reason| PyValueError::new_err(format!("import_map: {reason}")))
}

/// Raises for a text that is no import map.
#[pyfunction]
pub(crate) fn check_import_map(text: &str) -> PyResult<()> {
    parsed(text).map(drop)
}

/// The engine's configuration from a `RuntimeConfig`.
pub(crate) fn config(options: &Bound<'_, PyAny>) -> PyResult<Config> {
    let base = Config::default();
    let size = |name: &str| -> PyResult<Option<usize>> { options.getattr(name)?.extract() };
    Ok(Config {
        max_heap_size: size("max_heap_size")?.unwrap_or(base.max_heap_size),
        initial_heap_size: size("initial_heap_size")?,
        max_buffer_bytes: size("max_buffer_bytes")?.unwrap_or(base.max_buffer_bytes),
        max_stack: size("max_stack")?.unwrap_or(base.max_stack),
        bootstrap: options.getattr("bootstrap")?.extract()?,
        timeout: timeout::parse(Some(&options.getattr("timeout")?))?,
        cpu_timeout: timeout::parse(Some(&options.getattr("cpu_timeout")?))?,
        allow_eval: options.getattr("allow_eval")?.extract()?,
        allow_wasm: options.getattr("allow_wasm")?.extract()?,
        allow_atomics_wait: options.getattr("allow_atomics_wait")?.extract()?,
        max_modules: size("max_modules")?.unwrap_or(base.max_modules),
        max_host_calls: size("max_host_calls")?.unwrap_or(base.max_host_calls),
        max_rejections: size("max_unhandled_rejections")?.unwrap_or(base.max_rejections),
        snapshot: options.getattr("snapshot")?.extract::<Option<Vec<u8>>>()?.map(Into::into),
        recording: options.getattr("_recording")?.extract()?,
        import_map: options.getattr("import_map")?.extract::<Option<String>>()?.map(|text| parsed(&text)).transpose()?,
        code_cache: options.getattr("code_cache")?.extract()?,
        console: options.getattr("enable_console")?.extract::<Option<bool>>()?.unwrap_or(false),
        console_values: !options.getattr("on_console")?.is_none(),
        inspector: inspector::options(&options.getattr("inspector")?)?,
        max_depth: size("max_serialization_depth")?.unwrap_or(base.max_depth),
        max_bytes: size("max_serialization_bytes")?.unwrap_or(base.max_bytes),
        stream_ahead: size("stream_high_water_mark")?.unwrap_or(base.stream_ahead),
        share_buffers: options.getattr("buffers")?.extract::<String>()? == "share",
        ..base
    })
}
