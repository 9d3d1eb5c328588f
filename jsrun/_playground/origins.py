"""Who may talk to a playground: pages of other sites may not, even when a name of theirs points to this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit


def refusal(headers: Mapping[str, str], bound: str | None, names: Collection[str]) -> str | None:
    """Return why a request is refused; ``None`` when it may be served.

    Args:
        headers: of the request, with names in lower case.
        bound: the address that the request came to; ``None`` when it is not known.
        names: host names that are allowed, besides ``localhost`` and addresses.
    """
    host = headers.get("host", "")
    if not host_allowed(host, bound, names):
        return f"the host {host[:100]!r} is not allowed here; start the playground with --allow-host to allow it"
    origin = headers.get("origin")
    if origin is not None and not origin_allowed(origin, host):
        return f"pages of {origin[:100]!r} may not use this playground"
    return None


def host_allowed(host: str, bound: str | None, names: Collection[str]) -> bool:
    """Tell whether a request that names ``host`` is meant for us: an attacker's page comes with its own site's name."""
    name = _name(host)
    if name is None:
        return False
    if name == "localhost" or name in {allowed.lower() for allowed in names}:
        return True
    # An address cannot be made to point elsewhere.
    address, own = _address(name), _address(bound or "")
    return address is not None and (address.is_loopback or own is None or not own.is_loopback)


def origin_allowed(origin: str, host: str) -> bool:
    """Tell whether a page of this origin is ours: programs send none."""
    scheme, _, authority = origin.partition("://")
    return scheme in {"http", "https"} and authority.lower() == host.lower()


def _name(authority: str) -> str | None:
    """Return the host of ``host[:port]``, in lower case and without brackets; ``None`` when it is malformed."""
    try:
        parts = urlsplit(f"//{authority}")
        # Reading the port checks it.
        port = parts.port
    except ValueError:
        return None
    if port == 0 or parts.netloc != authority or "@" in authority or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
