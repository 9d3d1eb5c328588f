//! Names of modules: import maps and specifiers.

#[path = "../../core/src/modules/import_map.rs"]
mod import_map;
#[path = "../../core/src/modules/specifier.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod specifier;

use import_map::ImportMap;
use url::Url;

/// The parts between NUL characters, `count` of them.
fn parts<const COUNT: usize>(data: &[u8]) -> Option<[&str; COUNT]> {
    let mut parts = std::str::from_utf8(data).ok()?.splitn(COUNT, '\0');
    let mut found = [""; COUNT];
    for part in &mut found {
        *part = parts.next().unwrap_or_default();
    }
    Some(found)
}

/// A map, a specifier and a referrer: the map parses as it did, and leads to what a URL can name.
pub fn import_map(data: &[u8]) {
    let Some([text, name, referrer]) = parts::<3>(data) else { return };
    let Ok(map) = ImportMap::parse(text) else { return };
    assert_eq!(Ok(&map), ImportMap::parse(text).as_ref());
    for specifier in [name, "./a", "a/b"] {
        if let Ok(Some(url)) = map.resolve(specifier, referrer) {
            assert_eq!(Url::parse(url.as_str()).as_ref(), Ok(&url), "{url}");
        }
    }
}

/// A specifier and a referrer: a name stays the same name, and has a URL.
pub fn specifier(data: &[u8]) {
    let Some([name, referrer]) = parts::<2>(data) else { return };
    let _ = specifier::name_of_url(name);
    let url = specifier::url_of(referrer);
    assert_eq!(specifier::url_of(&url), url, "the URL of {referrer:?} is none");
    for referrer in [referrer, &url] {
        if let Ok(found) = specifier::resolve(name, referrer) {
            assert_eq!(specifier::canonical(found.clone()), found, "{name:?} in {referrer:?} has two names");
            let plain = specifier::is_relative(name) && Url::parse(&found).is_err();
            if plain {
                assert_eq!(specifier::name_of_url(&specifier::url_of(&found)), Some(found), "the URL of a name leads elsewhere");
            }
        }
    }
}
