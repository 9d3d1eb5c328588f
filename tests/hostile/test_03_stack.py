"""Hostile inputs 27 to 32: JavaScript, and values, that go too deep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jsrun import ConversionError, JavaScriptError, Runtime

Run = Callable[..., Any]


@pytest.fixture(params=[256 << 10, None, 64 << 20], ids=["small", "usual", "large"])
def sized(request: pytest.FixtureRequest, runtimes: Callable[..., Runtime]) -> Runtime:
    """The smallest, the usual, and the largest stack."""
    return runtimes(max_stack=request.param)


@pytest.mark.parametrize(
    "code",
    ["function f() { f() } f()", "const o = { get x() { return this.x } }; o.x", "(function f(...a) { f(...a, 1) })()"],
)
def test_27_recursion(run: Run, sized: Runtime, code: str) -> None:
    with pytest.raises(JavaScriptError, match="RangeError"):
        run(sized, code, timeout=50)


@pytest.mark.parametrize(("max_stack", "said"), [(256 << 10, "call stack size"), (None, "deep"), (64 << 20, "deep")])
def test_28_recursion_through_the_host(runtimes: Callable[..., Runtime], max_stack: int | None, said: str) -> None:
    rt = runtimes(max_stack=max_stack)
    rt.bind_function("host", lambda: rt.eval("host()"))
    with pytest.raises(JavaScriptError) as caught:
        rt.eval("host()", timeout=50)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "code",
    [
        "JSON.parse('['.repeat(1e6))",
        "new RegExp('('.repeat(1e5) + ')'.repeat(1e5))",
        "eval('`${'.repeat(1e5))",
        "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x",
        "let f = () => 1; for (let i = 0; i < 1e6; i++) f = f.bind(null); f()",
        "const o = { toString() { return '' + this } }; '' + o",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; a.flat(Infinity)",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; JSON.stringify(a)",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; structuredClone(a)",
        "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; '' + a",
    ],
)
def test_29_builtins_that_recurse(run: Run, rt: Runtime, code: str) -> None:
    with pytest.raises(JavaScriptError, match="RangeError|SyntaxError|DataCloneError"):
        run(rt, f"{{ {code}; throw new RangeError('not deep enough') }}", timeout=50)


@pytest.mark.parametrize("grow", ["[v]", "{ v }", "new Map([[0, v]])", "new Set([v])"])
def test_30_deep_results(run: Run, sized: Runtime, grow: str) -> None:
    with pytest.raises(ConversionError, match="max_serialization_depth"):
        run(sized, f"let v = 1; for (let i = 0; i < 1e5; i++) v = {grow}; [v]", timeout=50)


@pytest.mark.parametrize("grow", [lambda value: [value], lambda value: {"v": value}, lambda value: (value,)])
def test_30_deep_arguments(sized: Runtime, grow: Callable[[Any], Any]) -> None:
    value: Any = 1
    for _ in range(50_000):
        value = grow(value)
    with pytest.raises(ConversionError, match="max_serialization_depth"):
        sized.eval("x => x")(value)
    while isinstance(value, (list, tuple, dict)):  # or Python recurses to free it
        value = value["v"] if isinstance(value, dict) else value[0]


@pytest.mark.parametrize(
    "entry",
    [
        "host({ a: [1] })",
        "fails()",
        "new Error('x').stack",
        # Rejected, and with the stack full there is no room to catch that.
        pytest.param("import('x')", marks=pytest.mark.filterwarnings("ignore::jsrun.UnhandledRejectionWarning")),
        "console.log({})",
        "new URL('a:b')",
        "structuredClone([1])",
        "crypto.randomUUID()",
    ],
)
def test_31_entries_with_a_full_stack(sized: Runtime, entry: str) -> None:
    def fails() -> None:
        raise ValueError("x")

    sized.bind_function("host", lambda value: value)
    sized.bind_function("fails", fails)
    dive = f"let n = 0; function dive() {{ try {{ dive() }} catch {{ }} if (n++ < 200) try {{ {entry} }} catch {{ }} }} dive(); n > 200"
    assert sized.eval(f"{{ {dive} }}", timeout=50) is True


def test_32_python_recursion(run: Run, sized: Runtime) -> None:
    def endless() -> None:
        endless()

    sized.bind_function("endless", endless)
    assert run(sized, "try { endless() } catch (e) { e.name }") == "RecursionError"
    with pytest.raises(JavaScriptError, match="RecursionError") as caught:
        run(sized, "endless()")
    assert isinstance(caught.value.__cause__, RecursionError)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_27_the_stack_is_as_large_as_was_said(isolation: str) -> None:
    """Also where isolates are made ahead: those of another size are not taken."""
    depths = []
    for size in (256 << 10, None, 16 << 20) * 2:
        with Runtime(max_stack=size, isolation=isolation) as rt:  # type: ignore[arg-type]
            depths.append(rt.eval("let n = 0; try { (function deeper() { n++; deeper() })() } catch {} n"))
    small, usual, large = ((depths[at] + depths[at + 3]) / 2 for at in range(3))
    assert 2 < usual / small < 8 and 8 < large / usual < 32, depths
