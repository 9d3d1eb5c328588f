"""The playground over HTTP: runs and what they tell, visitors and their limits, and who is refused."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib import resources
from typing import Any

import httpx
import pytest
from modes import PY311, soon
from starlette.applications import Starlette
from starlette.routing import Mount

from jsrun import Runtime, RuntimeConfig
from jsrun.playground import Playground, PlaygroundLimits

# uvicorn takes uvloop where it is installed: tests/test_cli_playground.py runs on it.
pytestmark = pytest.mark.loops("asyncio")

HOME = "http://127.0.0.1:8765"
Event = dict[str, Any]


@dataclass
class Tab:
    """One visitor."""

    client: httpx.AsyncClient
    playground: Playground
    session: str | None = None
    isolate: str | None = None

    async def run(self, code: str) -> list[Event]:
        """What the page is told of a run, without the session's name."""
        body = {"code": code} if self.session is None else {"code": code, "session": self.session}
        answer = await self.client.post("/api/run", json=body)
        assert answer.status_code == 200, answer.text
        first, *events = (json.loads(line) for line in answer.text.splitlines())
        self.session, self.isolate = first["session"], first["isolate"]
        assert events[-1]["event"] == "end"
        return events

    async def value(self, code: str) -> Any:
        """The tree of a run's result."""
        events = {event["event"]: event for event in await self.run(code)}
        assert events["end"]["status"] == "ok", events
        return events["result"]["value"]

    async def failure(self, code: str) -> tuple[str, Any]:
        """How a run ended, and its error."""
        events = {event["event"]: event for event in await self.run(code)}
        return events["end"]["status"], events["error"]["error"]

    async def post(self, path: str) -> int:
        """The status of a request for this tab."""
        return (await self.client.post(path, json={"session": self.session})).status_code

    def another(self) -> Tab:
        return Tab(self.client, self.playground)


@asynccontextmanager
async def opened(limits: PlaygroundLimits | None = None, **options: Any) -> AsyncIterator[Tab]:
    """A tab of a new playground."""
    async with Playground(limits, **options) as playground:
        transport = httpx.ASGITransport(playground)
        async with httpx.AsyncClient(transport=transport, base_url=HOME, timeout=30) as client:
            yield Tab(client, playground)


# ---- runs ------------------------------------------------------------------------------------------------------


async def test_a_run_tells_console_result_and_figures_in_order() -> None:
    async with opened() as tab:
        log, result, end = await tab.run("console.log('hi', [1]); 6 * 7")
        assert log == {"event": "console", "level": "log", "text": "hi [ 1 ]"}
        assert result == {"event": "result", "value": {"kind": "number", "type": "int", "text": "42"}}
        assert end["status"] == "ok"
        assert end["heap"] > 0
        assert end["busy"] > 0
        assert end["milliseconds"] >= 0


async def test_a_tab_keeps_its_isolate_and_declares_again() -> None:
    async with opened() as tab:
        for count in (1, 2, 3):
            value = await tab.value("const step = 1; globalThis.count = (globalThis.count ?? 0) + step")
            assert value["text"] == str(count)
        assert tab.isolate == "kept"


async def test_two_tabs_share_nothing() -> None:
    async with opened() as tab:
        await tab.run("globalThis.secret = 1; Array.prototype.mine = 1")
        other = tab.another()
        assert (await other.value("[typeof secret, [].mine].join()"))["text"] == "undefined,"
        assert other.session != tab.session
        assert tab.playground.visitors() == 2


async def test_a_promise_is_awaited_wherever_it_comes_from() -> None:
    async with opened(PlaygroundLimits(timeout=0.3)) as tab:
        assert (await tab.value("await Promise.resolve(1)"))["text"] == "1"
        assert (await tab.value("(async () => 2)()"))["text"] == "2"
        status, error = await tab.failure("(async () => { throw new Error('later') })()")
        assert (status, error["message"]) == ("error", "later")
        status, error = await tab.failure("new Promise((resolve) => setTimeout(resolve, 60_000))")
        assert (status, error["message"]) == ("timeout", "the run did not end within 0.3 s")
        assert (await tab.failure("await new Promise(() => {})"))[1]["type"] == "DeadlockError"


