"""ES modules that are on their way: retries, cancelled and timed-out loads, names added meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from modes import Js, outcome, soon

from jsrun import JavaScriptError, JavaScriptTimeout, ModuleError, Runtime, undefined

FAILS = "globalThis.runs = (globalThis.runs ?? 0) + 1; if (!globalThis.mended) throw new Error('broken');"


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


class Shelf:
    """A loader whose modules come when they are put there; it notes what was asked and which request was cancelled."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self.asked: list[str] = []
        self.cancelled: list[str] = []

    async def load(self, name: str) -> str:
        self.asked.append(name)
        try:
            while name not in self.sources:
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        return self.sources[name]


@pytest.fixture
def shelf(rt: Runtime) -> Shelf:
    made = Shelf()
    rt.set_module_loader(made.load)
    return made


# --- failed, mended, tried again --------------------------------------------------------------------------------


async def test_a_module_that_could_not_be_loaded_is_asked_for_again(js: Js) -> None:
    sources: dict[str, str] = {}
    js.rt.set_module_loader(lambda name: sources[name])
    add(js.rt, {"m": "export {default} from 'late'"})
    for name in ("m", "late", "m"):
        with pytest.raises(ModuleError, match="KeyError"):
            await js.eval_module(name)
    sources["late"] = "export default = 1"
    for name in ("m", "late", "m"):
        with pytest.raises(ModuleError, match="SyntaxError"):
            await js.eval_module(name)
    sources["late"] = "export default 1"
    assert (await js.eval_module("m")).default == 1
    assert (await js.eval_module("late")).default == 1


def test_a_module_that_lacked_an_export_is_asked_for_again(rt: Runtime) -> None:
    sources = {"late": "export const wrong = 1"}
    rt.set_module_loader(sources.__getitem__)
    add(rt, {"m": "export {default} from 'late'"})
    with pytest.raises(JavaScriptError, match="export named 'default'"):
        rt.eval_module("m")
    sources["late"] = "export default 1"
    assert rt.eval_module("m").default == 1


async def test_a_module_that_was_not_found_can_be_added(js: Js) -> None:
    add(js.rt, {"m": "export {default} from 'late'"})
    with pytest.raises(ModuleError):
        await js.eval_module("m")
    add(js.rt, {"late": "export default 1"})
    assert (await js.eval_module("m")).default == 1


