"""ES modules: deadlines, limits, large graphs, many loads at once, and the end of the runtime."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from modes import Js, background, outcome, soon, wait_until

from jsrun import (
    HeapLimitExceeded,
    JavaScriptError,
    JavaScriptTimeout,
    ModuleError,
    Runtime,
    RuntimeClosed,
    RuntimeTerminated,
)

MakeRuntime = Callable[..., Runtime]


def add(rt: Runtime, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        rt.add_static_module(name, source)


# --- deadlines and limits ---------------------------------------------------------------------------------------


async def test_an_endless_module(js: Js) -> None:
    add(js.rt, {"endless": "for (;;);", "m": "import 'endless'", "fine": "export default 1"})
    for code in (js.eval_module("m", timeout=0.1), js.eval("import('m')", timeout=0.1)):
        with pytest.raises(JavaScriptTimeout):
            await code
        assert (await js.eval_module("fine", timeout=5)).default == 1


def test_the_runtimes_default_timeout_holds(runtimes: MakeRuntime) -> None:
    rt = runtimes(timeout=0.1)
    add(rt, {"m": "for (;;);"})
    with pytest.raises(JavaScriptTimeout):
        rt.eval_module("m")


ONCE = "if (!globalThis.mended) for (;;); export default 1"


@pytest.mark.parametrize("name", ["m", "user"])
def test_a_stopped_module_can_be_tried_again(rt: Runtime, name: str) -> None:
    add(rt, {"m": ONCE, "user": "export {default} from 'm'"})
    with pytest.raises(JavaScriptTimeout):
        rt.eval_module(name, timeout=0.1)
    rt.eval("globalThis.mended = true")
    assert rt.eval_module(name, timeout=1).default == 1


def test_a_module_that_filled_the_heap_can_be_tried_again(runtimes: MakeRuntime) -> None:
    rt = runtimes(max_heap_size=32 << 20)
    add(rt, {"m": "const a = []; while (!globalThis.mended) a.push(new Array(1e5).fill({})); export default 1"})
    with pytest.raises(HeapLimitExceeded):
        rt.eval_module("m", timeout=20)
    rt.eval("globalThis.mended = true")
    assert rt.eval_module("m", timeout=1).default == 1


# --- sizes ------------------------------------------------------------------------------------------------------


async def test_a_thousand_modules(js: Js) -> None:
    imports = "".join(f"import m{number} from './m{number}';" for number in range(999))
    total = "+".join(f"m{number}" for number in range(999))
    js.rt.set_module_loader(lambda name: f"export default {name.removeprefix('lib/m')}")
    add(js.rt, {"lib/all": f"{imports} export default {total}"})
    assert (await js.eval_module("lib/all")).default == sum(range(999))


async def test_a_thousand_modules_that_know_each_other(js: Js) -> None:
    add(js.rt, {f"m{n}": f"import './m{(7 * n + 1) % 1000}'; import './m{(n + 1) % 1000}'" for n in range(1000)})
    await js.eval_module("m0")


@pytest.mark.parametrize("length", [100, 3000])
async def test_a_long_chain_ends(js: Js, length: int) -> None:
    def loader(name: str) -> str:
        following = int(name) + 1
        return f"import x from '{following}'; export default x + 1" if following <= length else "export default 0"

    js.rt.set_module_loader(loader)
    try:
        assert (await js.eval_module("0")).default == length
    except JavaScriptError as error:
        assert (length, error.name) == (3000, "RangeError")
    assert await js.eval("1") == 1


IMPORTS = """
import jsrun, sys
rt = jsrun.Runtime()
rt.add_static_module("other", "")
rt.add_static_module("m", sys.argv[1])
try:
    rt.eval_module("m")
except (jsrun.ModuleError, jsrun.JavaScriptError) as error:
    print(error)
