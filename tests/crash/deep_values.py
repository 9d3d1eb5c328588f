"""Values nested a million deep are conversion errors in both directions, with any configured depth."""

import asyncio
import sys

import jsrun

DEPTH = 1_000_000
NESTS = [
    "let v = []; for (let i = 0; i < {n}; i++) v = [v]; v",
    "let v = {{}}; for (let i = 0; i < {n}; i++) v = {{v}}; v",
    "let v = new Map(); for (let i = 0; i < {n}; i++) v = new Map([[1, v]]); v",
    "let v = new Set(); for (let i = 0; i < {n}; i++) v = new Set([v]); v",
    "let v = new Error('x'); for (let i = 0; i < {n}; i++) v = new Error('x', {{cause: v}}); [v]",
    "let v = 1; for (let i = 0; i < {n}; i++) {{ const w = v; v = {{get x() {{ return w }}}} }} v",
]


def lists() -> list[object]:
    value: list[object] = []
    for _ in range(DEPTH):
        value = [value]
    return value


def dicts() -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(DEPTH):
        value = {"k": value}
    return value


def maps() -> dict[int, object]:
    value: dict[int, object] = {}
    for _ in range(DEPTH):
        value = {1: value}
    return value


def refused(act: object) -> None:
    try:
        act()  # type: ignore[operator]
    except (jsrun.ConversionError, jsrun.JavaScriptError) as error:
        assert len(str(error)) < 10_000
    else:
        raise AssertionError("no error")


for depth in (100, 2_000_000_000):
    try:
        rt = jsrun.Runtime(max_serialization_depth=depth, max_serialization_bytes=1 << 32, max_heap_size=1 << 31)
    except ValueError:  # a depth that could not be kept may be refused
        assert depth > 100
        continue
    with rt:
        take = rt.eval("v => 1")
        for make in (lists, dicts, maps):
            value = make()
            rt.bind_function("host", lambda value=value: value)
            if depth == 100:
                refused(lambda: take(value))
                refused(lambda: asyncio.run(take.call_async(value)))
                refused(lambda: rt.eval("host(); 0"))
            else:
                for act in (lambda: take(value), lambda: rt.eval("host(); 0")):
                    try:
                        act()
                    except (jsrun.ConversionError, jsrun.JavaScriptError):
                        pass
            rt.bind_function("host", lambda: None)
            del value
        for nest in NESTS:
            code = "{ " + nest.format(n=DEPTH) + " }"
            if depth == 100 and "Error" not in nest:
                refused(lambda: rt.eval(code))
            else:
                try:
                    rt.eval(code)
                except (jsrun.ConversionError, jsrun.JavaScriptError):
                    pass
        assert rt.eval("1 + 1") == 2
sys.stdout.write("ok\n")
