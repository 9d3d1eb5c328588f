//! What compiled code is found by: a digest of the source, of what V8 compiles it as, and of V8 itself.

use deno_core::v8;
use sha2::{Digest, Sha256};

use super::entry::Key;
use crate::isolate::{V8_FLAGS, v8_version};

/// What V8 compiles a source as: the code differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Script,
    Module,
    /// A function of the parameters that CommonJS gives a file.
    Function,
}

/// The key of a source.
pub(super) fn key_of(scope: &mut v8::PinScope<'_, '_>, unit: Unit, source: v8::Local<'_, v8::String>) -> Key {
    let mut hash = Sha256::new();
    for part in [env!("CARGO_PKG_VERSION"), v8_version(), V8_FLAGS, std::env::consts::ARCH, std::env::consts::OS] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    // Further flags, and what the processor can do.
    hash.update(v8::script_compiler::cached_data_version_tag().to_le_bytes());
    let view = v8::ValueView::new(scope, source);
    match view.data() {
        v8::ValueViewData::OneByte(bytes) => {
            hash.update([unit as u8, 1]);
            hash.update(bytes);
        }
        v8::ValueViewData::TwoByte(units) => {
            hash.update([unit as u8, 2]);
            // SAFETY: the bytes of initialised numbers; the view keeps them where they are.
            hash.update(unsafe { std::slice::from_raw_parts(units.as_ptr().cast::<u8>(), std::mem::size_of_val(units)) });
        }
    }
    hash.finalize().into()
}

/// The key of a part of the platform in isolates that started with the heap of a user's snapshot.
pub(crate) fn key_of_part(name: &str, image: &[u8; 32]) -> Key {
    let mut hash = Sha256::new();
    hash.update(image);
    hash.update(name);
    hash.finalize().into()
}
