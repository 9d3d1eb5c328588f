//! Source maps: which place of which original source a place of a script is. A map that cannot be read is none; nothing here fails.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use sourcemap::DecodedMap;
use url::Url;

/// Longest map in a script itself, in bytes: JavaScript that is not trusted may hold one, and reading it takes many times its memory.
const LONGEST_INLINE: usize = 8 << 20;
/// Longest map that the host gives.
const LONGEST_GIVEN: usize = 64 << 20;
/// Scripts that are known to have a map, or none.
const MOST_SCRIPTS: usize = 1024;
/// Text of the maps that are kept read, in bytes.
const MOST_TEXT: usize = 64 << 20;

/// Number of a script in its isolate.
pub(crate) type ScriptId = usize;

/// A place in a source. Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// The maps of one isolate.
#[derive(Default)]
pub(crate) struct SourceMaps {
    /// What the host gave.
    given: RefCell<HashMap<ScriptId, Rc<str>>>,
    /// What was looked for.
    read: RefCell<HashMap<ScriptId, Option<Rc<DecodedMap>>>>,
    text: Cell<usize>,
}

impl SourceMaps {
    /// The host knows the map of a script.
    pub(crate) fn give(&self, script: ScriptId, map: &str) {
        if map.len() <= LONGEST_GIVEN {
            self.given.borrow_mut().insert(script, Rc::from(map));
            self.read.borrow_mut().remove(&script);
        }
    }

    /// The map of a script: the host's, or the one in the URL that the script names.
    pub(crate) fn of(&self, script: ScriptId, url: impl FnOnce() -> Option<String>) -> Option<Rc<DecodedMap>> {
        if let Some(known) = self.read.borrow().get(&script) {
            return known.clone();
        }
        let given = self.given.borrow().get(&script).cloned();
        let (map, length) = match given {
            Some(text) => (decode(|| parse(text.as_bytes())), text.len()),
            None => {
                let url = url().filter(|url| url.len() <= LONGEST_INLINE).unwrap_or_default();
                (decode(|| parse(&inline(&url)?)), url.len())
            }
        };
        let map = map.map(Rc::new);
        let mut read = self.read.borrow_mut();
        if map.is_some() {
            self.text.set(self.text.get() + length);
        }
        if read.len() >= MOST_SCRIPTS || self.text.get() > MOST_TEXT {
            read.clear();
            self.text.set(length);
        }
        read.insert(script, map.clone());
        map
    }

    pub(crate) fn clear(&self) {
        self.given.take();
        self.read.take();
    }
}

/// Whoever made the map, reading it must not end an operation.
fn decode<T>(read: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

fn parse(text: &[u8]) -> Option<DecodedMap> {
    match sourcemap::decode_slice(text).ok()? {
        // Tokens of sections count from where their section begins.
        DecodedMap::Index(sections) => sections.flatten().ok().map(DecodedMap::Regular),
        map => Some(map),
    }
}

/// The content of a `data:` URL with JSON.
fn inline(url: &str) -> Option<Vec<u8>> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mut parts = kind.split(';').map(str::trim);
    if !matches!(parts.next()?, "application/json" | "text/json" | "application/source-map" | "application/source-map+json") {
        return None;
    }
    let data = percent_encoding::percent_decode_str(data);
    if parts.next_back() != Some("base64") {
        return Some(data.collect());
    }
    let forgiving = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&alphabet::STANDARD, forgiving).decode(data.collect::<Vec<u8>>()).ok()
}

/// The original of a place, in a script whose name is `place.file`.
pub(crate) fn original(map: &DecodedMap, place: &Place) -> Option<Place> {
    let (line, column) = (place.line.checked_sub(1)?, place.column.checked_sub(1)?);
    decode(|| {
        // The nearest token before may be of another line: then nothing is known of this one.
        let token = map.lookup_token(line, column).filter(|token| token.get_dst_line() == line)?;
        let source = token.get_source()?;
        let file = Url::parse(&place.file).and_then(|base| base.join(source)).map_or_else(|_| source.to_owned(), Into::into);
        Some(Place { file, line: token.get_src_line().checked_add(1)?, column: token.get_src_col().checked_add(1)? })
    })
}

/// Puts originals into a stack text: `find` knows that of a place.
pub(crate) fn rewrite(stack: &str, find: impl Fn(&Place) -> Option<Place>) -> String {
    let mut lines = Vec::new();
    for line in stack.split('\n') {
        let rewritten = place_in(line).and_then(|(before, place, after)| {
            let Place { file, line, column } = find(&place)?;
            Some(format!("{before}{file}:{line}:{column}{after}"))
        });
        lines.push(rewritten.unwrap_or_else(|| line.to_owned()));
    }
    lines.join("\n")
}

