//! What made a snapshot, as a digest: this build of the library, its V8, and what is built in.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use super::envelope::Identity;
use crate::isolate::{V8_FLAGS, v8_version};

/// This engine's.
pub(super) fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let mut hash = Sha256::new();
        for part in [env!("CARGO_PKG_VERSION"), v8_version(), V8_FLAGS, std::env::consts::ARCH, std::env::consts::OS] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        // Extensions, scripts and their order are in the built-in snapshot.
        hash.update(Sha256::digest(super::built_in()));
        hash.finalize().into()
    })
}

/// Puts a snapshot into its envelope.
pub(crate) fn seal(heap: &[u8], sources: &[super::Source]) -> Vec<u8> {
    super::envelope::seal(identity(), heap, sources)
}
