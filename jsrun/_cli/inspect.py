"""`jsrun inspect`: run a program under a debugger, after one has connected."""

from __future__ import annotations

import argparse
import sys

from jsrun import InspectorConfig, Runtime

from . import run as run_command


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun inspect`: its own, and those of `jsrun run`."""
    group = parser.add_argument_group("debugger")
    group.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (%(default)s)")
    group.add_argument("--port", type=int, default=9229, help="0 picks a free one (default %(default)s)")
    group.add_argument("--no-break", action="store_true", help="do not pause before the first statement")
    group.add_argument("--no-wait", action="store_true", help="start at once, whether a debugger is there or not")
    run_command.configure(parser)


def run(given: argparse.Namespace) -> int:
    """Say where debuggers connect, wait for one, and run the file; return the exit code."""
    config = InspectorConfig(
        given.host,
        given.port,
        wait_for_connection=not given.no_wait,
        break_on_next_statement=not given.no_break,
        display_name=given.file,
    )
    return run_command.run(given, prepare=lambda runtime: _announce(runtime, waits=not given.no_wait), inspector=config)


def _announce(runtime: Runtime, *, waits: bool) -> None:
    endpoints = runtime.inspector_endpoints()
    if endpoints is None:
        return
    lines = [f"Debugger: {endpoints.websocket_url}", f"Chromium: {endpoints.devtools_frontend_url}"]
    if waits:
        lines.append("Waiting for a debugger; Ctrl-C ends")
    print("\n".join(lines), file=sys.stderr)
