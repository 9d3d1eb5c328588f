//! Who may talk to the inspector: pages of a browser may not, even when they make a name of theirs point to this machine.

use std::net::IpAddr;

/// Whether a request that names `host` is meant for a server bound to `bound`: an attacker's page comes with the name of its own site.
pub(super) fn host_allowed(host: Option<&str>, bound: IpAddr) -> bool {
    let Some(name) = host.and_then(without_port) else { return false };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    // An address cannot be made to point elsewhere.
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner.unwrap_or(name).parse::<IpAddr>() {
        Ok(address) => !bound.is_loopback() || address.is_loopback(),
        Err(_) => false,
    }
}

/// Whether a page of this origin may connect: programs send none, and DevTools its own scheme.
pub(super) fn origin_allowed(origin: Option<&str>) -> bool {
    origin.is_none_or(|origin| origin == "devtools://devtools" || origin == "chrome-devtools://devtools")
}

/// The host of `host[:port]`; `None` when the port is no number.
fn without_port(authority: &str) -> Option<&str> {
    let (name, port) = match authority.rfind(':') {
        Some(colon) if !authority.ends_with(']') => (&authority[..colon], Some(&authority[colon + 1..])),
        _ => (authority, None),
    };
    let well_formed = port.is_none_or(|port| port.parse::<u16>().is_ok());
    (well_formed && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn foreign_hosts_are_refused() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let everywhere = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        for (host, on_loopback, on_all) in [
            (Some("127.0.0.1:9229"), true, true),
            (Some("127.0.0.1"), true, true),
            (Some("localhost:1"), true, true),
            (Some("LOCALHOST"), true, true),
            (Some("[::1]:9229"), true, true),
            (Some("[::1]"), true, true),
            (Some("192.168.0.7:9229"), false, true),
            (Some("evil.example"), false, false),
            (Some("evil.example:9229"), false, false),
            (Some("localhost.evil.example"), false, false),
            (Some("127.0.0.1.evil.example:9229"), false, false),
            (Some("127.0.0.1:evil"), false, false),
            (Some("127.1"), false, false),
            (Some(":9229"), false, false),
            (Some(""), false, false),
            (None, false, false),
        ] {
            assert_eq!(host_allowed(host, here), on_loopback, "{host:?}");
            assert_eq!(host_allowed(host, everywhere), on_all, "{host:?}");
        }
    }

    #[test]
    fn foreign_origins_are_refused() {
        for (origin, allowed) in [
            (None, true),
            (Some("devtools://devtools"), true),
            (Some("http://evil.example"), false),
            (Some("http://localhost:9229"), false),
            (Some("devtools://devtools.evil"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            assert_eq!(origin_allowed(origin), allowed, "{origin:?}");
        }
    }
}
