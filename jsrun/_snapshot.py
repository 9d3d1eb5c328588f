"""`SnapshotBuilder`: runs scripts once, so that runtimes start with what they left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ._runtime import Runtime
from ._snapshot_worker import REFUSED
from .errors import SnapshotError

_WORKER = "jsrun._snapshot_worker"


class SnapshotBuilder:
    """Collects scripts and makes a snapshot of the heap they leave: runtimes then start with it in place.

    Each script runs at once in a runtime of the builder's own, so that its errors come where they belong. The snapshot
    itself is made in a child process from the same scripts: V8 ends its process when it meets an object that it cannot
    write down (a WebAssembly module, an `Intl` formatter, a host function), and that must not be yours.

    Args:
        bootstrap: script that runs first.
        enable_console: whether `console` of these scripts prints.
        timeout: seconds that each script, and the making of the snapshot, may take.

    Example:
        >>> import jsrun
        >>> builder = jsrun.SnapshotBuilder()
        >>> builder.execute_script("lib.js", "globalThis.twice = (x) => x * 2")
        >>> with jsrun.Runtime(snapshot=builder.build()) as rt:
        ...     rt.eval("twice(21)")
        42
    """

    def __init__(
        self, *, bootstrap: str | None = None, enable_console: bool = False, timeout: float | None = 60.0
    ) -> None:
        self._steps: list[tuple[str, str, str]] = []
        self._timeout = timeout
        self._rehearsal: Runtime | None = Runtime(enable_console=enable_console)
        if bootstrap is not None:
            self.execute_script("<bootstrap>", bootstrap)

    def execute_script(self, name: str, source: str) -> None:
        """Run a script; what it puts on `globalThis` will be in the snapshot.

        Args:
            name: the script's name in stack traces.
            source: JavaScript; top-level ``await`` is allowed.

        Raises:
            TypeError: an argument is no `str`.
            JavaScriptError: the script threw.
            JavaScriptTimeout: it took too long.
            SnapshotError: the snapshot is made already.
        """
        script = _silent(_text("source", source))
        self._open().eval(script, timeout=self._timeout, filename=_text("name", name))
        self._steps.append(("script", name, source))

    def add_module(self, specifier: str, source: str) -> None:
        """Give every runtime of the snapshot a static module, as `Runtime.add_static_module` does.

        Raises:
            SnapshotError: the snapshot is made already.
        """
        self._open().add_static_module(specifier, source)
        self._steps.append(("module", specifier, source))

    def create_snapshot(self) -> bytes:
        """Make the snapshot, once; blocking.

        Returns:
            Bytes for `RuntimeConfig(snapshot=...)`, good for this version of jsrun on this kind of machine.

        Raises:
            SnapshotError: a timer is set, a promise pending, V8 cannot write down an object, or it is made already.
        """
        self._open().close()
        self._rehearsal = None
        return _make(self._steps, self._timeout)

    def build(self) -> bytes:
        """Make the snapshot; the same as `create_snapshot`."""
        return self.create_snapshot()

    def _open(self) -> Runtime:
        if self._rehearsal is None:
            raise SnapshotError("the snapshot is made already; use a new SnapshotBuilder")
        return self._rehearsal


def _silent(source: str) -> str:
    """Return the script without a value: what it evaluates to need not convert."""
    return f"{source}\n;undefined"


def _text(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, got {type(value).__name__}")
    return value


def _make(steps: list[tuple[str, str, str]], timeout: float | None) -> bytes:
    if not sys.executable:
        return record(steps, timeout)
    patience = None if timeout is None else timeout * (len(steps) + 1) + 30
    # The same search path, so that the child finds this very jsrun.
    request: dict[str, Any] = {"path": [entry for entry in sys.path if entry], "steps": steps, "timeout": timeout}
    start = "import sys, json; r = json.load(sys.stdin); sys.path[:] = r['path']; import runpy; sys._jsrun_request = r"
    try:
        # This very interpreter, with a program that stands here.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-c", f"{start}; runpy.run_module('{_WORKER}', run_name='__main__')"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SnapshotError(f"the snapshot was not made within {patience} s") from None
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip()
    lines = [line.strip("# ") for line in said.splitlines() if line.strip("# ")]
    for line in lines:
        if line.startswith(REFUSED):
            raise SnapshotError(json.loads(line.removeprefix(REFUSED)))
    first = lines[0] if lines else "nothing"
    raise SnapshotError(
        "V8 cannot write down an object that the scripts left behind (WebAssembly, Intl formatters and host functions "
        f"cannot be in a snapshot); it said: {first}"
    )


def record(steps: list[tuple[str, str, str]], timeout: float | None) -> bytes:
    """Run the steps in an isolate made for it, in this process, and return its snapshot."""
    runtime = Runtime(_recording=True)
    for kind, name, source in steps:
        if kind == "module":
            runtime.add_static_module(name, source)
        else:
            runtime.eval(_silent(source), timeout=timeout, filename=name)
    try:
        return runtime._native.snapshot(
            [(kind == "module", name, source if kind == "module" else _silent(source)) for kind, name, source in steps]
        )
    finally:
        runtime.close()
