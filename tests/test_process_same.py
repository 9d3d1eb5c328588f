"""What a child does as a thread does: fetch, files, inspector, deadlocks, states, the pool; and its sudden end."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from modes import outcome, soon

import jsrun
from jsrun import (
    ConsoleMessage,
    DeadlockError,
    FetchRequest,
    FetchResponse,
    HeapLimitExceeded,
    InspectorConfig,
    InspectorError,
    Runtime,
    RuntimeConfig,
    RuntimeCrashed,
    RuntimePool,
)


@pytest.fixture
def rt() -> Iterator[Runtime]:
    """A runtime in a child process, in place of the one in a thread."""
    with Runtime(isolation="process") as found:
        yield found


def kill(rt: Runtime) -> None:
    os.kill(rt._native.id, signal.SIGKILL)


# --- fetch, files, the inspector --------------------------------------------------------------------------------


async def test_the_handler_of_fetch_runs_here() -> None:
    seen: list[FetchRequest] = []
    ended: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d " % number

    async def handler(request: FetchRequest) -> FetchResponse:
        seen.append(request)
        if request.url.endswith("slow"):
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("slow")
        return FetchResponse(pieces(), status=201, headers={"x": str(os.getpid())})

    async with Runtime.create(isolation="process", fetch=handler) as rt:
        code = """const r = await fetch('https://a.test/b', { method: 'POST', body: 'text' });
            [r.status, r.headers.get('x'), await r.text()]"""
        assert await rt.eval_async(code) == [201, str(os.getpid()), "0 1 2 "]
        assert (seen[0].method, seen[0].url, seen[0].body) == ("POST", "https://a.test/b", b"text")
        code = "try { await fetch('https://a.test/slow', { signal: AbortSignal.timeout(20) }) } catch (e) { e.name }"
        assert await rt.eval_async(code) == "TimeoutError"
        await soon(lambda: ended)


def test_a_folder_and_its_packages(rt: Runtime, tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "p"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"exports": {"special": "./special.js", "default": "./default.js"}}')
    (package / "special.js").write_text("module.exports = process.env.NODE_ENV")
    (tmp_path / "main.mjs").write_text("import p from 'p'; export default p")
    rt.set_module_loader(jsrun.modules.FileSystemLoader(tmp_path, conditions=["special"], node_env="test"))
    assert rt.eval_module("./main.mjs").default == "test"
    with pytest.raises(jsrun.ModuleError, match="no such file"):
        rt.eval_module("./gone.mjs")


def test_a_debugger_reaches_the_child() -> None:
    with Runtime(isolation="process", inspector=InspectorConfig(port=0, display_name="child")) as rt:
        endpoints = rt.inspector_endpoints()
        assert endpoints is not None and endpoints.title == "child"
        with urllib.request.urlopen(f"http://{endpoints.host}/json", timeout=20) as answer:
            assert json.load(answer)[0]["webSocketDebuggerUrl"] == endpoints.websocket_url


def test_profiles_are_refused_in_words(rt: Runtime) -> None:
    with pytest.raises(InspectorError, match="isolation='thread'"), rt.cpu_profile():
        pass


# --- deadlocks and states ---------------------------------------------------------------------------------------


@pytest.mark.blocks_loop
@pytest.mark.loops("asyncio")
async def test_a_plain_function_of_an_awaited_operation_runs_while_its_loop_is_blocked(rt: Runtime) -> None:
    rt.bind_function("plain", lambda: 5)
    waiting = asyncio.ensure_future(rt.eval_async("new Promise(r => setTimeout(() => r(plain()), 50))"))
    await asyncio.sleep(0)
    assert rt.eval("new Promise(r => setTimeout(r, 150, 'timer'))", timeout=20) == "timer"
    assert await waiting == 5


@pytest.mark.blocks_loop
@pytest.mark.loops("asyncio")
async def test_a_call_that_needs_the_loop_it_blocks(rt: Runtime) -> None:
    async def later() -> str:
        await asyncio.sleep(0.01)
        return "slept"

    rt.bind_function("later", later)
    await rt.eval_async("globalThis.waiting = later(); 0")
    with pytest.raises(DeadlockError, match="eval_async"):
        rt.eval("waiting", timeout=30)
    assert await rt.eval_async("waiting") == "slept"


def test_states_are_those_of_the_child() -> None:
    with Runtime(isolation="process", max_heap_size=32 << 20) as rt:
        assert rt.state == "open"
        with pytest.raises(HeapLimitExceeded, match="condemned"):
            rt.eval("globalThis.h = []; for (;;) h.push(new Array(1000).fill(1.5))", timeout=50)
        assert rt.state == "condemned"


def test_lost_messages_are_counted() -> None:
    seen: list[ConsoleMessage] = []
    with Runtime(isolation="process", on_console=seen.append) as rt:

        def slow() -> None:
            # Nothing is taken meanwhile.
            signal.sigtimedwait([], 0.3)

        rt.bind(slow)
        rt.eval("for (let i = 0; i < 5000; i++) console.log(i); slow(); console.log('last')")
        rt.eval("console.log('behind')")
    assert len(seen) + sum(message.dropped for message in seen) == 5002


def test_what_is_released_late_disturbs_nobody(rt: Runtime) -> None:
    function = rt.eval("() => 1")
    waker: int = rt._native.link._waker  # type: ignore[attr-defined]
    rt.close()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        # The number now is somebody else's.
        os.dup2(writer, waker)
        del function
        gc.collect()
        rt.terminate()
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
    finally:
        os.close(waker)
        for number in {reader, writer} - {waker}:
            os.close(number)


# --- the pool ---------------------------------------------------------------------------------------------------


async def test_a_pool_keeps_warm_children_and_replaces_the_dead() -> None:
    config = RuntimeConfig(isolation="process")
    async with RuntimePool(2, config=config, setup=lambda rt: rt.eval("globalThis.ready = 1; 0"), reuse=True) as pool:
        async with pool.runtime() as rt:
            first = rt._native.id
            assert await rt.eval_async("ready") == 1
            kill(rt)
            with pytest.raises(RuntimeCrashed):
                await rt.eval_async("1")
        for _ in range(3):
            async with pool.runtime() as rt:
                assert rt._native.id != first
                assert await rt.eval_async("ready") == 1


# --- the sudden end ---------------------------------------------------------------------------------------------

BUSY: dict[str, Callable[[Runtime], Any]] = {
    "eval": lambda rt: rt.eval_async("for (;;);"),
    "pending": lambda rt: rt.eval_async("new Promise(r => globalThis.r = r)"),
    "module": lambda rt: rt.eval_module_async("endless"),
    "host call": lambda rt: rt.eval_async("sleep()"),
    "stream": lambda rt: reading(rt),
    "bind": lambda rt: asyncio.to_thread(busy_bind, rt),
    "stats": lambda rt: asyncio.to_thread(stopped_stats, rt),
}


async def reading(rt: Runtime) -> Any:
    stream = await rt.eval_async("new ReadableStream({ pull() { return new Promise(r => globalThis.r = r) } })")
    return await stream.read()


def busy_bind(rt: Runtime) -> None:
    while True:
        rt.bind_function("f", len)


def stopped_stats(rt: Runtime) -> None:
    while True:
        rt.get_stats()


@pytest.mark.blocks_loop
@pytest.mark.parametrize("kind", BUSY)
@pytest.mark.loops("asyncio")
async def test_killed_in_the_middle(rt: Runtime, kind: str) -> None:
    async def sleep() -> None:
        await asyncio.sleep(60)

    rt.bind_function("sleep", sleep)
    rt.add_static_module("endless", "await new Promise(r => globalThis.r = r)")
    with Runtime(isolation="process") as other:
        work = asyncio.ensure_future(BUSY[kind](rt))
        await asyncio.sleep(0.1)
        kill(rt)
        error = await outcome(work)
        assert isinstance(error, RuntimeCrashed) and error.signal == signal.SIGKILL
        assert rt.state == "condemned"
        assert await other.eval_async("6 * 7") == 42


def test_killed_while_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from jsrun._process.link import Link

    spawn: Any = Link._spawn

    def dead(link: Link) -> Any:
        process = spawn(link)
        process.kill()
        return process

    monkeypatch.setattr(Link, "_spawn", dead)
    with pytest.raises(RuntimeCrashed, match="SIGKILL"):
        Runtime(isolation="process")
