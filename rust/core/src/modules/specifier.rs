//! Names of modules. A module goes by the name the host knows it by; its URL is that name, or `jsrun:///name` where the name is no URL.

use url::Url;

/// URL scheme of names that are not URLs themselves.
pub(super) const PLAIN: &str = "jsrun:///";

/// The URL of a module, for `import.meta.url`, stack traces, and as base of relative specifiers.
pub(super) fn url_of(name: &str) -> String {
    if Url::parse(name).is_ok() {
        return name.to_owned();
    }
    match Url::parse(PLAIN) {
        Ok(mut url) => {
            // With its slash, or a name that begins with `?` or `#` would not be a path.
            url.set_path(&format!("/{name}"));
            url.into()
        }
        Err(_) => name.to_owned(),
    }
}

/// The name behind a URL.
pub(super) fn name_of(url: Url) -> String {
    let text: String = url.into();
    match text.strip_prefix(PLAIN) {
        Some(path) => percent_decoded(path),
        None => text,
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

/// The one name of a module that may be given by its URL.
pub(super) fn canonical(name: String) -> String {
    let plain = name.starts_with(PLAIN).then(|| Url::parse(&name).ok()).flatten();
    plain.map_or(name, name_of)
}

/// Whether a specifier is relative to who imports it.
pub(super) fn is_relative(specifier: &str) -> bool {
    ["./", "../", "/"].iter().any(|start| specifier.starts_with(start)) || matches!(specifier, "." | "..")
}

/// The name of a module whose URL says no more than that.
pub(super) fn name_of_url(url: &str) -> Option<String> {
    Url::parse(url).ok().filter(|url| url.as_str().starts_with(PLAIN)).map(name_of)
}

/// The name that `specifier` means in the module or script `referrer`; an error says why it means none.
pub(super) fn resolve(specifier: &str, referrer: &str) -> Result<String, String> {
    if specifier.is_empty() {
        return Err("an empty specifier names no module".into());
    }
    if !is_relative(specifier) {
        return Ok(canonical(specifier.to_owned()));
    }
    let base = Url::parse(referrer).map_err(|_| "a relative specifier needs a module as referrer, and a script is none".to_owned())?;
    base.join(specifier).map(name_of).map_err(|error| format!("no URL comes of it: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{resolve, url_of};

    #[test]
    fn names_and_urls() {
        for (name, url) in [
            ("math", "jsrun:///math"),
            ("lib/a b.js", "jsrun:///lib/a%20b.js"),
            ("what?#", "jsrun:///what%3F%23"),
            ("#internal", "jsrun:///%23internal"),
            ("custom:message", "custom:message"),
            ("https://a.example/x.js", "https://a.example/x.js"),
        ] {
            assert_eq!(url_of(name), url);
        }
    }

    #[test]
    fn relative_specifiers_join_the_referrer() {
        let resolved = |specifier, name: &str| resolve(specifier, &url_of(name));
        assert_eq!(resolved("./b.js", "lib/a.js").unwrap(), "lib/b.js");
        assert_eq!(resolved("../b c.js", "lib/deep/a.js").unwrap(), "lib/b c.js");
        assert_eq!(resolved("/top.js", "lib/a.js").unwrap(), "top.js");
        assert_eq!(resolved("../../../x", "a").unwrap(), "x");
        assert_eq!(resolved("bare", "lib/a.js").unwrap(), "bare");
        assert_eq!(resolved("./y.js", "https://a.example/x/z.js").unwrap(), "https://a.example/x/y.js");
        assert_eq!(resolved("jsrun:///lib/b%20c.js", "a").unwrap(), "lib/b c.js");
        assert!(resolve("./x", "<eval>").is_err());
        assert!(resolve("", "jsrun:///a").is_err());
    }
}
