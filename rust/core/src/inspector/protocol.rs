//! The protocol as clients ask for it: domains with the names of their commands and events.

use serde_json::{Value, json};

/// One domain a line: its name, its commands, a bar, its events.
const DOMAINS: &str = include_str!("protocol.txt");

/// The document at `/json/protocol`.
pub(super) fn document() -> Value {
    let named = |names: &str| names.split_whitespace().map(|name| json!({"name": name})).collect::<Vec<_>>();
    let domains: Vec<_> = DOMAINS
        .lines()
        .filter_map(|line| {
            let (domain, rest) = line.split_once(':')?;
            let (commands, events) = rest.split_once('|')?;
            Some(json!({"domain": domain, "commands": named(commands), "events": named(events)}))
        })
        .collect();
    json!({"version": {"major": "1", "minor": "3"}, "domains": domains})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_domain() {
        let document = document();
        let domains = document["domains"].as_array().map_or(0, Vec::len);
        assert_eq!(domains, DOMAINS.lines().count());
        assert_eq!(document["domains"][4]["domain"], "Runtime");
        assert_eq!(document["domains"][3]["events"][0]["name"], "consoleProfileFinished");
    }
}
