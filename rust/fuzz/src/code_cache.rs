//! Files of compiled code.

#[path = "../../core/src/code_cache/entry.rs"]
mod entry;

use sha2::{Digest, Sha256};

/// As they come, and behind a header that is right.
pub fn code_cache(data: &[u8]) {
    let key = [3; 32];
    let header = [b"jsrun\0c1", &key[..], &Sha256::digest(data)[..], data].concat();
    for bytes in [data, &header] {
        if let Some(code) = entry::unseal(&key, bytes) {
            assert_eq!(entry::seal(&key, code), bytes);
            assert_eq!(bytes.len(), entry::HEADER + code.len());
            assert!(entry::unseal(&[4; 32], bytes).is_none());
        }
    }
    assert_eq!(entry::unseal(&key, &header).is_none(), data.is_empty());
}