VALUES = {
    "undefined": ("undefined", "JsUndefined", "undefined"),
    "null": ("null", "NoneType", "null"),
    "true": ("boolean", "bool", "true"),
    "-0": ("number", "float", "-0"),
    "NaN": ("number", "float", "NaN"),
    "-1/0": ("number", "float", "-Infinity"),
    "0.5": ("number", "float", "0.5"),
    "2n ** 64n": ("bigint", "int", "18446744073709551616"),
    "'\\ud800\\0'": ("string", "str", "\ud800\0"),
    "new Date(0)": ("date", "datetime", "1970-01-01T00:00:00.000Z"),
    "/a+/g": ("regexp", "JsRegExp", "/a+/g"),
    "(function f() {})": ("function", "JsFunction", "function f"),
    "[() => 1][0]": ("function", "JsFunction", "function"),
    "new WritableStream()": ("stream", "JsWritable", "writable stream"),
}


async def test_leaves_of_the_tree() -> None:
    async with opened() as tab:
        for code, expected in VALUES.items():
            node = await tab.value(code)
            assert (node["kind"], node["type"], node["text"]) == expected, code
            assert "entries" not in node


def plain(node: Any) -> Any:
    """A tree without what is for the eye."""
    if "entries" not in node:
        return node["text"]
    return [
        node["kind"],
        *([key if isinstance(key, str) else plain(key), plain(item)] for key, item in node["entries"]),
    ]


BRANCHES = {
    "({ a: [1], b: {} })": ["object", ["a", ["array", ["0", "1"]]], ["b", ["object"]]],
    "new Map([[1, 'x'], [null, 2]])": ["map", ["1", "x"], ["null", "2"]],
    "new Map([[{ k: 1 }, 'v']])": ["map", [["object", ["k", "1"]], "v"]],
    "new Set(['b', 'a'])": ["set", ["", "a"], ["", "b"]],
    "new Uint8Array([1, 255])": ["bytes", ["0", "1"], ["1", "255"]],
    "new Int16Array([-1])": ["typed array", ["0", "-1"]],
    "const loop = { n: 1 }; loop.self = loop; loop": ["object", ["n", "1"], ["self", "circular"]],
    "const both = {}; [both, both]": ["array", ["0", ["object"]], ["1", ["object"]]],
    "[Promise.resolve(1), (async function* () {})()]": ["array", ["0", "Promise"], ["1", "readable stream"]],
}


async def test_branches_of_the_tree() -> None:
    async with opened() as tab:
        for code, expected in BRANCHES.items():
            assert plain(await tab.value(code)) == expected, code
        error = await tab.value("new TypeError('bad', { cause: new AggregateError([new Error('in')], 'all') })")
        entries = dict(error["entries"])
        assert (error["kind"], error["text"]) == ("error", "TypeError: bad")
        cause = dict(entries["cause"]["entries"])
        assert plain(cause["errors"])[0] == "array"


async def test_trees_are_bounded() -> None:
    async with opened() as tab:
        wide = await tab.value("Array.from({ length: 5000 }, (_, i) => i)")
        assert (wide["size"], len(wide["entries"]), wide["more"]) == (5000, 200, 4800)
        many = await tab.value("Array.from({ length: 200 }, () => Array(200).fill(0))")
        assert json.dumps(many).count("text") <= 4001
        assert many["more"] + len(many["entries"]) == 200
        deep = await tab.value("let deep = 1; for (let i = 0; i < 60; i++) deep = [deep]; deep")
        assert json.dumps(deep).count("entries") == 21
        text = await tab.value("'x'.repeat(20_000)")
        assert text["text"].endswith("x… (10,000 more characters)")
        texts = await tab.value("Array(200).fill('x'.repeat(9000))")
        assert len(json.dumps(texts)) < 250_000
        assert texts["more"] > 150
        key = await tab.value("({ ['k'.repeat(20_000)]: 1 })")
        assert len(key["entries"][0][0]) < 10_100
        assert (await tab.value("10n ** 5000n"))["text"].startswith("0x")
        huge = await tab.value("new Uint8Array(1_000_000)")
        assert (huge["size"], len(huge["entries"])) == (1_000_000, 200)


