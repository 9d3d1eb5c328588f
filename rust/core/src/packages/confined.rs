//! The file system as the package resolver may see it: one folder. Whatever leads out of it, by `..` or by a symbolic link, is not there.

use std::io;
use std::path::{Component, Path, PathBuf};

use oxc_resolver::{FileMetadata, FileSystem, ResolveError};

/// A folder, by its real path.
#[derive(Debug, Clone, Default)]
pub(super) struct Confined {
    pub(super) root: PathBuf,
}

fn absent() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Confined {
    /// Whether a path is in the folder as it is written.
    fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.root) && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
    }

    /// The real path of something in the folder.
    pub(super) fn real(&self, path: &Path) -> io::Result<PathBuf> {
        if self.root.as_os_str().is_empty() || !self.holds(path) {
            return Err(absent());
        }
        let real = std::fs::canonicalize(path)?;
        if real.starts_with(&self.root) { Ok(real) } else { Err(absent()) }
    }

    /// The folder itself and those that it is in: known to be folders, and nothing else is said of them.
    fn leads_to_root(&self, path: &Path) -> bool {
        self.root.starts_with(path)
    }
}

impl FileSystem for Confined {
    fn new() -> Self {
        // Never asked for by the resolver as it is built here; nothing is in it.
        Self::default()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(self.real(path)?)
    }

    fn read_to_string(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(self.real(path)?)
    }

    fn metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        if self.leads_to_root(path) {
            return Ok(FileMetadata::new(false, true, false));
        }
        let found = std::fs::metadata(self.real(path)?)?;
        Ok(FileMetadata::new(found.is_file(), found.is_dir(), false))
    }

    fn symlink_metadata(&self, path: &Path) -> io::Result<FileMetadata> {
        if self.leads_to_root(path) {
            return Ok(FileMetadata::new(false, true, false));
        }
        let real = self.real(path)?;
        let found = std::fs::symlink_metadata(path)?;
        if !found.is_symlink() {
            return Ok(FileMetadata::new(found.is_file(), found.is_dir(), false));
        }
        let target = std::fs::metadata(real)?;
        Ok(FileMetadata::new(target.is_file(), target.is_dir(), true))
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf, ResolveError> {
        self.real(path)?;
        Ok(std::fs::read_link(path)?)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.real(path)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::Confined;
    use oxc_resolver::FileSystem;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_leads_out_is_not_there() {
        let base = fs::canonicalize(std::env::temp_dir()).unwrap().join(format!("jsrun-confined-{}", std::process::id()));
        let root = base.join("root");
        fs::create_dir_all(root.join("inner")).unwrap();
        for name in ["secret", "root/inner/a", "rooted"] {
            fs::write(base.join(name), name).unwrap();
        }
        symlink("../secret", root.join("out")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("inner/a", root.join("in")).unwrap();
        let confined = Confined { root: root.clone() };
        assert_eq!(confined.read_to_string(&root.join("in")).unwrap(), "root/inner/a");
        assert!(confined.symlink_metadata(&root.join("in")).unwrap().is_symlink());
        for outside in ["out", "up/secret", "../secret", "inner/../../secret", "../rooted", "up"] {
            let path = root.join(outside);
            assert!(confined.read(&path).is_err(), "{outside}");
            assert!(confined.metadata(&path).is_err(), "{outside}");
            assert!(confined.symlink_metadata(&path).is_err(), "{outside}");
            assert!(confined.read_link(&path).is_err(), "{outside}");
            assert!(confined.canonicalize(&path).is_err(), "{outside}");
        }
        assert!(confined.metadata(&base.join("secret")).is_err());
        assert!(confined.metadata(&base).unwrap().is_dir());
        assert!(Confined::new().read(&root.join("in")).is_err());
        fs::remove_dir_all(&base).unwrap();
    }
}
