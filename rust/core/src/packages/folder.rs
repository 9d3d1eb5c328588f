//! What specifiers mean in a folder with `node_modules`, by the rules of Node.js, and the files behind them. Names are paths from the folder; nobody
//! learns where it is.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use oxc_resolver::{ModuleType, ResolveError, ResolveOptions, ResolverGeneric};

use super::confined::Confined;
use crate::value::MAX_STRING;

/// How a folder is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Conditions of `exports` and `imports` besides `import`, `require` and `default`.
    pub conditions: Vec<String>,
    /// What CommonJS files see as `process.env.NODE_ENV`.
    pub node_env: String,
}

/// Who asks: an import, or `require`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A file's name is said in full.
    Import,
    /// Extensions and `index.js` may be left out.
    Require,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// An ES module.
    Module,
    /// A CommonJS file.
    CommonJs,
    /// One of these two: no `package.json` says which.
    Unsaid,
    /// JSON.
    Json,
    /// No code that runs here; its extension.
    Other(String),
}

/// A file of the folder.
#[derive(Debug)]
pub struct File {
    /// Its name: that of the file which links lead to.
    pub name: String,
    path: PathBuf,
    /// What it is.
    pub format: Format,
}

impl File {
    /// Its content.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, String> {
        let refused = |error: io::Error| format!("its file cannot be read: {error}");
        let mut file = std::fs::File::open(&self.path).map_err(refused)?;
        let length = file.metadata().map_err(refused)?.len();
        if length > MAX_STRING as u64 {
            return Err(format!("its file has {length} bytes; V8 takes at most {MAX_STRING}"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.by_ref().take(MAX_STRING as u64).read_to_end(&mut bytes).map_err(refused)?;
        Ok(bytes)
    }
}

/// A folder that modules come from.
pub struct Folder {
    files: Confined,
    /// What CommonJS files see as `process.env.NODE_ENV`.
    pub node_env: String,
    /// The condition `browser` is among the conditions.
    pub for_browser: bool,
    imports: ResolverGeneric<Confined>,
    requires: ResolverGeneric<Confined>,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Folder").field("root", &self.files.root).finish_non_exhaustive()
    }
}

impl Folder {
    /// The folder at `root`.
    ///
    /// # Errors
    /// There is none.
    pub fn open(root: &Path, options: Options) -> io::Result<Self> {
        let root = std::fs::canonicalize(root)?;
        if !root.is_dir() {
            return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
        }
        let files = Confined { root };
        let for_browser = options.conditions.iter().any(|condition| condition == "browser");
        let rules = |own: &str, fully_specified: bool| ResolveOptions {
            condition_names: options.conditions.iter().cloned().chain([own.to_owned(), "default".to_owned()]).collect(),
            extensions: [".js", ".json", ".cjs"].map(str::to_owned).to_vec(),
            fully_specified,
            main_fields: if for_browser { &["browser", "main"][..] } else { &["main"] }.iter().map(|&field| field.to_owned()).collect(),
            module_type: true,
            node_path: false,
            ..Default::default()
        };
        let imports = ResolverGeneric::new_with_file_system(files.clone(), rules("import", true));
        let requires = imports.clone_with_options(rules("require", false));
        Ok(Self { files, node_env: options.node_env, for_browser, imports, requires })
    }

    /// Where the folder is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.files.root
    }

    /// The name of the file that `specifier` means in the file `referrer` (empty: in the folder itself): a bare specifier, one that begins with `#`, or, for
    /// `require`, also a path.
    ///
    /// # Errors
    /// Why it means none.
    pub fn resolve(&self, specifier: &str, referrer: &str, demand: Demand) -> Result<String, String> {
        let directory = self.files.root.join(Path::new(referrer).parent().unwrap_or(Path::new("")));
        if !is_plain(&directory) {
            return Err(self.no_such_file(referrer));
        }
        let asked = match specifier.strip_prefix('/') {
            // The folder is what files in it see as the root.
            Some(path) => self.files.root.join(path).to_str().map(str::to_owned).ok_or_else(|| self.no_such_file(path))?,
            None => specifier.to_owned(),
        };
        let found = self.look(&directory, &asked, demand).map_err(|error| self.refusal(specifier, referrer, demand, &error))?;
        self.name_of(&found.0).ok_or_else(|| self.no_such_file(specifier))
    }

