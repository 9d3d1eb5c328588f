//! What an isolate is made with: plain data, validated once.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::inspector::InspectorOptions;
use crate::modules::ImportMap;

/// Limits and options of one isolate. All sizes are bytes.
#[derive(Debug, Clone)]
pub struct Config {
    /// V8 heap limit. Default 512 MiB.
    pub max_heap_size: usize,
    /// V8 heap size to start with; V8 decides when `None`.
    pub initial_heap_size: Option<usize>,
    /// Limit for array buffers, which live outside the V8 heap. Default 512 MiB.
    pub max_buffer_bytes: usize,
    /// Stack that JavaScript may take. Default 984 KiB.
    pub max_stack: usize,
    /// Script that runs once, before anything else.
    pub bootstrap: Option<String>,
    /// Deadline of every operation that names none.
    pub timeout: Option<Duration>,
    /// CPU time of every operation that names none.
    pub cpu_timeout: Option<Duration>,
    /// Whether JavaScript may make code from text: `eval`, `new Function`.
    pub allow_eval: bool,
    /// Whether there is WebAssembly.
    pub allow_wasm: bool,
    /// Whether `Atomics.wait` may block the isolate's thread.
    pub allow_atomics_wait: bool,
    /// Modules that are known at most.
    pub max_modules: usize,
    /// Async host calls that JavaScript may await at a time.
    pub max_host_calls: usize,
    /// Reports of unhandled rejections and uncaught errors that may be under way to the host.
    pub max_rejections: usize,
    /// A snapshot to start from instead of the built-in one; made by an isolate with `recording`.
    pub snapshot: Option<Arc<[u8]>>,
    /// The isolate exists to be made a snapshot of, with [`crate::commands::Command::Snapshot`].
    pub recording: bool,
    /// What specifiers mean before anybody is asked.
    pub import_map: Option<ImportMap>,
    /// Directory that keeps compiled code between processes.
    pub code_cache: Option<PathBuf>,
    /// Whether `console` reaches the host; without, it is silent.
    pub console: bool,
    /// Whether the host wants the values behind console messages too.
    pub console_values: bool,
    /// Whether the host gets the memory of array buffers, and not a copy.
    pub share_buffers: bool,
    /// Where debuggers reach the isolate; nowhere when `None`.
    pub inspector: Option<InspectorOptions>,
    /// Deepest nesting that converts.
    pub max_depth: usize,
    /// Largest encoded value, in bytes.
    pub max_bytes: usize,
    /// Chunks of a stream, in either direction, that may wait for their reader.
    pub stream_ahead: usize,
    /// Deepest chain JavaScript -> host -> JavaScript -> ...
    pub max_reentry: usize,
}

/// Deepest `max_depth`: what an isolate thread's stack holds with room to spare.
pub const DEPTH_CEILING: usize = 2_000;
/// Smallest heap in which V8 and its built-ins start.
pub const HEAP_FLOOR: usize = 4 << 20;
/// Bounds of `max_stack`: what the Web platform's scripts need, and what the address space kept for an isolate has room for.
pub const STACKS: RangeInclusive<usize> = 256 << 10..=64 << 20;

impl Default for Config {
    fn default() -> Self {
        Self {
            max_heap_size: 512 << 20,
            initial_heap_size: None,
            max_buffer_bytes: 512 << 20,
            max_stack: 984 << 10,
            bootstrap: None,
            timeout: None,
            cpu_timeout: None,
            allow_eval: true,
            allow_wasm: true,
            allow_atomics_wait: false,
            max_modules: 50_000,
            max_host_calls: 100_000,
            max_rejections: 1_000,
            snapshot: None,
            recording: false,
            import_map: None,
            code_cache: None,
            console: false,
            console_values: false,
            share_buffers: false,
            inspector: None,
            max_depth: 100,
            max_bytes: 10 << 20,
            stream_ahead: 256,
            max_reentry: 64,
        }
    }
}

impl Config {
    /// What is said of a value over the byte budget.
    #[must_use]
    pub fn too_large(&self) -> String {
        format!("larger than max_serialization_bytes ({} bytes); raise it in RuntimeConfig if this is expected", self.max_bytes)
    }

    /// What is said of a value nested too deeply.
    #[must_use]
    pub fn too_deep(&self) -> String {
        format!("nested deeper than max_serialization_depth ({})", self.max_depth)
    }

    /// Checks what V8 would abort on.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the option, the value given and the bound.
    pub fn validate(&self) -> Result<(), Error> {
        if self.max_heap_size < HEAP_FLOOR {
            return Err(Error::Invalid(format!("max_heap_size must be at least {HEAP_FLOOR} bytes, got {}", self.max_heap_size)));
        }
        if let Some(initial) = self.initial_heap_size
            && initial > self.max_heap_size
        {
            return Err(Error::Invalid(format!("initial_heap_size ({initial}) must not exceed max_heap_size ({})", self.max_heap_size)));
        }
        if !STACKS.contains(&self.max_stack) {
            let (least, most) = (STACKS.start(), STACKS.end());
            return Err(Error::Invalid(format!("max_stack must be between {least} and {most} bytes, got {}", self.max_stack)));
        }
        if self.max_depth == 0 || self.max_depth > DEPTH_CEILING {
            return Err(Error::Invalid(format!("max_serialization_depth must be between 1 and {DEPTH_CEILING}, got {}", self.max_depth)));
        }
        if self.max_bytes == 0 {
            return Err(Error::Invalid("max_serialization_bytes must be positive, got 0".into()));
        }
        Ok(())
    }
}
