"""What `console` makes of values with very many parts: a text of bounded size, in a time that a timeout bounds."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import pytest
from modes import Js

from jsrun import ConsoleMessage, JavaScriptError, JavaScriptTimeout, Runtime

MakeRuntime = Callable[..., Runtime]

# What a message may have, and the note that it was cut.
LONGEST = (1 << 20) + len(" [cut]")
SHARED = "let a = {leaf}; for (let i = 0; i < {levels}; i++) a = Array(100).fill(a);"
TREE = "let d = {}; for (let i = 0; i < 60; i++) d = {a: d, b: d};"


@pytest.mark.parametrize("leaf", ["0", "'x'", "[]", "{}", "new Map()", "() => 1", "{k: 1}"])
@pytest.mark.parametrize("levels", [3, 5])
async def test_what_is_shared_at_every_level_is_shown_less_deep(
    js: Js, heard: Js, messages: list[ConsoleMessage], leaf: str, levels: int
) -> None:
    await heard.eval(SHARED.replace("{leaf}", leaf).replace("{levels}", str(levels)) + "console.log(a)", timeout=20)
    assert messages[0].text.startswith("[\n  [\n    [Array]")
    assert "[Array]" in messages[0].text
    assert len(messages[0].text) <= LONGEST


async def test_a_value_is_shown_four_levels_deep_where_there_is_room(
    js: Js, heard: Js, messages: list[ConsoleMessage]
) -> None:
    await heard.eval("console.log({a: {b: {c: {d: {e: {}}}}}})")
    assert messages[0].text.split() == "{ a: { b: { c: { d: { e: {} } } } } }".split()
    await heard.eval("console.log({a: {b: {c: {d: {e: {f: 1}}}}}})")
    assert messages[1].text.split() == "{ a: { b: { c: { d: { e: [Object] } } } } }".split()


@pytest.mark.parametrize(
    ("depth", "shown"), [("0", "[Object]"), ("1", "[Object]"), ("9", "z: 1"), ("null", "z: 1"), ("Infinity", "z: 1")]
)
async def test_dir_goes_as_deep_as_asked(
    js: Js, heard: Js, messages: list[ConsoleMessage], depth: str, shown: str
) -> None:
    await heard.eval(f"console.dir({{a: {{b: {{c: {{d: {{e: {{f: {{g: {{z: 1}}}}}}}}}}}}}}}}, {{depth: {depth}}})")
    assert shown in messages[0].text


@pytest.mark.parametrize(
    "options",
    ["{depth: Infinity}", "{depth: null}", "{depth: 1e9, stylize: marked}", "{depth: Infinity, getters: true}"],
)
async def test_dir_does_not_go_deeper_than_there_is_room(
    js: Js, heard: Js, messages: list[ConsoleMessage], options: str
) -> None:
    marked = "const marked = (s) => s; marked[Symbol.for('Deno.privateConsoleStylize')] = 'noColor';"
    await heard.eval(f"{TREE} {marked} console.dir(d, {options})", timeout=20)
    assert messages[0].text.startswith("{\n  a: {")
    assert len(messages[0].text) <= LONGEST


@pytest.mark.parametrize(
    "error",
    [
        "e.stack = d",
        "Object.defineProperty(e, 'stack', {get: () => d})",
        "e.cause = Object.assign(Error(), {stack: d})",
    ],
)
async def test_an_error_whose_stack_is_a_tree(js: Js, heard: Js, messages: list[ConsoleMessage], error: str) -> None:
    await heard.eval(
        f"{TREE} const e = new Error('x'); {error}; console.log(e, {{in: e}}); console.log('next')", timeout=20
    )
    assert len(messages[0].text) <= LONGEST
    assert messages[1].text == "next"


async def test_a_hook_that_asks_for_more_is_held_to_it(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    hook = (
        "[Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) { return inspect(d, {depth: Infinity}); }"
    )
    await heard.eval(f"{TREE} console.log({{ {hook} }}); console.log([{{ {hook} }}])", timeout=20)
    assert ["[Object]" in message.text for message in messages] == [True, True]


async def test_a_hook_keeps_the_inspector(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    hook = "[Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) { kept = inspect; return 'got it'; }"
    await heard.eval(f"{TREE} let kept; console.log({{ {hook} }})")
    text = await heard.eval("kept(d, {depth: Infinity})", timeout=20)
    assert messages[0].text == "got it"
    assert text.startswith("{\n  a: {")


async def test_what_a_hook_logs_is_a_message_of_its_own(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    await heard.eval("const big = Array(100).fill(Array(100).fill('x'.repeat(60)));")
    log = "console.log(big); console.log({a: {b: {c: {d: 1}}}});"
    hook = f"[Symbol.for('nodejs.util.inspect.custom')]() {{ {log} return 'hook'; }}"
    await heard.eval(f"console.log([{{ {hook} }}]); {log}", timeout=20)
    texts = [message.text for message in messages]
    assert texts[-3] == "[ hook ]"
    assert texts[:2] == texts[-2:]


async def test_a_hook_that_logs_what_it_belongs_to_ends(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    hook = "[Symbol.for('nodejs.util.inspect.custom')]() { console.log(self); return 'hook'; }"
    with contextlib.suppress(JavaScriptError):
        await heard.eval(f"const self = {{ {hook} }}; console.log(self);", timeout=20)
    await heard.eval("console.log({a: 1})")
    assert messages[-1].text == "{ a: 1 }"


def test_a_slow_hook_outlives_the_stop_of_another(runtimes: MakeRuntime) -> None:
    """It can be stopped, and nobody did."""
    rt = runtimes(on_console=lambda message: None)
    hook = (
        "[Symbol.for('nodejs.util.inspect.custom')]() { const until = Date.now() + 2500;"
        "for (let all; Date.now() < until;) all = Array(1000).fill(0).map(String); return 'done'; }"
    )
    outcomes: list[object] = []
    slow = threading.Thread(target=lambda: outcomes.append(rt.eval(f"console.log({{ {hook} }}); 'fine'")))
    slow.start()
    time.sleep(0.3)
    with pytest.raises(JavaScriptTimeout):
        rt.eval("1", timeout=0.2)
    slow.join()
    assert outcomes == ["fine"]
    assert rt.eval("1") == 1


@pytest.mark.parametrize("part", ["1", "{length: -1e9}", "undefined", "'x'.repeat(1e7)", "Symbol()"])
async def test_a_hook_does_not_talk_the_bounds_away(
    js: Js, heard: Js, messages: list[ConsoleMessage], part: str
) -> None:
    talk = f"try {{ options.stylize({part}); }} catch {{}}"
    hook = f"[Symbol.for('nodejs.util.inspect.custom')](depth, options) {{ {talk} return 'hook'; }}"
    await heard.eval(
        f"{SHARED.replace('{leaf}', '0').replace('{levels}', '5')} console.log({{ {hook} }}, a)", timeout=20
    )
    assert len(messages[0].text) <= LONGEST
    await heard.eval("console.log({a: 1})")
    assert messages[1].text == "{ a: 1 }"


async def test_a_part_that_throws_is_the_programs(js: Js, heard: Js) -> None:
    with pytest.raises(JavaScriptError, match="mine"):
        await heard.eval(
            "console.log({[Symbol.for('nodejs.util.inspect.custom')]() { throw new RangeError('mine'); }})"
        )


async def test_a_timeout_reaches_it(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    hook = "[Symbol.for('nodejs.util.inspect.custom')]() { for (;;); }"
    with pytest.raises(JavaScriptTimeout):
        await heard.eval(f"console.log([[{{ {hook} }}]])", timeout=0.2)
    # Whatever it was in the middle of: the next one begins anew.
    await heard.eval("console.log({a: {b: {c: 1}}})")
    assert messages[-1].text == "{ a: { b: { c: 1 } } }"


async def test_marks_on_shared_prototypes_change_nothing(js: Js, heard: Js, messages: list[ConsoleMessage]) -> None:
    await heard.eval("Function.prototype[Symbol.for('Deno.privateConsoleStylize')] = 'noColor'")
    await heard.eval("Object.prototype.depth = Infinity; Object.prototype.stylize = 1;")
    await heard.eval(f"{TREE} console.log(d)", timeout=20)
    assert "[Object]" in messages[0].text
