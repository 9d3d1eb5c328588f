"""ES modules: where resolver, loader and module bodies run, in whose context, and what goes on beside them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable
from typing import Any

import pytest
from modes import Js, in_thread, outcome, run_on, soon

from jsrun import DeadlockError, JavaScriptError, JavaScriptTimeout, ModuleError, Runtime

user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


# --- where they run ---------------------------------------------------------------------------------------------


async def test_hooks_run_on_the_callers_thread_in_its_context(rt: Runtime) -> None:
    seen: set[tuple[Any, ...]] = set()

    def note(hook: str, name: str) -> None:
        seen.add((hook, name, user.get(), threading.get_ident(), asyncio.get_running_loop()))

    def loader(name: str) -> Awaitable[str]:
        note("loader", name)
        return asyncio.ensure_future(asyncio.sleep(0.01, ""))

    rt.set_module_resolver(lambda specifier, referrer: note("resolver", specifier))
    rt.set_module_loader(loader)

    async def go(name: str) -> None:
        user.set(name)
        await rt.eval_module_async(name)

    await asyncio.gather(go("ada"), go("grace"))
    here = (threading.get_ident(), asyncio.get_running_loop())
    assert seen == {(hook, name, name, *here) for hook in ("resolver", "loader") for name in ("ada", "grace")}


async def test_an_async_loader_runs_on_the_callers_loop(rt: Runtime) -> None:
    seen: list[object] = []

    async def loader(name: str) -> str:
        seen.append(asyncio.get_running_loop())
        return ""

    rt.set_module_loader(loader)
    await rt.eval_module_async("here")
    in_thread(lambda: run_on("asyncio", lambda: rt.eval_module_async("there")))
    assert seen[0] is asyncio.get_running_loop()
    assert seen[1] not in (None, seen[0])


async def test_an_async_loader_runs_in_the_callers_context(rt: Runtime) -> None:
    seen: set[tuple[str, str]] = set()

    async def loader(name: str) -> str:
        seen.add((name, user.get()))
        return ""

    rt.set_module_loader(loader)

    async def go(name: str) -> None:
        user.set(name)
        await rt.eval_module_async(name)

    await asyncio.gather(go("ada"), go("grace"))
    assert seen == {("ada", "ada"), ("grace", "grace")}


def test_a_blocking_caller_runs_hooks_itself(rt: Runtime) -> None:
    seen: list[tuple[str, int]] = []
    rt.set_module_resolver(lambda *args: seen.append((user.get(), threading.get_ident())))
    rt.set_module_loader(lambda name: seen.append((user.get(), threading.get_ident())) or "")
    token = user.set("ada")
    rt.eval_module("m")
    user.reset(token)
    assert seen == [("ada", threading.get_ident())] * 2


def test_a_blocking_caller_has_coroutines_run_elsewhere_in_its_context(rt: Runtime) -> None:
    seen: list[tuple[str, bool]] = []

    async def loader(name: str) -> str:
        await asyncio.sleep(0)
        seen.append((user.get(), threading.current_thread() is threading.main_thread()))
        return ""

    rt.set_module_loader(loader)
    token = user.set("ada")
    rt.eval_module("m")
    user.reset(token)
    assert seen == [("ada", False)]


async def test_module_bodies_run_for_their_own_caller(rt: Runtime) -> None:
    rt.bind_function("whoami", lambda: user.get())
    rt.set_module_loader(lambda name: asyncio.sleep(0, "export default whoami()"))

    async def go(name: str) -> Any:
        user.set(name)
        return (await rt.eval_module_async(name)).default

    assert await asyncio.gather(go("ada"), go("grace")) == ["ada", "grace"]


async def test_module_bodies_run_for_their_own_caller_where_they_share_a_module(rt: Runtime) -> None:
    rt.bind_function("whoami", lambda: user.get())
    rt.set_module_loader(lambda name: asyncio.sleep(0.1, ""))
    add(rt, dict.fromkeys(("ada", "grace"), "import 'shared'; export default whoami()"))

    async def go(name: str) -> Any:
        user.set(name)
        return (await rt.eval_module_async(name)).default

    assert await asyncio.gather(go("ada"), go("grace")) == ["ada", "grace"]


# --- beside other work ------------------------------------------------------------------------------------------


async def test_a_loader_may_evaluate_on_its_runtime(js: Js) -> None:
    await js.eval("globalThis.secret = 42")
    add(js.rt, {"other": "export default 'other'"})
    js.rt.set_module_loader(lambda name: f"export default {js.rt.eval(name)}")
    assert (await js.eval_module("secret + 1")).default == 43
    assert (await js.eval_module("Promise.resolve(secret)")).default == 42
    js.rt.set_module_loader(lambda name: f"export default '{js.rt.eval_module('other').default}'")
    assert (await js.eval_module("m")).default == "other"


async def test_an_async_loader_may_evaluate_on_its_runtime(js: Js) -> None:
    async def loader(name: str) -> str:
        if name.startswith("via "):
            return f"export default {(await js.rt.eval_module_async(name.removeprefix('via '))).default}"
        return f"export default {await js.rt.eval_async(name)}"

    js.rt.set_module_loader(loader)
    assert (await js.eval_module("40 + 2")).default == 42
    assert (await js.eval_module("Promise.resolve(5)")).default == 5
    assert (await js.eval_module("via via Promise.resolve(6)")).default == 6


async def test_blocking_evaluations_beside_a_load(rt: Runtime) -> None:
    ready = asyncio.Event()

    async def loader(name: str) -> str:
        await ready.wait()
        return "export default 1"

    rt.set_module_loader(loader)
    add(rt, {"static": "export default 2"})
    task = asyncio.ensure_future(rt.eval_module_async("m"))
    await asyncio.sleep(0.05)
    assert rt.eval("Promise.resolve(3)") == 3
    assert rt.eval_module("static").default == 2
    ready.set()
    assert (await task).default == 1


async def test_blocking_evaluation_with_an_async_loader_on_the_loops_thread(rt: Runtime) -> None:
    rt.set_module_loader(lambda name: asyncio.sleep(0, "export default 1"))
    assert rt.eval_module("m").default == 1


@pytest.mark.parametrize("failing", [False, True])
async def test_one_load_for_all_who_import_at_the_same_time(rt: Runtime, failing: bool) -> None:
    asked: list[str] = []

    async def loader(name: str) -> str:
        asked.append(name)
        await asyncio.sleep(0.05)
        if failing:
            raise ValueError(name)
        return "globalThis.runs = (globalThis.runs ?? 0) + 1; export default runs"

    rt.set_module_loader(loader)
    add(rt, {"user": "export {default} from 'm'"})
    calls = [rt.eval_module_async("m"), rt.eval_module_async("m"), rt.eval_async("import('m')")]
    found = await asyncio.gather(*map(outcome, [*calls, rt.eval_module_async("user")]))
    assert asked == ["m"]
    if failing:
        assert [type(error) for error in found] == [ModuleError] * 4
    else:
        assert found == [{"default": 1}] * 4
    await soon(lambda: rt.get_stats().active_async_ops == 0)


# --- what must not wait for ever --------------------------------------------------------------------------------


@pytest.mark.blocks_loop
async def test_blocking_for_a_module_that_a_task_of_this_loop_loads(rt: Runtime) -> None:
    ready = asyncio.Event()

    async def loader(name: str) -> str:
        await ready.wait()
        return "export default 1"

    rt.set_module_loader(loader)
    task = asyncio.ensure_future(rt.eval_module_async("m"))
    await asyncio.sleep(0.05)
    with pytest.raises(DeadlockError, match="event loop"):
        rt.eval_module("m", timeout=3)
    ready.set()
    assert (await task).default == 1


async def test_a_module_body_may_have_scripts_evaluated(js: Js) -> None:
    js.rt.bind_function("evaluate", lambda code: js.rt.eval(code))
    add(js.rt, {"m": "export default evaluate('40 + 2')"})
    assert (await js.eval_module("m")).default == 42


async def test_a_module_body_may_have_an_import_started(js: Js) -> None:
    js.rt.bind_function("evaluate", lambda: js.rt.eval("import('other'); 0", timeout=5))
    add(js.rt, {"m": "export default evaluate()", "other": "globalThis.ran = true"})
    assert (await js.eval_module("m")).default == 0
    assert await js.eval("ran") is True


@pytest.mark.parametrize("name", ["other", "m"])
def test_a_module_body_that_blocks_for_a_module(rt: Runtime, name: str) -> None:
    rt.bind_function("load", lambda: rt.eval_module(name, timeout=1))
    add(rt, {"m": "export default load()", "other": ""})
    try:
        assert rt.eval_module("m", timeout=5).default == {}
    except JavaScriptError as error:
        assert isinstance(error.__cause__, DeadlockError)


async def test_a_module_body_that_was_loaded_blocks_for_another(js: Js) -> None:
    js.rt.bind_function("load", lambda: js.rt.eval_module("other", timeout=5)["default"])
    js.rt.set_module_loader(lambda name: "export default load() + 1" if name == "m" else "export default 1")
    assert (await js.eval_module("m")).default == 2


async def test_an_endless_module_is_stopped_by_its_own_deadline(rt: Runtime) -> None:
    rt.set_module_loader(lambda name: asyncio.sleep(0.1, ""))
    add(rt, {"fine": "import 'shared'; export default 1", "endless": "import 'shared'; for (;;);"})
    calls = [rt.eval_module_async("fine", timeout=1.5), rt.eval_module_async("endless", timeout=0.3)]
    fine, endless = await asyncio.gather(*map(outcome, calls))
    assert isinstance(endless, JavaScriptTimeout)
    assert fine == {"default": 1}
