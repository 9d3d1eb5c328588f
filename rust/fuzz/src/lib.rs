//! What reads bytes and text in `rust/core` without V8: the library's own files, and what each must hold whatever it is given.

mod code_cache;
mod error;
mod modules;
mod snapshot;
#[path = "../../core/src/source_maps.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod source_maps;
mod tables;
mod values;
#[path = "../../core/src/convert/wire.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod wire;

pub use code_cache::code_cache;
pub use modules::{import_map, specifier};
pub use snapshot::snapshot;
pub use tables::source_map;
pub use values::values;