ERRORS = {
    "null.x": ("TypeError", 1, 6),
    "let a = 1;\n  a.b.c": ("TypeError", 2, 7),
    "1;\n  foo bar": ("SyntaxError", 2, 7),
    "let b = {": ("SyntaxError", 1, 10),
    "// one\nf(": ("SyntaxError", 2, 3),
    "`open": ("SyntaxError", 1, 6),
    "/* open\n": ("SyntaxError", 1, 1),
    "[1].map(() => missing)": ("ReferenceError", 1, 15),
    "await Promise.reject(new RangeError('r'))": ("RangeError", 1, 22),
}


async def test_an_error_knows_its_place_in_the_editor() -> None:
    async with opened() as tab:
        for code, (name, line, column) in ERRORS.items():
            status, error = await tab.failure(code)
            found = (status, error["name"], error["position"])
            assert found == ("error", name, {"line": line, "column": column}), code


async def test_what_an_error_tells() -> None:
    async with opened() as tab:
        await tab.run("function earlier() { throw new Error('old', { cause: new TypeError('why') }) }")
        _, error = await tab.failure("\n\nearlier()")
        # The function is not in the editor any more; who called it is.
        assert error["position"] == {"line": 3, "column": 1}
        assert error["frames"] == ["earlier (run1.js:1:28)", "run2.js:3:1"]
        assert (error["cause"]["name"], error["cause"]["message"]) == ("TypeError", "why")
        _, thrown = await tab.failure("throw { code: 7 }")
        assert (thrown["name"], plain(thrown["value"])) == (None, ["object", ["code", "7"]])
        _, unfit = await tab.failure("Symbol('s')")
        assert (unfit["type"], unfit["position"]) == ("ConversionError", None)
        _, many = await tab.failure(
            "await Promise.any([Promise.reject(new Error('a')), Promise.reject(new Error('b'))])"
        )
        assert [one["message"] for one in many["errors"]] == ["a", "b"]


async def test_what_nobody_catches_is_told() -> None:
    async with opened() as tab:
        events = await tab.run("Promise.reject(new Error('lost')); setTimeout(() => { throw new Error('late') }); 1")
        rejections = [event["error"] for event in events if event["event"] == "rejection"]
        assert [error["message"] for error in rejections] == ["lost", "late"]
        assert rejections[0]["position"] == {"line": 1, "column": 16}
        assert events[-1]["status"] == "ok"


async def test_a_stream_is_followed() -> None:
    async with opened(PlaygroundLimits(stream_chunks=3)) as tab:
        events = await tab.run("async function* g() { yield 1; console.log('between'); yield { a: 2 } }; g()")
        assert [event["event"] for event in events if event["event"] != "console"] == [
            "stream",
            "chunk",
            "chunk",
            "end",
        ]
        assert [plain(event["value"]) for event in events if event["event"] == "chunk"] == ["1", ["object", ["a", "2"]]]
        events = await tab.run(
            "async function* all() { try { for (;;) yield 1 } finally { globalThis.ended = true } }; all()"
        )
        assert [event["event"] for event in events] == ["stream", "chunk", "chunk", "chunk", "cut", "end"]
        assert (await tab.value("ended"))["text"] == "true"
        status, error = await tab.failure(
            "new ReadableStream({ start(c) { c.enqueue(1); c.error(new Error('broke')) } })"
        )
        assert (status, error["message"]) == ("error", "broke")


