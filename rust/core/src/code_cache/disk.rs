//! Compiled code on disk: one file per source. Files that are cut, damaged or of something else are as good as absent, and nothing here fails.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::{HEADER, Key, seal, unseal};

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
    use super::{path_of, read, write};

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
