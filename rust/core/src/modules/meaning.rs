//! What a specifier means without asking the host: what the import map says, a static module, a file of the loader's folder, or what it says itself.

use url::Url;

use super::specifier::{self, PLAIN, canonical, is_relative};
use crate::engine::State;
use crate::packages::{Demand, Folder};

impl State {
    /// The name that the import map gives `specifier` in `referrer`, if it gives one.
    pub(super) fn mapped(&self, specifier: &str, referrer: &str) -> Result<Option<String>, String> {
        let Some(map) = &self.shared.config.import_map else { return Ok(None) };
        Ok(map.resolve(specifier, referrer)?.map(specifier::name_of))
    }

    /// The name of the module that `specifier` means in `referrer`.
    pub(super) fn meaning(&self, specifier: &str, referrer: &str) -> Result<String, String> {
        let folder = self.modules.folder.borrow().clone();
        match folder {
            Some(folder) if !self.is_static(specifier) => self.meaning_in(&folder, specifier, referrer),
            _ => specifier::resolve(specifier, referrer),
        }
    }

    fn is_static(&self, specifier: &str) -> bool {
        self.modules.statics.borrow().contains_key(&canonical(specifier.to_owned()))
    }

    fn meaning_in(&self, folder: &Folder, specifier: &str, referrer: &str) -> Result<String, String> {
        let named = specifier::name_of_url(referrer);
        if is_relative(specifier) {
            if named.is_none() && Url::parse(referrer).is_ok() {
                return specifier::resolve(specifier, referrer);
            }
            let lower = specifier.to_ascii_lowercase();
            if lower.contains("%2f") || lower.contains("%5c") {
                return Err("a path must not have an encoded slash or backslash".into());
            }
            // Scripts, and the host, are in the folder itself.
            let name = specifier::resolve(specifier, if named.is_some() { referrer } else { PLAIN })?;
            // A link and what it leads to are one module. A name that is no file's is refused when its source is asked for.
            return Ok(if self.is_static(&name) { name } else { folder.file(&name).map_or(name, |file| file.name) });
        }
        if Url::parse(specifier).is_ok() && !specifier.starts_with("node:") {
            return specifier::resolve(specifier, referrer);
        }
        match named {
            Some(importer) => folder.resolve(specifier, &importer, Demand::Import),
            // No module imports: the name of a file will do.
            None => folder.file(specifier).map(|file| file.name).or_else(|_| folder.resolve(specifier, "", Demand::Import)),
        }
    }
}
