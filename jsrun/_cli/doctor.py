"""`jsrun doctor`: what is installed, whether it works, and what is missing."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import jsrun
from jsrun import _jsrun

from .exit_codes import FAILED, OK

# Those of rust/core/src/isolate/v8_flags.rs.
V8_FLAGS = "--no-turboshaft-loop-unrolling"
# Package to import, and what it is for.
_OPTIONAL = {
    "prompt_toolkit": "jsrun repl",
    "rich": "colours, tables and progress bars",
    "pygments": "colours in jsrun repl",
    "starlette": "jsrun playground",
    "uvicorn": "jsrun playground",
    "uvloop": "a faster event loop",
    "numpy": "arrays as values",
    "pytest": "the fixture js_runtime",
    "IPython": "the magics %js and %%js",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `jsrun doctor`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(given: argparse.Namespace) -> int:
    """Report; return the exit code, which tells whether the self-test passed."""
    report: dict[str, Any] = {
        "versions": _versions(),
        "v8_flags": V8_FLAGS,
        "self_test": {name: _outcome(check) for name, check in _CHECKS.items()},
        "missing": {name: what for name, what in _OPTIONAL.items() if find_spec(name) is None},
    }
    if given.json:
        print(json.dumps(report))
    else:
        _show(report)
    return OK if set(report["self_test"].values()) == {"ok"} else FAILED


def _versions() -> dict[str, str]:
    found = {
        "jsrun": jsrun.__version__,
        "V8": _jsrun.v8_version(),
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.system()} {platform.machine()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}",
        "native module": str(_jsrun.__file__),
    }
    for name in _OPTIONAL:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _show(report: dict[str, Any]) -> None:
    for name, version in report["versions"].items():
        print(f"{name:<16}{version}")
    print(f"{'V8 flags':<16}{report['v8_flags']}")
    print("\nself-test")
    for name, outcome in report["self_test"].items():
        print(f"  {name:<28}{outcome}")
    if report["missing"]:
        print("\nnot installed")
        for name, what in report["missing"].items():
            print(f"  {name:<28}{what}")
    if missing := report["missing"].keys() & {"prompt_toolkit", "rich", "pygments"}:
        print(f"\npip install 'jsrun[cli]' installs {', '.join(sorted(missing))}", file=sys.stderr)


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "ok"


def _expect(found: object, expected: object) -> None:
    if found != expected:
        raise ValueError(f"expected {expected!r}, got {found!r}")


def _evaluates() -> None:
    with jsrun.Runtime() as runtime:
        _expect(runtime.eval("[1n << 70n, new Set(['a']), new Date(0).toISOString()]")[0], 1 << 70)


def _awaits() -> None:
    async def main() -> object:
        async with jsrun.Runtime.create() as runtime:
            return await asyncio.gather(*(runtime.eval_async(f"Promise.resolve({n})") for n in range(100)))

    _expect(asyncio.run(main()), list(range(100)))


def _calls_python() -> None:
    with jsrun.Runtime() as runtime:
        runtime.bind_function("twice", lambda number: number * 2)
        _expect(runtime.eval("twice(21)"), 42)


def _stops_a_loop() -> None:
    with jsrun.Runtime() as runtime:
        try:
            runtime.eval("for (;;) {}", timeout=0.05)
        except jsrun.JavaScriptTimeout:
            _expect(runtime.eval("'usable'"), "usable")
        else:
            raise ValueError("an endless loop ended")


def _limits_the_heap() -> None:
    with jsrun.Runtime(max_heap_size=16 << 20) as runtime:
        try:
            runtime.eval("const all = []; for (;;) all.push(new Array(1000).fill(0.5))", timeout=30)
        except jsrun.HeapLimitExceeded:
            return
        raise ValueError("an endless list ended")


def _imports() -> None:
    with jsrun.Runtime() as runtime:
        runtime.add_static_module("answer", "export default await Promise.resolve(42)")
        _expect(runtime.eval_module("answer")["default"], 42)


def _has_webassembly() -> None:
    with jsrun.Runtime() as runtime:
        _expect(runtime.eval("WebAssembly.validate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))"), True)


def _starts_from_a_snapshot() -> None:
    builder = jsrun.SnapshotBuilder()
    builder.execute_script("answer.js", "globalThis.answer = 42")
    with jsrun.Runtime(snapshot=builder.build()) as runtime:
        _expect(runtime.eval("answer"), 42)


_CHECKS: dict[str, Callable[[], object]] = {
    "evaluates": _evaluates,
    "awaits": _awaits,
    "calls Python": _calls_python,
    "stops an endless loop": _stops_a_loop,
    "limits the heap": _limits_the_heap,
    "imports modules": _imports,
    "has WebAssembly": _has_webassembly,
    "starts from a snapshot": _starts_from_a_snapshot,
}