/// The place at the end of a line such as `    at f (file:1:2)`, and what is around it.
fn place_in(line: &str) -> Option<(&str, Place, &str)> {
    let frame = line.trim_start().strip_prefix("at ")?;
    let body = line.strip_suffix(')').unwrap_or(line);
    let mut parts = body.rsplitn(3, ':');
    let (column, number, rest) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    // A name may have spaces and brackets: without a closing one it begins after `at`, `async` aside.
    let from = if body.len() == line.len() {
        let start = line.len() - frame.len();
        start + if frame.starts_with("async ") { "async ".len() } else { 0 }
    } else {
        rest.find(" (")? + 2
    };
    let file = rest.get(from..)?.to_owned();
    Some((&line[..from], Place { file, line: number, column }, &line[body.len()..]))
}

#[cfg(test)]
mod tests {
    use super::{Place, SourceMaps, inline, original, rewrite};

    /// Line 1, column 1 is line 3, column 5 of a.ts; line 2 has nothing.
    const MAP: &str = r#"{"version": 3, "sources": ["a.ts"], "names": [], "mappings": "AAEI;;AACA"}"#;

    fn place(file: &str, line: u32, column: u32) -> Place {
        Place { file: file.into(), line, column }
    }

    #[test]
    fn places_lead_to_their_originals() {
        let maps = SourceMaps::default();
        let url = format!("data:application/json,{}", MAP.replace(' ', "%20"));
        let map = maps.of(1, || Some(url)).unwrap();
        for (from, to) in [
            (place("jsrun:///lib/a.js", 1, 1), Some(place("jsrun:///lib/a.ts", 3, 5))),
            (place("jsrun:///lib/a.js", 1, 90), Some(place("jsrun:///lib/a.ts", 3, 5))),
            (place("https://a.example/x/a.js", 3, 1), Some(place("https://a.example/x/a.ts", 4, 5))),
            (place("app.js", 1, 1), Some(place("a.ts", 3, 5))),
            (place("app.js", 2, 1), None),
            (place("app.js", 0, 0), None),
            (place("app.js", 9, 1), None),
        ] {
            assert_eq!(original(&map, &from), to, "{from:?}");
        }
    }

    #[test]
    fn bad_maps_are_none() {
        let maps = SourceMaps::default();
        for (script, url) in [
            "",
            "a.js.map",
            "data:",
            "data:,",
            "data:text/plain,{}",
            "data:application/json,{",
            "data:application/json,[]",
            "data:application/json;base64,****",
            "data:application/json;base64,e30",
            "data:application/json,{\"version\":3,\"sources\":[],\"mappings\":\"AAAA\"}",
            "data:application/json,{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"!!\"}",
            "data:application/json,{\"version\":3,\"sources\":[\"a\"],\"names\":[],\"mappings\":\"gggggggggggggggggggggB\"}",
        ]
        .into_iter()
        .enumerate()
        {
            let map = maps.of(script, || Some(url.to_owned()));
            let found = map.and_then(|map| original(&map, &place("a.js", 1, 1)));
            assert_eq!(found, None, "{url}");
        }
        maps.give(99, "no map");
        assert!(maps.of(99, || None).is_none());
        maps.give(99, MAP);
        assert!(maps.of(99, || None).is_some());
    }

    #[test]
    fn the_content_of_data_urls() {
        for url in ["data:application/json;base64,e30=", "data:application/json;charset=utf-8;base64,e30", "data:application/json,%7B%7D"] {
            assert_eq!(inline(url).unwrap(), b"{}", "{url}");
        }
    }

    #[test]
    fn places_in_a_stack_are_rewritten() {
        let stack = "Error: at x (a.js:1:1)\n    at f (a.js:1:2)\n    at a.js:3:4\n    at async Promise.all (index 0)\n    at async a.js:5:6\n    \
                     at new B [as c] (a (1).js:7:8)\n    at other.js:1:1";
        let rewritten = rewrite(stack, |place| (place.file.starts_with('a')).then(|| Place { file: "b.ts".into(), ..place.clone() }));
        let expected = "Error: at x (a.js:1:1)\n    at f (b.ts:1:2)\n    at b.ts:3:4\n    at async Promise.all (index 0)\n    at async b.ts:5:6\n    \
                        at new B [as c] (b.ts:7:8)\n    at other.js:1:1";
        assert_eq!(rewritten, expected);
    }
}
