//! Decides whether an archive of V8 can be linked into a build, from names alone.

/// The version of the crate `v8`, whose archives have its number.
const V8: &str = "150.4.0";

/// What archives for the features of deno_core are called, before and after the target.
const NAME: (&str, &str) = ("librusty_v8_simdutf_release_", ".a.gz");

/// What cargo says about a build.
pub(crate) struct Build<'a> {
    /// The machine that compiles.
    pub(crate) host: &'a str,
    /// The machine that the result is for.
    pub(crate) target: &'a str,
    /// `RUSTY_V8_ARCHIVE`, from the environment or from `.cargo/config.toml`; nothing where V8 is compiled instead.
    pub(crate) archive: Option<String>,
}

/// The target in the name of an archive; nothing when it is called otherwise.
fn target_of(archive: &str) -> Option<&str> {
    let name = archive.rsplit(['/', '\\']).next()?;
    name.strip_prefix(NAME.0)?.strip_suffix(NAME.1).or_else(|| name.strip_prefix(NAME.0)?.strip_suffix(".a"))
}

/// `Ok` when the build may go on, else a line that says what to set.
pub(crate) fn check(build: &Build<'_>, exists: impl Fn(&str) -> bool) -> Result<(), String> {
    let (host, target) = (build.host, build.target);
    if host != target {
        return Err(format!(
            "jsrun is built on the kind of machine it is for, because the build runs V8 to make the start-up snapshot. This is {host}, and the build is for {target}."
        ));
    }
    let Some(archive) = build.archive.as_deref() else {
        return Ok(()); // The crate `v8` downloads, asks a mirror, or compiles.
    };
    let (before, after) = NAME;
    let wanted = format!(
        "Set RUSTY_V8_ARCHIVE to {before}{target}{after} of version {V8}: an absolute path, or its URL among the releases of rusty_v8, \
         https://github.com/denoland/rusty_v8/releases/download/v{V8}/{before}{target}{after} (see third_party/v8/README.md)."
    );
    if let Some(other) = target_of(archive).filter(|other| *other != target) {
        return Err(format!("RUSTY_V8_ARCHIVE names V8 for {other}, and this build is for {target}. {wanted}"));
    }
    if !archive.starts_with("http:") && !archive.starts_with("https:") && !exists(archive) {
        return Err(format!("RUSTY_V8_ARCHIVE names the file {archive:?}, which is not there. {wanted}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINUX: &str = "x86_64-unknown-linux-gnu";
    const MAC: &str = "aarch64-apple-darwin";

    fn ask(host: &str, target: &str, archive: Option<&str>) -> Result<(), String> {
        check(&Build { host, target, archive: archive.map(str::to_owned) }, |path| !path.contains("missing"))
    }

    fn vendored() -> String {
        format!("third_party/v8/{}{LINUX}{}", NAME.0, NAME.1)
    }

    #[test]
    fn the_version_is_that_of_the_lock_file() {
        assert!(include_str!("../../../Cargo.lock").contains(&format!("name = \"v8\"\nversion = \"{V8}\"\n")));
    }

    #[test]
    fn the_vendored_archive_is_the_one_that_cargo_is_told() {
        assert!(include_str!("../../../.cargo/config.toml").contains(&vendored()));
        assert_eq!(target_of(&vendored()), Some(LINUX));
    }

    #[test]
    fn its_own_target_may_link_it() {
        assert_eq!(ask(LINUX, LINUX, Some(&vendored())), Ok(()));
    }

    #[test]
    fn another_target_is_told_what_to_set() {
        let message = ask(MAC, MAC, Some(&vendored())).unwrap_err();
        assert!(message.contains(LINUX) && message.contains(MAC), "{message}");
        assert!(message.contains("Set RUSTY_V8_ARCHIVE to librusty_v8_simdutf_release_aarch64-apple-darwin.a.gz"), "{message}");
        assert!(!message.contains('\n'), "cargo shows one line");
    }

    #[test]
    fn urls_and_other_names_are_taken_as_they_are() {
        assert_eq!(ask(MAC, MAC, Some("https://example.org/v8/librusty_v8_simdutf_release_aarch64-apple-darwin.a.gz")), Ok(()));
        assert_eq!(ask(MAC, MAC, Some("/archives/mine.a")), Ok(()));
        assert_eq!(ask(MAC, MAC, None), Ok(()));
    }

    #[test]
    fn a_url_for_another_target_is_noticed_too() {
        assert!(ask(LINUX, LINUX, Some("https://example.org/librusty_v8_simdutf_release_aarch64-apple-darwin.a.gz")).is_err());
        assert!(ask("x86_64-unknown-linux-musl", "x86_64-unknown-linux-musl", Some(&vendored())).is_err());
        assert!(ask("x86_64-pc-windows-msvc", "x86_64-pc-windows-msvc", Some(&vendored().replace('/', "\\"))).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let message = ask(LINUX, LINUX, Some("missing/v8.a.gz")).unwrap_err();
        assert!(message.contains("missing/v8.a.gz"), "{message}");
    }

    #[test]
    fn cross_compiling_is_refused() {
        assert!(ask(LINUX, MAC, None).unwrap_err().contains("start-up snapshot"));
    }
}
