//! Compiled code on disk: one file per source. Files that are cut, damaged or of something else are as good as absent, and nothing here fails.
//!
//! Layout: magic, the key, a digest of the code, the code. The digest guards against damage, not against forgery: code is code, and the directory must be one
//! that only trusted users write to.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::key::Key;

const MAGIC: &[u8; 8] = b"jsrun\0c1";
const HEADER: usize = 8 + 32 + 32;
/// Longest entry that is read, in bytes.
const MOST: u64 = 256 << 20;

fn path_of(directory: &Path, key: &Key) -> PathBuf {
    use std::fmt::Write;
    let mut name = String::with_capacity(64 + 7);
    for byte in key {
        let _ = write!(name, "{byte:02x}");
    }
    name.push_str(".v8code");
    directory.join(name)
}

fn seal(key: &Key, code: &[u8]) -> Vec<u8> {
    let mut entry = Vec::with_capacity(HEADER + code.len());
    entry.extend_from_slice(MAGIC);
    entry.extend_from_slice(key);
    entry.extend_from_slice(&Sha256::digest(code));
    entry.extend_from_slice(code);
    entry
}

fn unseal<'a>(key: &Key, entry: &'a [u8]) -> Option<&'a [u8]> {
    let rest = entry.strip_prefix(MAGIC)?.strip_prefix(key)?;
    let (digest, code) = rest.split_first_chunk::<32>()?;
    (!code.is_empty() && *digest == <Key>::from(Sha256::digest(code))).then_some(code)
}

/// The code of `key`, if it is there and whole.
pub(super) fn read(directory: &Path, key: &Key) -> Option<Vec<u8>> {
    let path = path_of(directory, key);
    // Not a pipe, which nobody may ever write to.
    let length = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
    let mut entry = Vec::with_capacity(usize::try_from(length.min(MOST)).ok()?);
    fs::File::open(&path).ok()?.take(MOST).read_to_end(&mut entry).ok()?;
    unseal(key, &entry)?;
    entry.drain(..HEADER);
    Some(entry)
}

/// Puts code in place in one step: a reader sees all of it or none.
pub(super) fn write(directory: &Path, key: &Key, code: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut builder = fs::DirBuilder::new();
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    builder.recursive(true).create(directory)?;
    let path = path_of(directory, key);
    let aside = path.with_extension(format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let written = options.open(&aside).and_then(|mut file| file.write_all(&seal(key, code))).and_then(|()| fs::rename(&aside, &path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{HEADER, path_of, read, seal, unseal, write};

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

    #[test]
    fn what_is_written_is_read_and_nothing_is_left_aside() {
        let directory = std::env::temp_dir().join(format!("jsrun-code-{}", std::process::id()));
        write(&directory, &[1; 32], b"one").unwrap();
        write(&directory, &[1; 32], b"two").unwrap();
        assert_eq!(read(&directory, &[1; 32]).unwrap(), b"two");
        assert!(read(&directory, &[2; 32]).is_none());
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(read(&directory, &[1; 32]).is_none());
        assert!(write(std::path::Path::new("/dev/null/x"), &[1; 32], b"x").is_err());
        assert!(path_of(&directory, &[255; 32]).to_str().unwrap().contains("ffff"));
    }
}
