//! Nothing to call: the build script of this crate is its job, and jsrun-core waits for it. It has no dependencies, so it ends before V8 is linked.

#[cfg(test)]
mod choice;
