//! Import maps: the standard's parsing and resolution, as pure functions. Two things differ: what the standard warns of is an error here, and names without
//! a URL of their own (`jsrun:///name`) count as hierarchical ones do, so that `"./lib/": "./vendor/"` works.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::specifier::{PLAIN, is_relative};

/// Addresses by specifier; `None` blocks one.
type Specifiers = BTreeMap<String, Option<Url>>;

/// A parsed import map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportMap {
    imports: Specifiers,
    /// By the URL or URL prefix of the modules that import.
    scopes: BTreeMap<String, Specifiers>,
}

impl ImportMap {
    /// Parses the JSON text of an import map. Relative addresses are names of modules: `./lib/a.js` is `lib/a.js`.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let base = Url::parse(PLAIN).map_err(|error| error.to_string())?;
        let Value::Object(mut map) = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))? else {
            return Err("it must be an object with \"imports\" and \"scopes\"".into());
        };
        let imports = map.remove("imports").map_or_else(|| Ok(Specifiers::new()), |value| specifiers(value, "imports", &base))?;
        let mut scopes = BTreeMap::new();
        match map.remove("scopes") {
            None => {}
            Some(Value::Object(found)) => {
                for (prefix, value) in found {
                    let place = format!("scopes[{prefix:?}]");
                    let url = base.join(&prefix).map_err(|error| format!("{place}: the scope is no URL ({error})"))?;
                    scopes.insert(url.into(), specifiers(value, &place, &base)?);
                }
            }
            Some(_) => return Err("scopes must be an object".into()),
        }
        match map.keys().next() {
            Some(unknown) => Err(format!("{unknown:?} is unknown; only \"imports\" and \"scopes\" are")),
            None => Ok(Self { imports, scopes }),
        }
    }

    /// The URL that `specifier` is mapped to in the module or script `referrer`; nothing where the map does not name it.
    ///
    /// # Errors
    /// Why it must not be imported.
    pub(super) fn resolve(&self, specifier: &str, referrer: &str) -> Result<Option<Url>, String> {
        let base = Url::parse(referrer).or_else(|_| Url::parse(PLAIN)).map_err(|error| error.to_string())?;
        let url = url_like(specifier, &base);
        let normalized = url.as_ref().map_or(specifier, Url::as_str);
        // In descending order, so that of several prefixes the longest comes first.
        for (scope, specifiers) in self.scopes.iter().rev() {
            if (scope == base.as_str() || (scope.ends_with('/') && base.as_str().starts_with(scope)))
                && let Some(found) = lookup(specifiers, normalized, url.as_ref())?
            {
                return Ok(Some(found));
            }
        }
        lookup(&self.imports, normalized, url.as_ref())
    }
}

fn specifiers(value: Value, place: &str, base: &Url) -> Result<Specifiers, String> {
    let Value::Object(entries) = value else { return Err(format!("{place} must be an object")) };
    let mut found = Specifiers::new();
    for (key, address) in entries {
        let place = format!("{place}[{key:?}]");
        if key.is_empty() {
            return Err(format!("{place}: a specifier must not be empty"));
        }
        let address = match address {
            Value::Null => None,
            Value::String(text) => {
                let hint = "is neither a URL nor begins with ./, ../ or /";
                let url = url_like(&text, base).ok_or_else(|| format!("{place}: the address {text:?} {hint}"))?;
                if key.ends_with('/') && !url.as_str().ends_with('/') {
                    return Err(format!("{place}: the address {text:?} must end with / as the specifier does"));
                }
                Some(url)
            }
            other => return Err(format!("{place}: an address must be a string or null, not {other}")),
        };
        found.insert(url_like(&key, base).map_or(key, Into::into), address);
    }
    Ok(found)
}

fn url_like(specifier: &str, base: &Url) -> Option<Url> {
    if is_relative(specifier) && !matches!(specifier, "." | "..") { base.join(specifier).ok() } else { Url::parse(specifier).ok() }
}