async def test_a_stream_of_a_run_that_is_stopped_is_cancelled() -> None:
    source = "{ pull(c) { c.enqueue(1); return new Promise(() => {}) }, cancel() { globalThis.ended = true } }"
    async with opened(PlaygroundLimits(timeout=0.3)) as tab:
        status, _ = await tab.failure(f"setInterval(() => {{}}, 50); new ReadableStream({source})")
        assert status == "timeout"
        assert (await tab.value("ended"))["text"] == "true"
        # Its producer waits for ever, or never waits.
        assert (await tab.failure("(async function* () { yield 1; await new Promise(() => {}) })()"))[0] != "ok"
        assert (await tab.failure("(async function* () { yield 1; for (;;) {} })()"))[0] == "timeout"
        assert (await tab.value("'usable'"))["text"] == "usable"


async def test_timers_belong_to_the_run_that_set_them() -> None:
    async with opened(PlaygroundLimits(timeout=0.4)) as tab:
        events = await tab.run("setTimeout(() => console.log('late'), 50); 'early'")
        assert [event["event"] for event in events] == ["result", "console", "end"]
        events = await tab.run("setInterval(() => { globalThis.ticks = (globalThis.ticks ?? 0) + 1 }, 5); 0")
        assert events[-1]["status"] == "timeout"
        ticks = (await tab.value("ticks"))["text"]
        assert (await tab.value("await new Promise((done) => setTimeout(done, 60)); ticks"))["text"] == ticks


async def test_what_comes_between_runs_is_told_with_the_next() -> None:
    released = asyncio.Event()

    async def setup(runtime: Runtime) -> None:
        runtime.bind_function("released", released.wait)

    async with opened(setup=setup) as tab:
        assert [event["event"] for event in await tab.run("released().then(() => console.log('since')); 1")] == [
            "result",
            "end",
        ]
        released.set()
        await asyncio.sleep(0.05)
        assert (await tab.run("2"))[0] == {"event": "console", "level": "log", "text": "since"}


# ---- limits ----------------------------------------------------------------------------------------------------


async def test_an_endless_loop_is_stopped_and_the_state_stays() -> None:
    async with opened(PlaygroundLimits(timeout=0.2)) as tab:
        await tab.run("globalThis.kept = 7")
        for code in ("for (;;) {}", "setTimeout(() => { for (;;) {} }); 1", "(async () => { for (;;) await 0 })()"):
            status, error = await tab.failure(code)
            assert (status, error["type"]) == ("timeout", "JavaScriptTimeout"), code
        assert (await tab.value("kept"))["text"] == "7"


async def test_cancel_stops_a_run() -> None:
    async with opened(PlaygroundLimits(timeout=30)) as tab:
        await tab.run("0")
        endless = ["for (;;) {}", "await new Promise((done) => setTimeout(done, 1e6))", "setInterval(() => {}, 1); 0"]
        for code in [*endless, "(async function* () { for (;;) { yield 1; await 0 } })()"]:
            task = asyncio.create_task(tab.run(code))
            await asyncio.sleep(0.05)
            assert await tab.post("/api/cancel") == 204
            assert (await task)[-1]["status"] in {"cancelled", "ok"}, code
        assert (await tab.value("'usable'"))["text"] == "usable"
        # Nothing runs: nothing happens.
        assert await tab.post("/api/cancel") == 204


async def test_a_full_heap_stops_a_run_and_the_next_one_works() -> None:
    async with opened(PlaygroundLimits(max_heap_size=16 << 20, timeout=20)) as tab:
        await tab.run("globalThis.kept = 7")
        status, error = await tab.failure("globalThis.hoard = []; for (;;) hoard.push(new Array(1000).fill(0.5))")
        assert (status, error["type"]) == ("heap", "HeapLimitExceeded")
        # The memory may have come back; if it did not, the isolate is another one.
        kept = (await tab.value("typeof kept"))["text"]
        assert (tab.isolate, kept) in {("kept", "number"), ("replaced", "undefined")}
        assert tab.playground.visitors() == 1


