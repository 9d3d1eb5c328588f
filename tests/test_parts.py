"""The platform's parts, loaded when they are first used: nobody can tell that they were not there before."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cdp import Client
from test_isolation import INTERNAL, REVIEWED, WALK

from jsrun import (
    FetchRequest,
    FetchResponse,
    InspectorConfig,
    JavaScriptError,
    JavaScriptTimeout,
    Runtime,
    RuntimeConfig,
    SnapshotBuilder,
    SnapshotError,
)

MakeRuntime = Callable[..., Runtime]
POLLUTED = (Path(__file__).parent / "js" / "polluted.js").read_text()
SCRIPTS = Path(__file__).parents[1] / "rust" / "core" / "src" / "web"
# One global of each part.
PARTS = [
    "AbortController",
    "Blob",
    "CompressionStream",
    "FileReader",
    "FormData",
    "MessageChannel",
    "ReadableStream",
    "TextEncoder",
    "URL",
    "URLPattern",
    "atob",
    "console",
    "crypto",
    "performance",
    "structuredClone",
]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_looks_like_any_property(rt: Runtime, name: str) -> None:
    keys = rt.eval("Object.keys(globalThis)")
    first, second, same, enumerable = rt.eval(f"""
        const look = () => Object.getOwnPropertyDescriptor(globalThis, "{name}");
        const first = look(), second = look();
        const flags = ({{ writable, enumerable, configurable }}) => [writable, enumerable, configurable].join();
        [flags(first), flags(second), first.value === second.value && first.value === {name}, first.enumerable]
    """)
    assert first == second == f"true,{str(enumerable).lower()},true"
    assert same is True
    assert enumerable is (name in keys)
    assert rt.eval("Object.keys(globalThis)") == keys


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize(
    "change",
    [
        "globalThis.NAME = 5; NAME",
        "NAME = 5",
        "var NAME = 5; globalThis.NAME",
        "let NAME = 5; NAME",
        "function NAME() {} globalThis.NAME = 5",
        "Object.defineProperty(globalThis, 'NAME', { value: 5 }); NAME",
        "Object.defineProperty(globalThis, 'NAME', { get: () => 5 }); NAME",
        "delete globalThis.NAME; typeof NAME === 'undefined' && !('NAME' in globalThis) ? 5 : 0",
        "Object.assign(Object.create(globalThis), { NAME: 5 }).NAME",
    ],
)
def test_a_part_can_be_replaced_before_it_is_used(rt: Runtime, name: str, change: str) -> None:
    assert rt.eval(change.replace("NAME", name)) == 5


def test_a_function_declaration_takes_the_place_of_a_part(rt: Runtime) -> None:
    assert rt.eval("function URL() { return 7 } URL()") == 7
    assert rt.eval("globalThis.URL()") == 7


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("how", ["seal", "freeze", "preventExtensions"])
def test_a_frozen_global_object_still_has_its_parts(rt: Runtime, name: str, how: str) -> None:
    assert rt.eval(f"Object.{how}(globalThis); typeof {name}") in ("function", "object")
    assert rt.eval(f"globalThis.{name} === {name}") is True
    look = f"Object.getOwnPropertyDescriptor(globalThis, '{name}').configurable"
    assert rt.eval(look) is (how == "preventExtensions")
    rt.eval(f"globalThis.{name} = 5")
    assert (rt.eval(f"typeof {name}") == "number") is (how != "freeze")


# What a setter may do to the property that is being read.
MEDDLING = [
    "",
    "delete globalThis.URL",
    "globalThis.URL = 7",
    "globalThis.URL",
    "new URL('a:b')",
    "Object.defineProperty(globalThis, 'URL', { value: 7, configurable: true })",
    "Object.defineProperty(globalThis, 'URL', { value: 7, configurable: false })",
    "Object.defineProperty(globalThis, 'URL', { get() {}, configurable: false })",
    "Object.freeze(globalThis)",
    "Object.preventExtensions(globalThis)",
    "throw new Error('no')",
]
MEDDLE = """
import jsrun
with jsrun.Runtime() as rt:
    rt.eval('''
        let depth = 0;
        for (const name of %r) {
            Object.defineProperty(Object.prototype, name, { __proto__: null, configurable: true, get() {}, set(value) {
                if (depth++ < 20) { %s }
            } });
        }
    ''')
    for name in ("URL", "ReadableStream", "Blob", "URLSearchParams", "console"):
        try:
            rt.eval(f"typeof {name}; typeof globalThis.{name}", timeout=20)
        except (jsrun.JsrunError, jsrun.JavaScriptError) as error:
            print(type(error).__name__)
    assert rt.eval("1 + 1") == 2
