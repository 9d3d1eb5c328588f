//! The library's own files, beside loom's locks.

#[path = "../../../core/src/completion/gate.rs"]
pub(crate) mod gate;
#[path = "../../../core/src/completion/handover.rs"]
pub(crate) mod handover;
mod sync;