    /// The file of that name.
    ///
    /// # Errors
    /// Why there is none.
    pub fn file(&self, name: &str) -> Result<File, String> {
        let path = self.files.root.join(name);
        let written = path.to_str().filter(|_| !name.is_empty() && !name.starts_with('/') && is_plain(&path) && !name.contains('?'));
        let Some(written) = written else { return Err(self.no_such_file(name)) };
        let (path, kind) = self.look(&self.files.root, written, Demand::Import).map_err(|_| self.no_such_file(name))?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let format = match (extension, kind) {
            ("json", _) => Format::Json,
            ("js" | "mjs" | "cjs" | "", Some(ModuleType::Module)) => Format::Module,
            ("js" | "mjs" | "cjs" | "", Some(ModuleType::CommonJs)) => Format::CommonJs,
            ("js" | "", _) => Format::Unsaid,
            (other, _) => Format::Other(other.to_owned()),
        };
        let name = self.name_of(&path).ok_or_else(|| self.no_such_file(name))?;
        Ok(File { name, path, format })
    }

    /// Asks the resolver; what it knows may be out of date when it finds nothing.
    fn look(&self, directory: &Path, specifier: &str, demand: Demand) -> Result<(PathBuf, Option<ModuleType>), ResolveError> {
        let resolver = if demand == Demand::Import { &self.imports } else { &self.requires };
        // A file's name may have a `#` in it, and only a package's own imports begin with one.
        let escaped = match specifier.strip_prefix('#') {
            Some(rest) => format!("#{}", rest.replace('#', "\0#")),
            None => specifier.replace('#', "\0#"),
        };
        let found = resolver.resolve(directory, &escaped).or_else(|_| {
            resolver.clear_cache();
            resolver.resolve(directory, &escaped)
        })?;
        let not_found = || ResolveError::NotFound(specifier.to_owned());
        if found.query().is_some() || found.fragment().is_some() {
            return Err(not_found());
        }
        // Not the resolver's word for it, but the file system's.
        let path = self.files.real(found.path()).map_err(|_| not_found())?;
        if !path.is_file() {
            return Err(not_found());
        }
        Ok((path, found.module_type()))
    }

    fn name_of(&self, path: &Path) -> Option<String> {
        let name = path.strip_prefix(&self.files.root).ok()?.to_str()?;
        Some(name.replace(std::path::MAIN_SEPARATOR, "/"))
    }

    fn no_such_file(&self, name: &str) -> String {
        if let Some(module) = built_in(name) {
            return no_built_in(module);
        }
        let closest = [".js", ".mjs", ".cjs", ".json", "/index.js"].iter().map(|end| format!("{name}{end}")).find(|name| {
            let path = self.files.root.join(name.trim_start_matches('/'));
            is_plain(&path) && self.files.real(&path).is_ok_and(|path| path.is_file())
        });
        match closest {
            Some(closest) => format!("there is no such file; import names a file in full, perhaps {closest:?}"),
            None => "there is no such file in the loader's folder".into(),
        }
    }

    fn refusal(&self, specifier: &str, referrer: &str, demand: Demand, error: &ResolveError) -> String {
        match error {
            _ if built_in(specifier).is_some() => no_built_in(specifier),
            ResolveError::NotFound(_) if specifier.starts_with(['.', '/']) && demand == Demand::Require => {
                "there is no such file in the loader's folder".into()
            }
            ResolveError::NotFound(_) => {
                let from = Path::new(referrer).parent().filter(|parent| !parent.as_os_str().is_empty());
                let place = from.map_or_else(|| "the loader's folder".to_owned(), |parent| parent.display().to_string());
                format!("no package or file for it in the node_modules of {place} or above")
            }
            other => {
                let root = format!("{}/", self.files.root.display());
                other.to_string().replace(&root, "").replace(root.trim_end_matches('/'), ".")
            }
        }
    }
}

/// Whether a path stays where it is written to be.
fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::RootDir | Component::Prefix(_) | Component::Normal(_)))
}

fn built_in(specifier: &str) -> Option<&str> {
    let name = specifier.strip_prefix("node:").unwrap_or(specifier);
    (specifier.len() != name.len() || nodejs_built_in_modules::is_nodejs_builtin_module(name)).then_some(specifier)
}

fn no_built_in(module: &str) -> String {
    format!("{module:?} is a module of Node.js, and there are none of these here; offer one with add_static_module if it is only imported")
}
