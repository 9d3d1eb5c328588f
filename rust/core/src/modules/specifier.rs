//! Names of modules. A module goes by the name the host knows it by; its URL is that name, or `jsrun:///name` where the name is no URL.

use percent_encoding::percent_decode_str;
use url::Url;

/// URL scheme of names that are not URLs themselves.
pub(super) const PLAIN: &str = "jsrun:///";

/// The URL of a module, for `import.meta.url`, stack traces, and as base of relative specifiers.
pub(super) fn url_of(name: &str) -> String {
    if Url::parse(name).is_ok() {
        return name.to_owned();
    }
    plain_url(name).unwrap_or_else(|| name.to_owned())
}

fn plain_url(name: &str) -> Option<String> {
    let mut url = Url::parse(PLAIN).ok()?;
    // With its slash, or a name that begins with `?` or `#` would not be a path; a `%` is no escape; and tabs and line ends would be left out.
    let name = name.replace('%', "%25").replace('\t', "%09").replace('\n', "%0A").replace('\r', "%0D");
    url.set_path(&format!("/{name}"));
    Some(url.into())
}

/// The name behind a URL: its path, where that leads back to the URL. One that would itself read as a URL, or has `..` in it, does not: then the URL is the name.
pub(super) fn name_of(url: Url) -> String {
    let text: String = url.into();
    match text.strip_prefix(PLAIN).map(percent_decoded) {
        Some(name) if leads_back(&name) => name,
        _ => text,
    }
}

fn leads_back(name: &str) -> bool {
    Url::parse(name).is_err() && plain_url(name).is_some_and(|url| url.strip_prefix(PLAIN).map(percent_decoded).as_deref() == Some(name))
}

fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
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
    use super::{canonical, name_of_url, resolve, url_of};

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
    fn names_lead_to_urls_and_back() {
        for name in ["math", "lib/a b.js", "what?#", "100%", "a%41", "%2e", "%+1", "ä/ö.js", "tab\there", ""] {
            assert_eq!(name_of_url(&url_of(name)).as_deref(), Some(name));
        }
    }

    /// Found by fuzzing: what is decoded must not be taken for a URL.
    #[test]
    fn a_module_has_one_name() {
        for (specifier, name) in [
            ("/jsrun:///lib/b%20c.js", "jsrun:///jsrun:///lib/b%20c.js"),
            ("./https://a.example/x.js", "jsrun:///https://a.example/x.js"),
            ("./%68ttps://a.example/x.js", "jsrun:///%68ttps://a.example/x.js"),
            ("./%2e%2fN", "jsrun:///%2e%2fN"),
            ("./a?x/../y", "jsrun:///a?x/../y"),
        ] {
            let found = resolve(specifier, "jsrun:///a.js").unwrap();
            assert_eq!(found, name);
            assert_eq!(canonical(found.clone()), found);
            assert_eq!(url_of(&found), found);
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