print("alive")
"""


@pytest.mark.parametrize("act", MEDDLING)
def test_code_that_runs_while_a_part_is_loaded_cannot_end_the_process(act: str) -> None:
    names = sorted(set(re.findall(r"\b[a-zA-Z]\w{2,}\b", "".join(path.read_text() for path in SCRIPTS.glob("*.js")))))
    names = [name for name in names if name not in ("value", "writable", "enumerable", "configurable", "get", "set")]
    script = MEDDLE % (names, act)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.endswith("alive\n"), done.stderr


def test_parts_hand_nothing_internal_to_a_changed_prototype(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_serialization_bytes=1 << 28, on_unhandled_rejection=lambda _: None)
    own = "".join(path.read_text() for path in SCRIPTS.glob("*.js"))
    # The classes' own text, of another runtime: here nothing is to be loaded yet.
    theirs = runtimes(max_serialization_bytes=1 << 28).eval(
        "Reflect.ownKeys(globalThis).map((key) => globalThis[key]).filter((it) => typeof it === 'function').join()"
    )
    names = sorted(set(re.findall(r"\b[a-zA-Z_]\w+\b", own + theirs)) | {"a", "S", "V"})
    found = rt.eval(f"({POLLUTED})({names!r})")
    assert found["added"] > 1000
    assert found["failed"] == []
    walked = rt.eval(WALK, filename="reachable.js")
    assert [path for name, path in walked["found"] if INTERNAL.search(name) and name not in REVIEWED] == []


def test_a_part_that_was_stopped_on_the_way_loads_again(rt: Runtime) -> None:
    rt.eval("""
        let stops = true;
        for (const name of ["Blob", "File", "type", "key", "converters", "Console", "inspectArgs", "SafeSet", "hour"]) {
            Object.defineProperty(Object.prototype, name, {
                configurable: true, get() {}, set(value) {
                    while (stops);
                    Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
                },
            });
        }
    """)
    for name in ("Blob", "File", "URL", "console"):
        try:
            rt.eval(f"typeof {name}", timeout=0.2)
        except JavaScriptTimeout:
            pass
    rt.eval("stops = false")
    assert rt.eval("structuredClone(new File(['abc'], 'f')) instanceof File") is True
    assert rt.eval("await new Blob(['abc']).text()") == "abc"
    assert rt.eval("new URL('https://a/b').host") == "a"


def test_a_part_loads_after_the_stack_was_full(rt: Runtime) -> None:
    seen = rt.eval("""
        const seen = { loaded: 0, refused: 0 };
        const deeper = () => {
            try { deeper(); } catch { /* the stack is full */ }
            try {
                new ReadableStream();
                seen.loaded++;
            } catch (error) {
                seen.refused += error instanceof RangeError ? 1 : 1000000;
            }
        };
        deeper();
        seen
    """)
    assert 0 < seen["refused"] < 1000000
    assert seen["loaded"] > 0
    assert rt.eval("new ReadableStream() instanceof ReadableStream") is True


async def test_what_user_code_does_to_a_class_is_not_what_streams_call(runtimes: MakeRuntime) -> None:
    rt = runtimes()
    rt.eval("""
        const theirs = () => { throw new Error("theirs"); };
        for (const method of ["getReader", "cancel"]) ReadableStream.prototype[method] = theirs;
        for (const method of ["read", "cancel"]) ReadableStreamDefaultReader.prototype[method] = theirs;
        TextEncoder.prototype.encode = TextDecoder.prototype.decode = theirs;
        Object.defineProperty(Blob.prototype, "size", { get: theirs });
        0
    """)
    stream = rt.eval("new ReadableStream({ start(to) { to.enqueue(1); to.enqueue(2); to.close(); } })")
    assert [chunk async for chunk in stream] == [1, 2]
    wrapped = rt.eval("""
        const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["wrapKey", "unwrapKey"]);
        const way = { name: "AES-GCM", iv: new Uint8Array(12) };
        const inside = await crypto.subtle.wrapKey("jwk", key, key, way);
        (await crypto.subtle.unwrapKey("jwk", inside, key, way, "AES-GCM", true, ["wrapKey"])).type
    """)
    assert wrapped == "secret"


def test_parts_in_a_snapshot() -> None:
    builder = SnapshotBuilder()
    used = "globalThis.made = new URL('https://a/b'); performance.now(); new ReadableStream(); console.log(1)"
    builder.execute_script("warm.js", used)
    snapshot = builder.build()
    with Runtime(RuntimeConfig(snapshot=snapshot)) as one, Runtime(RuntimeConfig(snapshot=snapshot)) as other:
        for rt in (one, other):
            assert rt.eval("made instanceof URL && made.host") == "a"
            assert rt.eval("new Blob(['x']).size") == 1
            assert rt.eval("new ReadableStream() instanceof ReadableStream") is True
        assert one.eval("performance.timeOrigin") != other.eval("performance.timeOrigin")


def test_an_error_while_a_part_is_loaded_reaches_who_reads_it(rt: Runtime) -> None:
    # Scripts look for a default value among the options of their own literals, which inherit.
    getter = "{ configurable: true, get() { throw new TypeError('mine') } }"
    rt.eval(f"Object.defineProperty(Object.prototype, 'defaultValue', {getter}); 0")
    with pytest.raises(JavaScriptError, match="mine"):
        rt.eval("typeof ReadableStream")
    rt.eval("delete Object.prototype.defaultValue")
    assert rt.eval("new ReadableStream() instanceof ReadableStream") is True


# What the host lends must not pass through a changed prototype: who loads parts is given everything.
REACH = """
const met = [];
const lent = ["print", "part", "report", "random", "crypto", "fetch", "inspected", "timers", "push", "end", "fail"];
for (const name of lent) {
    Object.defineProperty(Object.prototype, name, {
        configurable: true, get() { met.push(this, name); }, set(value) { met.push(this, value); },
    });
}
globalThis.metNames = () => met.flatMap((it) => (Object(it) === it ? Reflect.ownKeys(it).map(String) : []));
"""
USE = """
console.log(1); console.error(2); crypto.randomUUID(); new ReadableStream(); setTimeout(() => {}, 1);
for (const name of Reflect.ownKeys(globalThis)) globalThis[name];
metNames().filter((name) => ["print", "part", "report", "random", "push", "core", "primordials"].includes(name))
"""


@pytest.mark.parametrize("console", [True, False])
def test_what_the_host_lends_is_out_of_reach(runtimes: MakeRuntime, console: bool) -> None:
    rt = runtimes(on_console=(lambda _: None) if console else None)
    rt.eval(REACH)
    assert rt.eval(f"{{ {USE} }}") == []


def test_what_the_host_lends_is_out_of_reach_of_a_snapshot() -> None:
    builder = SnapshotBuilder()
    builder.execute_script("reach.js", REACH)
    with Runtime(RuntimeConfig(snapshot=builder.build(), on_console=lambda _: None)) as rt:
        assert rt.eval(f"{{ {USE} }}") == []
        assert rt.eval("typeof fetch") == "undefined"


def test_what_a_snapshot_declares_stays_where_fetch_is_given() -> None:
    async def answer(_: FetchRequest) -> FetchResponse:
        return FetchResponse(status=204)

    builder = SnapshotBuilder()
    builder.execute_script("polyfill.js", "var Headers = 6; function fetch() { return 7 }")
    with Runtime(RuntimeConfig(snapshot=builder.build(), fetch=answer)) as rt:
        assert rt.eval("[Headers, fetch(), typeof Response]") == [6, 7, "function"]


def test_a_part_that_is_read_while_it_is_loaded_is_one(rt: Runtime) -> None:
    rt.eval("""
        let inner, depth = 0;
        Object.defineProperty(Object.prototype, "required", { configurable: true, get() {
            if (depth++ === 0) inner = ReadableStream;
        } });
        0
    """)
    assert rt.eval("const outer = ReadableStream; delete Object.prototype.required; inner === outer") is True
    assert rt.eval("new ReadableStream() instanceof inner") is True


@pytest.mark.parametrize("how", ["freeze", "seal", "preventExtensions"])
def test_a_snapshot_whose_global_object_is_not_extensible_is_refused(how: str) -> None:
    builder = SnapshotBuilder()
    builder.execute_script("closed.js", f"Object.{how}(globalThis)")
    with pytest.raises(SnapshotError, match="not extensible"):
        builder.build()


def test_a_debugger_looks_at_parts_without_side_effects() -> None:
    builder = SnapshotBuilder()
    builder.execute_script("own.js", "globalThis.Blob = 5; Object.defineProperty(globalThis, 'File', { get: () => 6 })")
    config = RuntimeConfig(inspector=InspectorConfig(port=0), snapshot=builder.build())
    with Runtime(config) as rt, Client(rt) as client:
        assert rt.eval("[Blob, File]") == [5, 6]
        seen = client.call("Runtime.evaluate", expression="typeof URL + typeof atob", throwOnSideEffect=True)
        assert seen["result"]["value"] == "functionfunction"
