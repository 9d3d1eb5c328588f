//! Source maps, and stacks that are rewritten by them.

use crate::source_maps::{Place, SourceMaps, original, rewrite};

/// A map, or a URL with one, up to the first NUL; a stack after it. Places count from 1, and what cannot be read is none.
pub fn source_map(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (map, stack) = text.split_once('\0').unwrap_or((text, "    at f (a.js:1:2)\n    at a.js:3:40"));
    let maps = SourceMaps::default();
    maps.give(1, map);
    for (script, url) in [(1, ""), (2, map)] {
        let Some(map) = maps.of(script, || Some(url.to_owned())) else { continue };
        for (line, column) in [(0, 0), (1, 1), (1, 9), (2, 1), (3, 70), (u32::MAX, u32::MAX)] {
            let place = Place { file: "jsrun:///lib/a.js".into(), line, column };
            if let Some(place) = original(&map, &place) {
                assert!(place.line > 0 && place.column > 0);
            }
        }
        let _ = rewrite(stack, |place| original(&map, place));
    }
    assert_eq!(rewrite(stack, |_| None), stack);
    assert_eq!(rewrite(stack, |place| Some(place.clone())).lines().count(), stack.lines().count());
}