rt.close()
"""


@pytest.mark.parametrize("source", ["import source x from 'other'", "import source other from 'other'; export {other}"])
def test_a_source_phase_import_does_not_crash(source: str) -> None:
    assert subprocess.run([sys.executable, "-c", IMPORTS, source], timeout=30).returncode == 0


@pytest.mark.parametrize("source", ["export default import.source('other')", "import defer * as other from 'other'"])
def test_other_phases_do_not_crash(source: str) -> None:
    assert subprocess.run([sys.executable, "-c", IMPORTS, source], timeout=30).returncode == 0


# --- the end ----------------------------------------------------------------------------------------------------


async def test_closing_ends_a_load(js: Js) -> None:
    async def loader(name: str) -> str:
        js.rt.close()
        await asyncio.sleep(60)
        return ""

    js.rt.set_module_loader(loader)
    for code in (js.eval_module("m"), js.eval_module("m")):
        with pytest.raises(RuntimeClosed):
            await code


async def test_closing_from_outside_ends_a_load(rt: Runtime) -> None:
    asked: list[str] = []

    async def loader(name: str) -> str:
        asked.append(name)
        await asyncio.sleep(60)
        return ""

    rt.set_module_loader(loader)
    calls = [rt.eval_module_async("m"), rt.eval_module_async("m"), rt.eval_async("import('n')")]
    tasks = [asyncio.ensure_future(call) for call in calls]
    await soon(lambda: len(asked) == 2)
    await rt.aclose()
    assert [type(error) for error in await asyncio.gather(*map(outcome, tasks))] == [RuntimeClosed] * 3


def test_closing_from_another_thread_ends_a_blocking_load(rt: Runtime) -> None:
    ended: list[type[BaseException]] = []
    asked: list[str] = []
    rt.set_module_loader(lambda name: asked.append(name) or asyncio.sleep(60, ""))

    def load() -> None:
        try:
            rt.eval_module("m")
        except BaseException as error:
            ended.append(type(error))

    with background(load):
        wait_until(lambda: asked)
        rt.close()
    assert ended == [RuntimeClosed]


def test_terminating_in_a_loader(rt: Runtime) -> None:
    rt.set_module_loader(lambda name: rt.terminate() or "")
    with pytest.raises(RuntimeTerminated):
        rt.eval_module("m")


# --- many at once -----------------------------------------------------------------------------------------------


async def test_many_loads_that_share_modules(rt: Runtime) -> None:
    async def loader(name: str) -> str:
        number = int(name)
        await asyncio.sleep(number % 3 * 0.01)
        return f"import '{(7 * number + 1) % 100}'; import '{(3 * number + 2) % 100}'; export default {number}"

    rt.set_module_loader(loader)
    found = await asyncio.gather(*(rt.eval_module_async(str(number), timeout=20) for number in range(100)))
    assert [module.default for module in found] == list(range(100))


async def test_many_loads_some_of_which_fail(rt: Runtime) -> None:
    async def loader(name: str) -> str:
        number = int(name)
        await asyncio.sleep(number % 3 * 0.01)
        if number == 27:
            raise ValueError(name)
        return f"import '{number + 1}'; export default {number}" if number % 20 else f"export default {number}"

    rt.set_module_loader(loader)
    calls = (rt.eval_module_async(str(number), timeout=20) for number in range(100))
    found: list[Any] = await asyncio.gather(*map(outcome, calls))
    failed = [number for number, module in enumerate(found) if isinstance(module, ModuleError)]
    assert failed == list(range(21, 28))
    assert all(module.default == number for number, module in enumerate(found) if number not in failed)


def test_runtimes_load_for_themselves(runtimes: MakeRuntime) -> None:
    made = [runtimes() for _ in range(3)]
    for number, rt in enumerate(made):
        rt.set_module_loader(lambda name, number=number: f"export default '{name} {number}'")
    assert [rt.eval_module("m").default for rt in made] == ["m 0", "m 1", "m 2"]