GRAPHS = {
    "alone": {"m": FAILS},
    "imported": {"m": "import 'bad'", "bad": FAILS},
    "awaits": {"m": "import 'bad'", "bad": "await 0;" + FAILS},
    "cycle": {"m": "import 'bad'", "bad": "import 'm';" + FAILS},
    "awaiting cycle": {"m": "import 'bad'", "bad": "import 'm'; await 0;" + FAILS},
    "dynamic": {"m": "await import('bad')", "bad": FAILS},
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
async def test_a_module_that_threw_is_run_again(js: Js, graph: dict[str, str]) -> None:
    add(js.rt, graph)
    for runs in (1, 2):
        with pytest.raises(JavaScriptError, match="broken"):
            await js.eval_module("m")
        assert await js.eval("runs") == runs
    await js.eval("globalThis.mended = true")
    for name in graph:
        await js.eval_module(name)
    assert await js.eval("runs") == 3


async def test_what_ran_well_is_not_run_again(js: Js) -> None:
    add(js.rt, {"good": "globalThis.good = (globalThis.good ?? 0) + 1", "m": "import 'good'; " + FAILS})
    for _ in range(2):
        with pytest.raises(JavaScriptError, match="broken"):
            await js.eval_module("m")
    await js.eval("globalThis.mended = true")
    await js.eval_module("m")
    assert await js.eval("[good, runs]") == [1, 3]


def test_a_sound_module_in_a_failed_cycle_can_be_imported_later(rt: Runtime) -> None:
    add(rt, {"m": "import 'bad'", "bad": "import 'm'; await 0;" + FAILS})
    with pytest.raises(JavaScriptError, match="broken"):
        rt.eval_module("bad")
    rt.eval("globalThis.mended = true")
    assert dict(rt.eval_module("m")) == {}


async def test_a_load_that_fails_leaves_another_one_alone(rt: Runtime, shelf: Shelf) -> None:
    shelf.sources["shared"] = "export const x = 1"
    add(
        rt,
        {"good": "import 'slow'; export {x} from 'shared'", "bad": "import 'shared'; import 'syntax'", "syntax": "="},
    )
    good = asyncio.ensure_future(rt.eval_module_async("good", timeout=5))
    await asyncio.sleep(0.05)
    with pytest.raises(ModuleError, match="SyntaxError"):
        await rt.eval_module_async("bad")
    shelf.sources["slow"] = ""
    assert await outcome(good) == {"x": 1}


def test_an_error_names_the_import_that_failed_now(rt: Runtime) -> None:
    add(rt, {"one": "import 'gone'", "two": "import 'gone'"})
    for name in ("one", "two", "one"):
        with pytest.raises(ModuleError) as caught:
            rt.eval_module(name)
        assert caught.value.referrer == f"jsrun:///{name}"


def test_an_error_does_not_name_an_import_of_long_ago(rt: Runtime) -> None:
    def resolver(specifier: str, referrer: str) -> None:
        if specifier == "bad":
            raise ValueError(specifier)

    rt.set_module_resolver(resolver)
    add(rt, {"one": "import 'gone'; import 'bad'"})
    with pytest.raises(ModuleError, match="bad"):
        rt.eval_module("one")
    with pytest.raises(ModuleError) as caught:
        rt.eval_module("gone")
    assert caught.value.referrer == ""


# --- given up while loading -------------------------------------------------------------------------------------


async def test_a_load_that_hangs_is_given_up(js: Js) -> None:
    shelf = Shelf()
    js.rt.set_module_loader(shelf.load)
    add(js.rt, {"fine": "export default 1"})
    for code in (js.eval_module("m", timeout=0.1), js.eval("import('n')", timeout=0.1)):
        with pytest.raises(JavaScriptTimeout):
            await code
    assert (await js.eval_module("fine")).default == 1
    shelf.sources.update(m="export default 2", n="export default 3")
    assert (await js.eval_module("m", timeout=5)).default == 2


@pytest.mark.loops("asyncio")
@pytest.mark.parametrize("how", ["timeout", "cancelled"])
async def test_a_load_that_was_given_up_is_started_anew(rt: Runtime, how: str) -> None:
    asked: list[str] = []

    async def loader(name: str) -> str:
        asked.append(name)
        if len(asked) == 1:
            await asyncio.sleep(60)
        return "export default 1"

    rt.set_module_loader(loader)
    task = asyncio.ensure_future(rt.eval_module_async("m", timeout=0.1 if how == "timeout" else None))
    await asyncio.sleep(0.05)
    if how == "cancelled":
        task.cancel()
    assert isinstance(await outcome(task), (JavaScriptTimeout, asyncio.CancelledError))
    assert (await rt.eval_module_async("m", timeout=1)).default == 1


@pytest.mark.loops("asyncio")
@pytest.mark.parametrize("how", ["timeout", "cancelled"])
async def test_the_loader_is_told_that_nobody_waits(rt: Runtime, shelf: Shelf, how: str) -> None:
    task = asyncio.ensure_future(rt.eval_module_async("m", timeout=0.1 if how == "timeout" else None))
    await soon(lambda: shelf.asked)
    if how == "cancelled":
        task.cancel()
    await outcome(task)
    await soon(lambda: shelf.cancelled == ["m"], 1)


@pytest.mark.loops("asyncio")
@pytest.mark.parametrize("how", ["timeout", "cancelled"])
async def test_no_module_runs_for_an_operation_that_has_ended(rt: Runtime, shelf: Shelf, how: str) -> None:
    task = asyncio.ensure_future(rt.eval_module_async("m", timeout=0.1 if how == "timeout" else None))
    await soon(lambda: shelf.asked)
    if how == "cancelled":
        task.cancel()
    await outcome(task)
    shelf.sources["m"] = "globalThis.ran = true"
    await asyncio.sleep(0.1)
    assert await rt.eval_async("globalThis.ran") is undefined


@pytest.mark.parametrize("how", ["timeout", "cancelled"])
async def test_who_gives_up_takes_nothing_from_the_others(rt: Runtime, shelf: Shelf, how: str) -> None:
    first = asyncio.ensure_future(rt.eval_module_async("m", timeout=0.1 if how == "timeout" else None))
    await soon(lambda: shelf.asked)
    others = [asyncio.ensure_future(call) for call in (rt.eval_module_async("m"), rt.eval_async("import('m')"))]
    await asyncio.sleep(0.02)
    if how == "cancelled":
        first.cancel()
    assert isinstance(await outcome(first), (JavaScriptTimeout, asyncio.CancelledError))
    shelf.sources["m"] = "export default 1"
    assert await asyncio.gather(*map(outcome, others)) == [{"default": 1}] * 2
    # The loader worked for the one that gave up, and was cancelled with it.
    assert shelf.asked == ["m", "m"]


async def test_a_cancelled_evaluation_leaves_the_runtime_usable(rt: Runtime) -> None:
    add(rt, {"m": "await new Promise((resolve) => setTimeout(resolve, 60_000))", "fine": "export default 1"})
    task = asyncio.ensure_future(rt.eval_module_async("m"))
    await asyncio.sleep(0.05)
    task.cancel()
    assert isinstance(await outcome(task), asyncio.CancelledError)
    assert (await rt.eval_module_async("fine")).default == 1


def interruptible(calls: list[str]) -> Callable[[], Awaitable[str]]:
    async def fetch() -> str:
        calls.append("started")
        if len(calls) > 1:
            return "data"
        try:
            await asyncio.sleep(60)
        finally:
            calls.append("cancelled")
        return ""

    return fetch


async def test_what_a_module_awaits_is_cancelled_and_it_can_be_tried_again(js: Js) -> None:
    calls: list[str] = []
    js.rt.bind_function("fetchData", interruptible(calls))
    add(js.rt, {"m": "export default await fetchData()"})
    with pytest.raises(JavaScriptTimeout):
        await js.eval_module("m", timeout=0.1)
    await js.until(lambda: "cancelled" in calls)
    await js.pause(0.05)
    assert (await js.eval_module("m", timeout=5)).default == "data"


# --- names added while they are loaded --------------------------------------------------------------------------


@pytest.mark.loops("asyncio")
@pytest.mark.parametrize("name", ["m", "dep"])
async def test_a_name_is_added_again_during_a_load(rt: Runtime, shelf: Shelf, name: str) -> None:
    add(rt, {"m": "import 'slow'; export {default} from 'dep'", "dep": "export default 'old'"})
    task = asyncio.ensure_future(rt.eval_module_async("m", timeout=1))
    await soon(lambda: shelf.asked)
    add(rt, {name: "export default 'new'"})
    shelf.sources["slow"] = ""
    found: Any = await outcome(task)
    assert not isinstance(found, BaseException), found
    assert found.default in {"old", "new"}


def test_a_resolver_adds_the_importing_module_again(rt: Runtime) -> None:
    def resolver(specifier: str, referrer: str) -> None:
        if specifier == "dep":
            add(rt, {"m": "export default 'new'"})

    rt.set_module_resolver(resolver)
    add(rt, {"m": "import 'dep'; export default 'old'", "dep": ""})
    assert rt.eval_module("m", timeout=1).default in {"old", "new"}


def test_a_resolver_imports_the_module_it_failed_before(rt: Runtime) -> None:
    nested: list[Any] = []

    def resolver(specifier: str, referrer: str) -> None:
        if specifier == "bad" and not nested:
            raise ValueError(specifier)
        if specifier == "dep" and not nested:
            nested.append(None)
            nested.append(rt.eval_module("m", timeout=1).default)

    rt.set_module_resolver(resolver)
    add(rt, {"m": "import 'bad'; import 'dep'; export default 1", "bad": "", "dep": ""})
    with pytest.raises(ModuleError, match="bad"):
        rt.eval_module("m", timeout=1)
    assert nested == [None, 1]
    assert rt.eval_module("m", timeout=1).default == 1


async def test_a_resolver_or_loader_that_adds_modules(js: Js) -> None:
    def resolver(specifier: str, referrer: str) -> None:
        if specifier != "m":
            js.rt.add_static_module(specifier, f"export default 'added {specifier}'")

    js.rt.set_module_resolver(resolver)
    add(js.rt, {"m": "export {default} from 'dep'"})
    assert (await js.eval_module("m")).default == "added dep"


def test_what_ran_well_stays_though_it_imports_what_was_replaced(rt: Runtime) -> None:
    good = "import 'dep'; globalThis.good = (globalThis.good ?? 0) + 1"
    add(rt, {"dep": "", "good": good, "m": "import 'good'; import 'bad'", "bad": FAILS})
    rt.eval_module("good")
    add(rt, {"dep": "export const x = 1"})
    with pytest.raises(JavaScriptError, match="broken"):
        rt.eval_module("m")
    rt.eval("globalThis.mended = true")
    rt.eval_module("m")
    assert rt.eval("[good, runs]") == [1, 2]


def test_a_cycle_of_three_is_run_again_as_a_whole(rt: Runtime) -> None:
    count = "globalThis.count = (globalThis.count ?? 0) + 1;"
    add(
        rt, {"a": "import 'b';" + count, "b": "import 'c';" + count, "c": "import 'a'; await 0;" + FAILS, "side": count}
    )
    add(rt, {"m": "import 'side'; import 'c'"})
    with pytest.raises(JavaScriptError, match="broken"):
        rt.eval_module("m")
    rt.eval("globalThis.mended = true")
    for name in ("a", "b", "c", "m"):
        assert dict(rt.eval_module(name)) == {}
    assert rt.eval("runs") == 2


async def test_a_module_that_is_replaced_while_its_import_is_resolved(js: Js) -> None:
    def resolver(specifier: str, referrer: str) -> None:
        if specifier == "dep" and len(seen) < 3:
            seen.append(referrer)
            add(js.rt, {"m": f"import 'dep'; export default {len(seen)}"})

    seen: list[str] = []
    js.rt.set_module_resolver(resolver)
    add(js.rt, {"m": "import 'dep'; export default 0", "dep": ""})
    assert (await js.eval_module("m", timeout=5)).default == 3


def test_an_error_names_the_import_behind_which_it_was_asked(rt: Runtime) -> None:
    add(rt, {"one": "import 'two'", "two": "import './gone.js'"})
    for name in ("one", "two"):
        with pytest.raises(ModuleError) as caught:
            rt.eval_module(name)
        assert (caught.value.specifier, caught.value.referrer) == ("./gone.js", "jsrun:///two")
    with pytest.raises(ModuleError) as caught:
        rt.eval("import('gone.js')", filename="app.js")
    assert (caught.value.specifier, caught.value.referrer) == ("gone.js", "app.js")