fn lookup(specifiers: &Specifiers, normalized: &str, url: Option<&Url>) -> Result<Option<Url>, String> {
    let blocked = |key: &str| format!("the import map blocks {key:?}");
    if let Some(address) = specifiers.get(normalized) {
        return address.clone().map(Some).ok_or_else(|| blocked(normalized));
    }
    let by_prefix = url.is_none_or(|url| matches!(url.scheme(), "ftp" | "file" | "http" | "https" | "ws" | "wss" | "jsrun"));
    for (key, address) in specifiers.iter().rev().filter(|(key, _)| by_prefix && key.ends_with('/')) {
        let Some(rest) = normalized.strip_prefix(key.as_str()) else { continue };
        let address = address.as_ref().ok_or_else(|| blocked(key))?;
        let found = address.join(rest).map_err(|error| format!("the import map makes no URL of it: {error}"))?;
        if !found.as_str().starts_with(address.as_str()) {
            return Err(format!("it leads out of {:?}, which the import map gives for {key:?}", address.as_str()));
        }
        return Ok(Some(found));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::ImportMap;

    const MAP: &str = r#"{
        "imports": {
            "moment": "./vendor/moment.js",
            "moment/": "./vendor/moment/",
            "a/b/": "https://a.example/deep/",
            "a/": "https://a.example/",
            "blocked": null,
            "blocked/": null,
            "blocked/not": "./fine.js",
            "./lib/": "./other/",
            "https://cdn.example/x.js": "./x.js",
            "https://cdn.example/": "https://mirror.example/",
            "custom:thing": "./thing.js",
            "custom:dir/": "./dir/",
            "/top.js": "./bottom.js",
            "weird": "custom:opaque"
        },
        "scopes": {
            "./vendor/": {"moment": "https://a.example/old.js", "own": "./own.js"},
            "./vendor/deep/": {"moment": "https://a.example/older.js", "own": null},
            "https://a.example/exact.js": {"moment": "./exact.js"},
            "https://a.example/exact": {"moment": "./never.js"}
        }
    }"#;

    #[test]
    fn what_specifiers_are_mapped_to() {
        let map = ImportMap::parse(MAP).unwrap();
        for (specifier, referrer, expected) in [
            ("moment", "", Ok(Some("jsrun:///vendor/moment.js"))),
            ("moment", "<eval>", Ok(Some("jsrun:///vendor/moment.js"))),
            ("moment/locale/de.js", "", Ok(Some("jsrun:///vendor/moment/locale/de.js"))),
            ("moment/", "", Ok(Some("jsrun:///vendor/moment/"))),
            ("moments", "", Ok(None)),
            ("moment/../../x", "", Err("leads out")),
            ("moment/%2e%2e/x", "", Err("leads out")),
            ("moment/https://b.example/", "", Err("leads out")),
            ("a/b/c", "", Ok(Some("https://a.example/deep/c"))),
            ("a/c", "", Ok(Some("https://a.example/c"))),
            ("blocked", "", Err("blocks \"blocked\"")),
            ("blocked/x", "", Err("blocks \"blocked/\"")),
            ("blocked/not", "", Ok(Some("jsrun:///fine.js"))),
            ("./lib/x.js", "jsrun:///main.js", Ok(Some("jsrun:///other/x.js"))),
            ("./x.js", "jsrun:///lib/main.js", Ok(Some("jsrun:///other/x.js"))),
            ("./x.js", "https://b.example/lib/", Ok(None)),
            ("https://cdn.example/x.js", "", Ok(Some("jsrun:///x.js"))),
            ("https://cdn.example/y.js?q#f", "", Ok(Some("https://mirror.example/y.js?q#f"))),
            ("./y.js", "https://cdn.example/z.js", Ok(Some("https://mirror.example/y.js"))),
            ("custom:thing", "", Ok(Some("jsrun:///thing.js"))),
            ("custom:dir/x", "", Ok(None)),
            ("/top.js", "jsrun:///a/b.js", Ok(Some("jsrun:///bottom.js"))),
            ("weird", "", Ok(Some("custom:opaque"))),
            ("moment", "jsrun:///vendor/x.js", Ok(Some("https://a.example/old.js"))),
            ("moment", "jsrun:///vendor/deep/x.js", Ok(Some("https://a.example/older.js"))),
            ("own", "jsrun:///vendor/x.js", Ok(Some("jsrun:///own.js"))),
            ("own", "jsrun:///vendor/deep/x.js", Err("blocks")),
            ("own", "jsrun:///x.js", Ok(None)),
            ("moment", "https://a.example/exact.js", Ok(Some("jsrun:///exact.js"))),
            ("moment", "https://a.example/exact.js/x", Ok(Some("jsrun:///vendor/moment.js"))),
            ("", "", Ok(None)),
            (".", "jsrun:///lib/x", Ok(None)),
        ] {
            let found = map.resolve(specifier, referrer);
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.as_ref().map(|url| url.as_str()), expected, "{specifier} in {referrer}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{specifier} in {referrer}: {found}"),
                _ => panic!("{specifier} in {referrer}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_import_map_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "no JSON"),
            ("[]", "must be an object"),
            (r#"{"imports": []}"#, "imports must be an object"),
            (r#"{"imports": {"a": "b"}}"#, r#"imports["a"]: the address "b" is neither"#),
            (r#"{"imports": {"a": 1}}"#, r#"imports["a"]: an address must be a string or null, not 1"#),
            (r#"{"imports": {"": "./a"}}"#, "must not be empty"),
            (r#"{"imports": {"a/": "./b"}}"#, "must end with /"),
            (r#"{"scopes": []}"#, "scopes must be an object"),
            (r#"{"scopes": {"x": 1}}"#, r#"scopes["x"] must be an object"#),
            (r#"{"scopes": {"https://[": {}}}"#, "is no URL"),
            (r#"{"scopes": {"./x": {"a": "b"}}}"#, r#"scopes["./x"]["a"]"#),
            (r#"{"integrity": {}}"#, "\"integrity\" is unknown"),
        ] {
            let error = ImportMap::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(ImportMap::parse("{}").unwrap().resolve("a", "").unwrap().is_none());
    }
}
