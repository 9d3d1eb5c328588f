//! The bytes of one file of compiled code: sealed when it is written, checked when it is read.
//!
//! Layout: magic, the key, a digest of the code, the code. The digest guards against damage, not against forgery: code is code, and the directory must be one
//! that only trusted users write to. No V8 and nothing else of this crate is needed here: `rust/fuzz` compiles this file too.

use sha2::{Digest, Sha256};

/// A digest. V8 itself compares no more than the length of a source with the code that it is given.
pub(super) type Key = [u8; 32];

const MAGIC: &[u8; 8] = b"jsrun\0c1";
/// Bytes in front of the code.
pub(super) const HEADER: usize = 8 + 32 + 32;

/// The file's bytes.
pub(super) fn seal(key: &Key, code: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(HEADER + code.len());
    entry.extend_from_slice(MAGIC);
    entry.extend_from_slice(key);
    entry.extend_from_slice(&Sha256::digest(code));
    entry.extend_from_slice(code);
    entry
}

/// The code in a file's bytes, if they are whole and of this key.
pub(super) fn unseal<'a>(key: &Key, entry: &'a [u8]) -> Option<&'a [u8]> {
    let rest = entry.strip_prefix(MAGIC)?.strip_prefix(key)?;
    let (digest, code) = rest.split_first_chunk::<32>()?;
    (!code.is_empty() && *digest == <Key>::from(Sha256::digest(code))).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::{HEADER, seal, unseal};

    #[test]
    fn every_flipped_bit_and_every_cut_is_refused() {
        let key = [7; 32];
        let entry = seal(&key, b"some code");
        assert_eq!(unseal(&key, &entry), Some(&b"some code"[..]));
        assert_eq!(entry.len(), HEADER + 9);
        assert_eq!(unseal(&[8; 32], &entry), None);
        for at in 0..entry.len() {
            assert_eq!(unseal(&key, &entry[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut damaged = entry.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(unseal(&key, &damaged), None, "bit {bit} of byte {at}");
            }
        }
        assert_eq!(unseal(&key, &[&entry[..], b"x"].concat()), None);
    }
}
