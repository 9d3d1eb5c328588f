"""pytest plugin: the fixture `js_runtime`, a runtime per test that fails the test for what it leaves behind.

Installing jsrun registers it. `docs/guides/testing-with-pytest.md` shows its use.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from ._config import RuntimeConfig
from ._runtime import Runtime
from .errors import JavaScriptError, RuntimeTerminated

_MARKER = (
    "js_runtime(*, allow_leaks=False, allow_rejections=False, **options): options of `js_runtime`: fields of "
    "jsrun.RuntimeConfig, and which checks at the end of the test to leave out."
)
_SETTLING_SECONDS = 10.0


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", _MARKER)


@dataclasses.dataclass
class _Wishes:
    """What the markers of a test ask for."""

    options: dict[str, Any]
    allow_leaks: bool
    allow_rejections: bool


def _wishes(request: pytest.FixtureRequest) -> _Wishes:
    options: dict[str, Any] = {"enable_console": True}
    # The closest marker has the last word.
    for marker in reversed(list(request.node.iter_markers("js_runtime"))):
        if marker.args:
            raise pytest.UsageError(f"the marker js_runtime takes named options, got {marker.args!r}")
        options |= marker.kwargs
    leaks, rejections = options.pop("allow_leaks", False), options.pop("allow_rejections", False)
    known = {field.name for field in dataclasses.fields(RuntimeConfig)}
    if unknown := sorted(options.keys() - known):
        raise pytest.UsageError(f"the marker js_runtime has no option {', '.join(unknown)}")
    return _Wishes(options, leaks, rejections)


@pytest.fixture
def js_runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """Give the test a fresh `jsrun.Runtime`, and fail it for what is left at its end.

    It fails when `JsFunction` or `JsPromise` objects that came out of the runtime are still alive, and when a promise
    was rejected, or an exception thrown in a timer, that nothing handled. Console output goes to the captured output.
    Options come from the marker: ``@pytest.mark.js_runtime(timeout=1)``.
    """
    wishes = _wishes(request)
    stray: list[JavaScriptError] = []
    wishes.options.setdefault("on_unhandled_rejection", stray.append)
    failed_before = request.session.testsfailed
    with Runtime(**wishes.options) as runtime:
        yield runtime
        left = _handles(runtime)
    if stray and not wishes.allow_rejections:
        listed = "\n".join(_told(error) for error in stray)
        pytest.fail(f"nothing handled these JavaScript errors:\n{listed}", pytrace=False)
    # The traceback of a test that failed keeps its variables.
    if left and not wishes.allow_leaks and request.session.testsfailed == failed_before:
        things = "object is" if left == 1 else "objects are"
        pytest.fail(
            f"{left} JavaScript {things} still held from Python at the end of the test (JsFunction, JsPromise): "
            "let go of them, or close() the functions",
            pytrace=False,
        )


def _handles(runtime: Runtime) -> int:
    """Return how many JavaScript objects Python holds, once all that was let go of is gone."""
    gc.collect()
    if runtime.is_closed():
        return 0
    try:
        # What was let go of goes first; and what has been rejected by now is reported.
        runtime.eval("undefined", timeout=_SETTLING_SECONDS)
    except RuntimeTerminated:
        return 0
    return runtime.get_stats().handles


def _told(error: JavaScriptError) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", ())])
