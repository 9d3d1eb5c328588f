"""Snapshots: what scripts leave behind is there from the start, and bad bytes are refused."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from modes import Js

import jsrun
from jsrun import JavaScriptError, JavaScriptTimeout, Runtime, RuntimeConfig, SnapshotBuilder, SnapshotError

MakeRuntime = Callable[..., Runtime]


def build(*scripts: str, **options: object) -> bytes:
    builder = SnapshotBuilder(**options)  # type: ignore[arg-type]
    for number, script in enumerate(scripts):
        builder.execute_script(f"script{number}.js", script)
    return builder.build()


LIBRARY = """
    globalThis.lib = {version: '1.0', twice: (x) => x * 2, later: async (x) => { await null; return x }};
    let counter = 0; const fixed = {deep: [1, {two: 2}]}; function next() { return ++counter }
    class Point { constructor(x) { this.x = x } get double() { return this.x * 2 } }
"""


@pytest.fixture(scope="module")
def library() -> bytes:
    return build(LIBRARY)


@pytest.fixture
def restored(runtimes: MakeRuntime, library: bytes) -> Runtime:
    return runtimes(snapshot=library)


# --- what is in it ----------------------------------------------------------------------------------------------


async def test_globals_functions_and_classes_are_there(runtimes: MakeRuntime, library: bytes, js: Js) -> None:
    rt = Js(runtimes(snapshot=library), js.mode)
    assert await rt.eval("[lib.version, lib.twice(21), next(), next(), fixed.deep[1].two, new Point(4).double]") == [
        "1.0",
        42,
        1,
        2,
        2,
        8,
    ]
    assert await rt.eval("lib.later(5)") == 5
    with pytest.raises(JavaScriptError, match="constant variable"):
        await rt.eval("fixed = 1")


def test_a_stack_names_the_script(runtimes: MakeRuntime) -> None:
    rt = runtimes(snapshot=build("function fail() { throw new RangeError('here') }"))
    with pytest.raises(JavaScriptError) as caught:
        rt.eval("fail()")
    assert caught.value.frames[0]["file_name"] == "script0.js"


def test_runtimes_of_one_snapshot_share_nothing(runtimes: MakeRuntime, library: bytes) -> None:
    one, two = runtimes(snapshot=library), runtimes(snapshot=library)
    assert one.eval("lib.version = 'changed'; next()") == 1
    assert two.eval("[lib.version, next()]") == ["1.0", 1]


def test_random_numbers_differ(runtimes: MakeRuntime, library: bytes) -> None:
    values = {runtimes(snapshot=library).eval("Math.random()") for _ in range(4)}
    assert len(values) == 4


def test_the_web_platform_stays(restored: Runtime) -> None:
    assert restored.eval("new URL('https://a.example/b?c=1').searchParams.get('c')") == "1"
    assert restored.eval("await new Promise((r) => setTimeout(() => r('timer'), 1))") == "timer"
    assert restored.eval("[typeof WebAssembly, typeof Temporal, typeof crypto.randomUUID()]") == [
        "object",
        "object",
        "string",
    ]


def test_web_objects_survive(runtimes: MakeRuntime) -> None:
    rt = runtimes(
        snapshot=build(
            """globalThis.kept = {url: new URL('https://a.example/?q=1'), bytes: new Uint8Array(1000).fill(3),
               when: new Date(5), map: new Map([[1, {a: 1}]]), pattern: /x/g, encoder: new TextEncoder(),
               target: new EventTarget(),
               abort: new AbortController()}; kept.target.addEventListener('e', () => { kept.heard = true })"""
        )
    )
    code = """kept.target.dispatchEvent(new Event('e')); kept.abort.abort();
              [kept.url.searchParams.get('q'), kept.bytes[999], kept.when.getTime(), kept.map.get(1).a,
               kept.pattern.test('x'), kept.encoder.encode('a')[0], kept.heard, kept.abort.signal.aborted]"""
    assert rt.eval(code) == ["1", 3, 5, 1, True, 97, True, True]


def test_nothing_internal_comes_back(restored: Runtime) -> None:
    names = restored.eval("Object.getOwnPropertyNames(globalThis)")
    assert not {"Deno", "__bootstrap", "bootstrap", "__infra", "__jsrun_setup__"} & set(names)


def test_bindings_modules_console_and_limits_work(
    runtimes: MakeRuntime, library: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    rt = runtimes(snapshot=library, enable_console=True, max_heap_size=64 << 20)
    rt.bind_function("host", lambda x: x + 1)
    assert rt.eval("host(lib.twice(2))") == 5
    rt.add_static_module("m", "export default lib.version")
    assert rt.eval_module("m").default == "1.0"
    rt.eval("console.log('from a snapshot')")
    assert capsys.readouterr().out == "from a snapshot\n"
    with pytest.raises(JavaScriptTimeout):
        rt.eval("for (;;);", timeout=0.2)
    with pytest.raises(jsrun.HeapLimitExceeded):
        rt.eval("const l = []; for (;;) l.push(new Array(1000).fill(l))")


def test_modules_of_the_snapshot(runtimes: MakeRuntime) -> None:
    builder = SnapshotBuilder()
    builder.add_module("lib/ä.js", "import {one} from './one.js'; export const two = one + 1")
    builder.add_module("lib/one.js", "export const one = 1")
    rt = runtimes(snapshot=builder.build())
    assert rt.eval_module("lib/ä.js").two == 2


def test_bootstrap_runs_before_the_scripts(runtimes: MakeRuntime) -> None:
    snapshot = build("globalThis.seen = first + 1", bootstrap="globalThis.first = 1")
    assert runtimes(snapshot=snapshot, bootstrap="globalThis.third = seen + 1").eval("[first, seen, third]") == [
        1,
        2,
        3,
    ]


def test_top_level_await(runtimes: MakeRuntime) -> None:
    snapshot = build("const value = await Promise.resolve(7); globalThis.awaited = value")
    assert runtimes(snapshot=snapshot).eval("awaited") == 7


def test_a_snapshot_of_nothing_is_a_snapshot(runtimes: MakeRuntime) -> None:
    assert runtimes(snapshot=SnapshotBuilder().create_snapshot()).eval("1 + 1") == 2


# --- making one ---------------------------------------------------------------------------------------------------


def test_errors_come_where_the_script_runs() -> None:
    builder = SnapshotBuilder(timeout=0.5)
    with pytest.raises(JavaScriptError, match="boom"):
        builder.execute_script("a.js", "throw new Error('boom')")
    with pytest.raises(JavaScriptError, match="a.js"):
        builder.execute_script("a.js", "let = ;")
    with pytest.raises(JavaScriptTimeout):
        builder.execute_script("a.js", "for (;;);")
    builder.execute_script("a.js", "globalThis.fine = 1")
    with Runtime(snapshot=builder.build()) as rt:
        assert rt.eval("fine") == 1


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("setTimeout(() => {}, 1e6)", "1 timer"),
        ("setInterval(() => {}, 1e6); setTimeout(() => {}, 1e6)", "2 timer"),
        ("globalThis.format = new Intl.NumberFormat()", "cannot write down"),
        ("globalThis.registry = new FinalizationRegistry(() => {}); registry.register({}, 1)", "cannot write down"),
    ],
)
def test_what_cannot_be_written_down_is_refused(script: str, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        build(script)


def test_a_builder_builds_once() -> None:
    builder = SnapshotBuilder()
    builder.build()
    for again in (builder.build, builder.create_snapshot, lambda: builder.execute_script("a", "1")):
        with pytest.raises(SnapshotError, match="already"):
            again()


def test_bad_arguments() -> None:
    builder = SnapshotBuilder()
    with pytest.raises(TypeError, match="name must be a str"):
        builder.execute_script(1, "1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="source must be a str"):
        builder.execute_script("a.js", 7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="source must be a str"):
        SnapshotBuilder(bootstrap=7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        builder.add_module("m", 1)  # type: ignore[arg-type]
    builder.build()
    with pytest.raises(TypeError, match="snapshot must be bytes"):
        RuntimeConfig(snapshot="text")  # type: ignore[arg-type]


def test_console_of_the_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    build("console.log('silent')")
    build("console.log('heard')", enable_console=True)
    assert capsys.readouterr().out == "heard\n"


# --- bad bytes ----------------------------------------------------------------------------------------------------


def test_damaged_bytes_are_refused(library: bytes) -> None:
    source = random.Random(1)
    for _ in range(60):
        damaged = bytearray(library)
        damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
        with pytest.raises(SnapshotError):
            Runtime(snapshot=bytes(damaged))
    for length in (0, 1, 8, 71, 72, 80, len(library) // 2, len(library) - 1):
        with pytest.raises(SnapshotError):
            Runtime(snapshot=library[:length])
    for foreign in (b"\x00" * 1000, library + b"x", b"jsrun\0s1" + source.randbytes(4096), sys.version.encode()):
        with pytest.raises(SnapshotError):
            Runtime(snapshot=foreign)


def test_several_snapshots_live_side_by_side(library: bytes) -> None:
    other = build("globalThis.other = {name: 'other'}; function hello() { return `hello ${other.name}` }")
    with Runtime() as plain, Runtime(snapshot=library) as one, Runtime(snapshot=other) as two, Runtime() as bare:
        assert one.eval("[lib.twice(21), next(), fixed.deep[1].two, new Point(4).double, typeof other]") == [
            42,
            1,
            2,
            8,
            "undefined",
        ]
        assert two.eval("[hello(), typeof lib]") == ["hello other", "undefined"]
        assert plain.eval("[typeof lib, typeof other]") == bare.eval("[typeof lib, typeof other]")
    with Runtime(snapshot=other) as two, Runtime() as plain, Runtime(snapshot=library) as one:
        assert (two.eval("hello()"), one.eval("lib.twice(2)")) == ("hello other", 4)
        assert plain.eval("new URL('https://a.example/x').pathname") == "/x"


@pytest.mark.parametrize("alone", [True, False])
def test_scripts_that_wait_have_ended(alone: bool) -> None:
    """Beside other runtimes they run again: timers and all, one after the other."""
    snapshot = build(
        "globalThis.later = x => new Promise(done => setTimeout(done, 20, x))",
        "clearTimeout(setTimeout(() => {}, 1e6)); globalThis.two = await later(2)",
        "globalThis.three = two + 1",
    )
    with ExitStack() as others:
        if not alone:
            others.enter_context(Runtime())
        with Runtime(snapshot=snapshot) as rt:
            assert rt.eval("[two, three]") == [2, 3]
            assert rt.get_stats().timers == 0
            assert rt.eval("later(4)") == 4


async def test_a_refusal_is_awaited_too(library: bytes) -> None:
    with pytest.raises(SnapshotError):
        await Runtime.create(snapshot=library[:-1])
    async with Runtime.create(snapshot=library) as rt:
        assert await rt.eval_async("lib.twice(2)") == 4


def test_many_runtimes_from_one_snapshot(library: bytes) -> None:
    for _ in range(30):
        with Runtime(snapshot=library) as rt:
            assert rt.eval("next()") == 1