async def test_the_console_of_a_run_is_bounded() -> None:
    async with opened(PlaygroundLimits(console_lines=5, timeout=0.5)) as tab:
        events = await tab.run("for (let i = 0; i < 20; i++) console.log(i)")
        assert [event["text"] for event in events if event["event"] == "console"] == list("01234")
        assert next(event for event in events if event["event"] == "dropped")["count"] == 15
        events = await tab.run("for (;;) console.log('x'.repeat(30_000))")
        assert len([event for event in events if event["event"] == "console"]) == 5
        assert len(json.dumps(events)) < 60_000
    async with opened() as tab:
        events = await tab.run("for (let i = 0; i < 200; i++) console.log('x'.repeat(9_000)); console.log('last')")
        assert len([event for event in events if event["event"] == "console"]) == 111
        assert next(event for event in events if event["event"] == "dropped")["count"] == 90
        assert (await tab.run("console.log('again'); 1"))[0]["text"] == "again"


async def test_places_are_bounded_and_given_back() -> None:
    async with opened(PlaygroundLimits(visitors=2)) as tab:
        other = tab.another()
        await tab.run("1")
        await other.run("1")
        answer = await tab.client.post("/api/run", json={"code": "1"})
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert answer.json()["error"].startswith("all 2 places are taken")
        assert await other.post("/api/leave") == 204
        assert await other.post("/api/leave") == 404
        assert await other.post("/api/cancel") == 404
        assert (await other.value("1"))["text"] == "1"
        assert other.isolate == "expired"


async def test_one_run_at_a_time() -> None:
    async with opened() as tab:
        await tab.run("0")
        first = asyncio.create_task(tab.run("await new Promise((done) => setTimeout(done, 1e6))"))
        await asyncio.sleep(0.05)
        answer = await tab.client.post("/api/run", json={"code": "1", "session": tab.session})
        assert answer.status_code == 409
        assert await tab.post("/api/leave") == 204
        assert (await first)[-1]["status"] == "cancelled"


async def test_who_is_idle_loses_the_isolate() -> None:
    async with opened(PlaygroundLimits(idle=0.1)) as tab:
        await tab.run("globalThis.kept = 1")
        await soon(lambda: tab.playground.visitors() == 0)
        assert (await tab.value("typeof kept"))["text"] == "undefined"
        assert tab.isolate == "expired"


async def test_who_keeps_an_isolate_busy_between_runs_loses_it() -> None:
    turns = """const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { for (let i = 0; i < 1e5; i++); port2.postMessage(0) };
    port2.onmessage = () => port1.postMessage(0);
    port1.postMessage(0); 1"""
    async with opened(PlaygroundLimits(idle=2.0)) as tab:
        calm, spins, chats = tab.another(), tab.another(), tab.another()
        # A timer of text is not counted.
        await spins.run("setTimeout('for (;;) {}', 20); 1")
        await chats.run(turns)

        async def only_calm_is_left() -> bool:
            await calm.run("globalThis.kept = (globalThis.kept ?? 0) + 1")
            return tab.playground.visitors() == 1

        async with asyncio.timeout(20) if PY311 else nullcontext():
            while not await only_calm_is_left():
                await asyncio.sleep(0.3)
        assert calm.isolate == "kept"
        await spins.run("1")
        assert spins.isolate == "expired"


def test_limits_are_checked() -> None:
    for name, wrong, kind in [
        ("timeout", 0, ValueError),
        ("timeout", float("inf"), ValueError),
        ("timeout", "1", TypeError),
        ("visitors", 0, ValueError),
        ("visitors", 1.5, TypeError),
        ("console_lines", True, TypeError),
        ("max_heap_size", 1, ValueError),
    ]:
        with pytest.raises(kind, match=name):
            PlaygroundLimits(**{name: wrong})
    with pytest.raises(TypeError, match="limits"):
        Playground(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="allowed_hosts"):
        Playground(allowed_hosts="play.example")


