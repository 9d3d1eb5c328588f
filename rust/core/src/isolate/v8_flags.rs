//! V8's process-wide flags, for the isolates and for the build script that makes their snapshot.

/// Set before V8 starts.
///
/// Loop unrolling is off because the phase also takes the interrupt check out of loops whose calls all go to built-ins: an optimised
/// `for (;;) list.push(new Array(1000))` could then not be stopped by a timeout, a cancel or the heap limit.
pub(crate) const V8_FLAGS: &str = "--no-turboshaft-loop-unrolling";
