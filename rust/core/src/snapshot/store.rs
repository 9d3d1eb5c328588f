//! Snapshots in use. V8 wants their bytes for ever, so each distinct one is kept once per process.
//!
//! V8 also keeps one read-only heap for all isolates of a process that live at the same time: that of the first. The built-in snapshot's is part of
//! every other one, but two users' snapshots have different ones. So a snapshot starts as a heap image while no other image is in use, and otherwise the
//! scripts it was made from run again on the built-in one: slower, with the same outcome.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::envelope::{Source, unseal};
use super::identity::identity;
use crate::error::Error;

/// V8's heap after deno_core's set-up and that of the platform's standing scripts, made when the crate was built.
static BUILT_IN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/startup.snapshot"));

/// Most distinct snapshots in one process: their bytes are never freed.
const MOST: usize = 64;

type Digest = [u8; 32];

static STORE: Mutex<Option<Store>> = Mutex::new(None);

#[derive(Default)]
struct Store {
    known: HashMap<Digest, Known>,
    /// Isolates alive.
    live: usize,
    /// Whose read-only heap they share; `None` is the built-in one.
    shared: Option<Digest>,
}

#[derive(Clone, Copy)]
struct Known {
    heap: &'static [u8],
    sources: &'static [Source],
}

/// What one isolate starts from. Held until V8 has freed the isolate.
#[derive(Debug)]
pub(crate) struct Start {
    /// The heap image.
    pub(crate) heap: &'static [u8],
    /// Scripts to run on it, and modules to offer.
    pub(crate) sources: &'static [Source],
    /// The image holds what the scripts left: they need not run.
    pub(crate) complete: bool,
}

impl Drop for Start {
    fn drop(&mut self) {
        if let Some(store) = STORE.lock().as_mut() {
            store.live -= 1;
        }
    }
}

/// The snapshot that is part of the library.
pub(crate) fn built_in() -> &'static [u8] {
    BUILT_IN
}

/// Checks a user's snapshot, and chooses how an isolate starts from it.
pub(crate) fn open(bytes: Option<&[u8]>) -> Result<Start, Error> {
    let refused = |reason| Error::Snapshot(format!("these bytes are no usable snapshot: {reason}"));
    let parts = bytes.map(|bytes| unseal(identity(), bytes).map_err(refused)).transpose()?;
    let mut store = STORE.lock();
    let store = store.get_or_insert_default();
    let Some(parts) = parts else {
        if store.live == 0 {
            store.shared = None;
        }
        store.live += 1;
        return Ok(Start { heap: BUILT_IN, sources: &[], complete: true });
    };
    let digest = parts.digest;
    if !store.known.contains_key(&digest) {
        if store.known.len() >= MOST {
            return Err(Error::Snapshot(format!(
                "{MOST} different snapshots are in use in this process, and their memory is never given back; use fewer"
            )));
        }
        let known = Known { heap: Box::leak(parts.heap.into()), sources: Box::leak(parts.sources.into_boxed_slice()) };
        store.known.insert(digest, known);
    }
    let Known { heap, sources } = store.known[&digest];
    if store.live == 0 {
        store.shared = Some(digest);
    }
    store.live += 1;
    if store.shared == Some(digest) {
        Ok(Start { heap, sources, complete: true })
    } else {
        Ok(Start { heap: BUILT_IN, sources, complete: false })
    }
}

/// Whether an isolate lives besides the one that asks: V8 must not write a snapshot then, for it adds to the read-only heap.
pub(crate) fn is_shared() -> bool {
    STORE.lock().as_ref().is_some_and(|store| store.live > 1)
}