# ---- the application around it ---------------------------------------------------------------------------------


async def test_a_host_may_bind_functions_and_choose_options() -> None:
    async def setup(runtime: Runtime) -> None:
        runtime.bind_function("double", lambda number: number * 2)
        await runtime.eval_async("globalThis.prepared = true")

    config = RuntimeConfig(bootstrap="globalThis.early = true", allow_wasm=False)
    async with opened(setup=setup, config=config) as tab:
        assert (await tab.value("[double(21), prepared, early, typeof WebAssembly].join()"))["text"] == (
            "42,true,true,undefined"
        )


async def test_a_child_process_that_is_killed_costs_the_isolate() -> None:
    made: list[Runtime] = []

    async def setup(runtime: Runtime) -> None:
        made.append(runtime)

    async with opened(setup=setup, config=RuntimeConfig(isolation="process")) as tab:
        await tab.run("globalThis.kept = 1")
        endless = asyncio.create_task(tab.failure("for (;;) {}"))
        await asyncio.sleep(0.05)
        os.kill(made[0]._native.id, signal.SIGKILL)
        status, error = await endless
        assert (status, error["type"]) == ("error", "RuntimeCrashed")
        assert (await tab.value("typeof kept"))["text"] == "undefined"
        assert tab.isolate == "replaced"


