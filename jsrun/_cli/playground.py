"""`jsrun playground`: a web page on this machine where visitors run JavaScript in isolates of their own."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import webbrowser

from jsrun._playground.bounds import PlaygroundLimits

from .exit_codes import OK
from .limits import seconds, size

_LAST_PORT = 65535


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun playground`."""
    limits = PlaygroundLimits()
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=8765, help="0 picks a free one (default %(default)s)")
    parser.add_argument(
        "--open",
        action=argparse.BooleanOptionalAction,
        default=sys.stdout.isatty(),
        help="open the page in a browser (default: on a terminal)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name under which browsers may reach it, besides localhost and addresses",
    )
    group = parser.add_argument_group("limits of each visitor")
    group.add_argument(
        "--timeout", type=seconds, default=limits.timeout, metavar="SECONDS", help="of a run (default %(default)g)"
    )
    group.add_argument(
        "--max-heap", type=size, default=limits.max_heap_size, metavar="SIZE", help="V8's heap (default 64M)"
    )
    group.add_argument(
        "--max-buffers", type=size, default=limits.max_buffer_bytes, metavar="SIZE", help="array buffers (default 64M)"
    )
    group.add_argument(
        "--max-console",
        type=int,
        default=limits.console_lines,
        metavar="N",
        help="console messages of a run that are shown (default %(default)s)",
    )
    group.add_argument(
        "--max-visitors", type=int, default=limits.visitors, metavar="N", help="at the same time (default %(default)s)"
    )
    group.add_argument(
        "--idle",
        type=seconds,
        default=limits.idle,
        metavar="SECONDS",
        help="keep an isolate that long after its last run (default %(default)g)",
    )


def run(given: argparse.Namespace) -> int:
    """Serve until stopped; return the exit code.

    Raises:
        OSError: the address cannot be listened on.
        ValueError: a limit is out of its bounds.
    """
    # Here, because only this command needs the extra's packages.
    from jsrun._playground.web_server import WebServer
    from jsrun.playground import Playground

    limits = PlaygroundLimits(
        timeout=given.timeout,
        max_heap_size=given.max_heap,
        max_buffer_bytes=given.max_buffers,
        console_lines=given.max_console,
        visitors=given.max_visitors,
        idle=given.idle,
    )
    playground = Playground(limits, allowed_hosts=given.allow_host)
    with _listening(given.host, given.port) as listener:
        url = _url(given.host, listener.getsockname()[1])
        print(f"Playground: {url}\nCtrl-C ends", flush=True)
        if given.open:
            # The socket listens already: the browser waits for the server.
            webbrowser.open(url)
        # Ctrl-C is the usual way to stop a server.
        with contextlib.suppress(KeyboardInterrupt):
            WebServer(playground).run(sockets=[listener])
    return OK


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_LAST_PORT}; got {text!r}")
    return int(text)


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address or name.

    Raises:
        OSError: there is no such address here, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # `create_server` says the address again.
        what = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else str(error.strerror)
        raise OSError(f"cannot listen on {host}, port {port}: {what}") from None


def _url(host: str, port: int) -> str:
    """Return what goes into a browser's address bar; a wildcard address is reached as this machine."""
    name = {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}.get(host, host)  # noqa: S104 - compared only
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"