async def test_an_error_of_a_host_function_is_told() -> None:
    async def setup(runtime: Runtime) -> None:
        runtime.bind_function("fails", lambda: 1 // 0)

    async with opened(setup=setup) as tab:
        status, error = await tab.failure("fails()")
        assert (status, error["name"], error["cause"]["type"]) == ("error", "ZeroDivisionError", "ZeroDivisionError")


async def test_a_setup_that_fails_leaves_nothing() -> None:
    async def setup(runtime: Runtime) -> None:
        await runtime.eval_async("throw new Error('not today')")

    async with opened(setup=setup) as tab:
        answer = await tab.client.post("/api/run", json={"code": "1"})
        assert answer.status_code == 503
        assert "not today" in answer.json()["error"]
        assert tab.playground.visitors() == 0


async def test_it_runs_mounted_and_must_be_entered() -> None:
    playground = Playground()
    application = Starlette(routes=[Mount("/play", playground)])
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
        with pytest.raises(RuntimeError, match="async with playground"):
            await client.get("/play/")
        async with playground:
            page = await client.get("/play", follow_redirects=True)
            assert "<title>jsrun playground</title>" in page.text
            assert (await client.get("/play/static/main.js")).status_code == 200
            assert '"text": "2"' in (await client.post("/play/api/run", json={"code": "1 + 1"})).text
            with pytest.raises(RuntimeError, match="already"):
                await playground.__aenter__()
        assert playground.visitors() == 0


# ---- requests --------------------------------------------------------------------------------------------------

REFUSED = {
    "not JSON": ({"content": b"{"}, 400),
    "not UTF-8": ({"content": b"\xff"}, 400),
    "too deep": ({"content": b"[" * 100_000}, 400),
    "no object": ({"json": [1]}, 422),
    "no code": ({"json": {}}, 422),
    "code is no text": ({"json": {"code": 1}}, 422),
    "session is no text": ({"json": {"code": "1", "session": 5}}, 422),
    "too large": ({"json": {"code": "x" * 300_000}}, 413),
    "a form": ({"data": {"code": "1"}}, 415),
    "plain text": ({"content": b'{"code": "1"}', "headers": {"content-type": "text/plain"}}, 415),
}


async def test_bad_requests() -> None:
    async with opened() as tab:
        for what, (options, status) in REFUSED.items():
            kind = {"headers": {"content-type": "application/json"}} if "content" in options else {}
            answer = await tab.client.post("/api/run", **{**kind, **options})
            assert (answer.status_code, list(answer.json())) == (status, ["error"]), what
        assert (await tab.client.get("/api/run")).status_code == 405
        assert (await tab.client.get("/nowhere")).status_code == 404
        assert (await tab.client.get("/static/..%2fpages.py")).status_code == 404
        assert tab.playground.visitors() == 0


HOSTS = {
    "127.0.0.1": True,
    "127.0.0.1:1": True,
    "LOCALHOST:8765": True,
    "[::1]:8765": True,
    "play.example": True,
    "play.example:80": True,
    "192.168.0.7": False,
    "evil.example": False,
    "localhost.evil.example": False,
    "127.0.0.1.evil.example": False,
    "127.0.0.1@evil.example": False,
    "127.0.0.1:evil": False,
    "127.0.0.1:99999": False,
    "127.0.0.1:0": False,
    "127.1": False,
    "[::1": False,
    ":8765": False,
    "": False,
}


async def test_foreign_hosts_are_refused() -> None:
    async with opened(allowed_hosts=["play.example"]) as tab:
        for host, allowed in HOSTS.items():
            answer = await tab.client.get("/", headers={"host": host})
            assert answer.status_code == (200 if allowed else 403), host
            if not allowed:
                assert "--allow-host" in answer.json()["error"]


async def test_foreign_origins_are_refused() -> None:
    async with opened() as tab:
        for origin, status in [
            ("http://127.0.0.1:8765", 200),
            ("https://127.0.0.1:8765", 200),
            ("http://127.0.0.1", 403),
            ("http://localhost:8765", 403),
            ("http://evil.example", 403),
            ("null", 403),
            ("", 403),
            ("127.0.0.1:8765", 403),
            ("file://127.0.0.1:8765", 403),
        ]:
            answer = await tab.client.post("/api/run", json={"code": "1"}, headers={"origin": origin})
            assert answer.status_code == status, origin


async def test_addresses_are_allowed_where_everyone_may_come() -> None:
    async with Playground() as playground:

        async def as_if_on_a_network(scope: Any, receive: Any, send: Any) -> None:
            await playground({**scope, "server": ("192.168.0.7", 80)}, receive, send)

        transport = httpx.ASGITransport(as_if_on_a_network)
        async with httpx.AsyncClient(transport=transport, base_url="http://192.168.0.7") as client:
            assert (await client.get("/")).status_code == 200
            assert (await client.get("/", headers={"host": "evil.example"})).status_code == 403


# ---- the page --------------------------------------------------------------------------------------------------


async def test_the_page_loads_its_own_files_and_no_others() -> None:
    folder = resources.files("jsrun") / "_playground/static"
    files = {item.name: item.read_text(encoding="utf-8") for item in folder.iterdir()}
    named = re.findall(r'(?:src|href)="([^"#]+)"', files["index.html"])
    named += [f"static/{name}" for text in files.values() for name in re.findall(r'from "\./([^"]+)"', text)]
    async with opened() as tab:
        page = await tab.client.get("/")
        assert page.text == files["index.html"]
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert {f"static/{name}" for name in files} - {"static/index.html"} == set(named)
        for name in named:
            answer = await tab.client.get(f"/{name}")
            assert answer.status_code == 200, name
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await tab.client.get("/static/main.js")).headers["content-type"].startswith("text/javascript")
    text = "".join(files.values()).replace("http://www.w3.org/2000/svg", "").replace("https://example.org", "")
    assert re.findall(r"(?:https?:)?//\w[\w.]*\.\w+/", text) == []


async def test_about_tells_versions_and_limits() -> None:
    async with opened(PlaygroundLimits(timeout=2.5)) as tab:
        about = (await tab.client.get("/api/about")).json()
        assert about["limits"]["timeout"] == 2.5
        assert re.match(r"\d+\.\d+", about["v8"])
