"""`fetch` with a handler in Python: what it gets, what JavaScript gets, streams, aborts, errors."""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from modes import Js, Mode, soon

from jsrun import ConversionError, FetchRequest, FetchResponse, JavaScriptError, JsStream, Runtime, SnapshotBuilder

MakeRuntime = Callable[..., Runtime]
BLOCKING = Mode("blocking", None, False)


class Site:
    """A handler that answers with `answer`, and keeps what it was asked."""

    def __init__(self, answer: Callable[[FetchRequest], Any] = lambda _: FetchResponse("ok")) -> None:
        self.answer = answer
        self.requests: list[FetchRequest] = []
        self.bodies: list[bytes] = []

    async def __call__(self, request: FetchRequest) -> Any:
        self.requests.append(request)
        if isinstance(request.body, JsStream):
            self.bodies.append(b"".join([chunk async for chunk in request.body]))
        elif request.body is not None:
            self.bodies.append(request.body)
        return self.answer(request)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def rt(site: Site, runtimes: MakeRuntime) -> Runtime:
    """A runtime whose `fetch` asks `site`."""
    return runtimes(fetch=site)


async def fails(js: Js, code: str) -> str | None:
    """The name of the error that `code` throws."""
    with pytest.raises(JavaScriptError) as caught:
        await js.eval(code, timeout=10)
    return caught.value.name


# --- there only when wanted ----------------------------------------------------------------------------------------


def test_without_a_handler_there_is_nothing(runtimes: MakeRuntime) -> None:
    names = "['fetch', 'Headers', 'Request', 'Response'].map((name) => name in globalThis)"
    assert runtimes().eval(names) == [False] * 4
    assert runtimes(fetch=Site()).eval(names) == [True] * 4
    snapshot = SnapshotBuilder(bootstrap="globalThis.inside = typeof fetch").build()
    assert runtimes(snapshot=snapshot).eval(f"[inside, ...{names}]") == ["undefined", False, False, False, False]
    assert runtimes(snapshot=snapshot, fetch=Site()).eval(names) == [True] * 4


def test_a_bootstrap_script_may_fetch(runtimes: MakeRuntime) -> None:
    rt = runtimes(fetch=Site(), bootstrap="globalThis.text = await (await fetch('https://a.example/')).text(); 0")
    assert rt.eval("text") == "ok"


def test_the_handler_must_be_callable() -> None:
    with pytest.raises(TypeError, match="fetch must be callable"):
        Runtime(fetch="https://a.example")


# --- requests ------------------------------------------------------------------------------------------------------


async def test_a_request_arrives_as_it_was_made(js: Js, site: Site) -> None:
    await js.eval("""fetch("https://A.example:443/x/../y?q=ä#part", {method: "post", body: "hé",
                       headers: [["X-One", " 1 "], ["x-two", "2"], ["X-ONE", "3"]], redirect: "manual"})
                       .then((r) => r.ok)""")
    (request,) = site.requests
    assert (request.method, request.url, request.redirect) == ("POST", "https://a.example/y?q=%C3%A4", "manual")
    assert request.body == "hé".encode()
    assert request.headers == (
        ("x-one", "1"),
        ("x-two", "2"),
        ("x-one", "3"),
        ("content-type", "text/plain;charset=UTF-8"),
    )
    assert (request.header("X-One"), request.header("none"), request.header("none", "no")) == ("1, 3", None, "no")


@pytest.mark.parametrize(
    ("body", "data", "kind"),
    [
        ("'text'", b"text", "text/plain;charset=UTF-8"),
        ("new Uint8Array([0, 1, 2, 3]).subarray(1, 3)", b"\1\2", None),
        ("new Uint8Array([1, 2]).buffer", b"\1\2", None),
        ("new DataView(new Uint8Array([1, 2, 3]).buffer, 1)", b"\2\3", None),
        ("new URLSearchParams({a: 'ä b'})", b"a=%C3%A4+b", "application/x-www-form-urlencoded;charset=UTF-8"),
        ("new Blob(['ab', 'c'], {type: 'X/y'})", b"abc", "x/y"),
        ("new Blob([])", b"", None),
        ("new Blob(['streamed']).stream()", b"streamed", None),
        ("''", b"", "text/plain;charset=UTF-8"),
        ("17", b"17", "text/plain;charset=UTF-8"),
    ],
)
def test_bodies(rt: Runtime, site: Site, body: str, data: bytes, kind: str | None) -> None:
    assert rt.eval(f"fetch('https://a.example/', {{method: 'PUT', duplex: 'half', body: {body}}}).then((r) => r.ok)")
    assert site.bodies == [data]
    assert site.requests[0].header("content-type") == kind


def test_a_streamed_upload_is_read_as_it_is_made(runtimes: MakeRuntime) -> None:
    produced: list[int] = []
    ahead: list[int] = []

    async def handler(request: FetchRequest) -> FetchResponse:
        assert isinstance(request.body, JsStream)
        count = 0
        async for chunk in request.body:
            count += 1
            ahead.append(produced[-1] - count)
            assert len(chunk) == 1000
        return FetchResponse(str(count))

    rt = runtimes(fetch=handler, stream_high_water_mark=4)
    rt.bind_function("produced", produced.append)
    code = """let made = 0;
      const body = new ReadableStream({pull(c) {
        if (made === 200) return c.close();
        produced(++made);
        c.enqueue(new Uint8Array(1000));
      }});
      (await fetch('https://a.example/', {method: 'POST', duplex: 'half', body})).text()"""
    assert rt.eval(f"(async () => {{ {code.replace('(await', 'return (await')} }})()") == "200"
    assert max(ahead) < 30


async def test_what_is_no_request_is_a_type_error(js: Js, site: Site) -> None:
    for code in (
        "fetch()",
        "fetch('nowhere')",
        "fetch('/relative')",
        "fetch('ftp://a.example/')",
        "fetch('file:///etc/passwd')",
        "fetch('javascript:1')",
        "fetch('https://me:pw@a.example/')",
        "fetch('https://a.example/', {method: 'CONNECT'})",
        "fetch('https://a.example/', {method: 'G T'})",
        "fetch('https://a.example/', {body: 'x'})",
        "fetch('https://a.example/', {headers: {'a b': 'c'}})",
        "fetch('https://a.example/', {headers: {a: 'b\\nc'}})",
        "fetch('https://a.example/', {headers: {a: '\\u{1F600}'}})",
        "fetch('https://a.example/', {redirect: 'never'})",
        "fetch('https://a.example/', {signal: {}})",
        "fetch('https://a.example/', {method: 'POST', body: new ReadableStream()})",
        "new Request('https://a.example/', 5)",
        "Request.prototype.text.call({})",
        "new Response('x', {status: 204})",
        "new Headers([['a']])",
        "new Headers(5)",
    ):
        assert await fails(js, code) == "TypeError", code
    assert await fails(js, "new Response('x', {status: 99})") == "RangeError"
    assert site.requests == []


# --- responses -----------------------------------------------------------------------------------------------------


async def test_a_response_arrives_as_it_was_made(js: Js, site: Site) -> None:
    headers = [
        ("Content-Type", "text/x; charset=utf-8"),
        ("Set-Cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("X", "1"),
        ("x", "2"),
    ]
    site.answer = lambda _: FetchResponse(
        "grüß", status=201, status_text="Made", headers=headers, url="https://b.example/", redirected=True
    )
    code = """(async () => { const r = await fetch('https://a.example/');
      return [r.status, r.ok, r.statusText, r.url, r.redirected, r.type, [...r.headers], r.headers.getSetCookie(),
              r.bodyUsed, await r.text(), r.bodyUsed] })()"""
    assert await js.eval(code) == [
        201,
        True,
        "Made",
        "https://b.example/",
        True,
        "basic",
        [["content-type", "text/x; charset=utf-8"], ["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x", "1, 2"]],
        ["a=1", "b=2"],
        False,
        "grüß",
        True,
    ]
    assert await fails(js, "fetch('https://a.example/').then((r) => r.headers.set('a', 'b'))") == "TypeError"
    assert (
        await fails(js, "fetch('https://a.example/').then(async (r) => { await r.text(); await r.text() })")
        == "TypeError"
    )


async def plain_chunks() -> AsyncIterator[Any]:
    for chunk in ("a", b"b", "", bytearray(b"c"), memoryview(b"d")):
        yield chunk


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (lambda: None, b""),
        (lambda: b"bytes", b"bytes"),
        (lambda: "text", b"text"),
        (lambda: ["a", b"b"], b"ab"),
        (lambda: iter([b"x"] * 3), b"xxx"),
        (plain_chunks, b"abcd"),
        (lambda: bytes(range(256)) * 80_000, bytes(range(256)) * 80_000),
    ],
    ids=["none", "bytes", "str", "list", "iterator", "async", "large"],
)
def test_bodies_of_responses(runtimes: MakeRuntime, make: Callable[[], Any], data: bytes) -> None:
    rt = runtimes(fetch=Site(lambda _: FetchResponse(make())))
    hashed = """(async () => {
      const bytes = await (await fetch('https://a.example/')).bytes();
      return [bytes.length, new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()] })()"""
    assert rt.eval(hashed) == [len(data), hashlib.sha256(data).hexdigest()]
    ways = "(async (way) => typeof await (await fetch('https://a.example/')).clone()[way]())"
    assert [rt.eval(f"{ways}('{way}')") for way in ("text", "bytes", "arrayBuffer", "blob")] == ["string"] + [
        "object"
    ] * 3


async def test_a_stream_from_another_runtime_can_be_the_body() -> None:
    async with Runtime.create() as other:
        stream = await other.eval_async("new Blob(['from afar']).stream()")
        async with Runtime.create(fetch=Site(lambda _: FetchResponse(stream))) as rt:
            assert await rt.eval_async("fetch('https://a.example/').then((r) => r.text())") == "from afar"


async def test_a_response_is_read_as_it_comes_and_closed_when_nobody_reads_on() -> None:
    log: list[Any] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            for number in range(10_000):
                log.append(number)
                yield bytes([number % 256]) * 1000
        finally:
            log.append("closed")

    async with Runtime.create(fetch=Site(lambda _: FetchResponse(chunks())), stream_high_water_mark=4) as rt:
        code = """(async () => {
          const reader = (await fetch('https://a.example/')).body.getReader();
          const { value } = await reader.read();
          await reader.cancel();
          return value.length })()"""
        assert await rt.eval_async(code) == 1000
        await soon(lambda: log[-1] == "closed")
        assert len(log) < 30


def test_statuses_without_a_body_have_none(runtimes: MakeRuntime) -> None:
    for status in (204, 304):
        rt = runtimes(fetch=Site(lambda _, status=status: FetchResponse(b"dropped", status=status)))
        assert rt.eval("fetch('https://a.example/').then(async (r) => [r.status, r.body, await r.text()])") == [
            status,
            None,
            "",
        ]
    rt = runtimes(fetch=Site())
    assert rt.eval("fetch('https://a.example/', {method: 'HEAD'}).then((r) => r.text())") == ""


def test_responses_made_by_hand(rt: Runtime) -> None:
    code = """(async () => [
      await new Response(JSON.stringify({a: [1]})).json(),
      (await new Response('x', {headers: {'content-type': 'A/b'}}).blob()).type,
      await Response.json({a: 1}).text(), Response.json(1).headers.get('Content-Type'), Response.error().type,
      Response.redirect('https://a.example/x', 301).headers.get('location'), new Response(null).body,
      await new Response(new Blob(['z']).stream()).text(), [...await new Response('ab').bytes()],
      await new Response(new Response('nested').body).text(), `${new Headers({b: 1, A: 2}).entries().next().value}`,
    ])()"""
    assert rt.eval(code) == [
        {"a": [1]},
        "a/b",
        '{"a":1}',
        "application/json",
        "error",
        "https://a.example/x",
        None,
        "z",
        [97, 98],
        "nested",
        "a,2",
    ]


def test_clones_have_the_same_body(rt: Runtime) -> None:
    code = """(async () => { const found = [];
      const request = new Request('https://a.example/', {method: 'PUT', body: 'c'});
      for (const r of [new Response('a'), new Response(new Blob(['b']).stream()), request]) {
        const c = r.clone();
        found.push(await c.text(), await r.text());
        try { r.clone(); } catch (error) { found.push(error.name); }
      }
      return found })()"""
    assert rt.eval(code) == ["a", "a", "TypeError", "b", "b", "TypeError", "c", "c", "TypeError"]


def test_headers(rt: Runtime) -> None:
    code = """(() => { const h = new Headers({'B': '2', 'a': ' 1\\t'}); const seen = [];
      h.append('A', '3'); h.forEach((value, name) => seen.push(name + '=' + value));
      h.set('b', 'x'); h.delete('A'); h.append('set-cookie', 'p=1'); h.append('Set-Cookie', 'q=2');
      return [seen, h.get('B'), h.get('a'), h.has('a'), h.getSetCookie(), [...h.keys()],
              [...new Headers(h)].length] })()"""
    assert rt.eval(code) == [["a=1, 3", "b=2"], "x", None, False, ["p=1", "q=2"], ["b", "set-cookie", "set-cookie"], 3]


async def test_none_of_them_leaves_javascript(js: Js) -> None:
    for made in ("new Headers()", "new Response('x')", "new Request('https://a.example/')"):
        with pytest.raises(ConversionError):
            await js.eval(made)


def test_the_console_shows_them(runtimes: MakeRuntime) -> None:
    messages: list[Any] = []
    rt = runtimes(fetch=Site(), on_console=messages.append)
    rt.eval("console.log(new Response('x', {status: 201, headers: {a: 'b'}}), new Request('https://a.example/'))")
    assert "Response {" in messages[0].text and "201" in messages[0].text and "https://a.example/" in messages[0].text


# --- addresses without a host --------------------------------------------------------------------------------------


async def test_data_and_blob_addresses_need_no_handler(js: Js, site: Site) -> None:
    parts = "[r.status, r.headers.get('content-type'), await r.text()]"
    read = f"async (url) => {{ const r = await fetch(url); return {parts} }}"
    for url, expected in (
        ("data:,a%20b%2", [200, "text/plain;charset=US-ASCII", "a b%2"]),
        ("data:text/html;charset=utf-8,<p>%C3%A4#x", [200, "text/html;charset=utf-8", "<p>ä"]),
        ("data:;charset=utf-8;base64,aGVsbG8=", [200, "text/plain;charset=utf-8", "hello"]),
        ("data:a/b;BASE64,aGVs%62G8", [200, "a/b", "hello"]),
    ):
        assert await js.eval(f"({read})('{url}')") == expected
    blob = "const blob = URL.createObjectURL(new Blob(['hi'], {type: 'x/y'}));"
    assert await js.eval(f"(async () => {{ {blob} return ({read})(blob) }})()") == [200, "x/y", "hi"]
    for url in ("data:text/plain", "data:;base64,*", "blob:null/1", "blob:https://a.example/1"):
        assert await fails(js, f"fetch('{url}')") == "TypeError"
    assert await fails(js, "fetch('data:,x', {method: 'POST'})") == "TypeError"
    assert site.requests == []


# --- errors, aborts, ends ------------------------------------------------------------------------------------------


async def test_an_error_of_the_handler_is_the_cause_of_a_type_error(js: Js, site: Site) -> None:
    def answer(_: FetchRequest) -> FetchResponse:
        raise LookupError("no such site")

    site.answer = answer
    code = "fetch('https://a.example/').catch((e) => [e.name, e.message, e.cause.name, e.cause.message])"
    assert await js.eval(code) == ["TypeError", "fetch failed: no such site", "LookupError", "no such site"]
    site.answer = lambda _: "not a response"
    with pytest.raises(JavaScriptError, match="must return a FetchResponse, got str"):
        await js.eval("fetch('https://a.example/')")
    assert await js.eval("1 + 1") == 2


def test_a_body_that_fails_fails_the_read(runtimes: MakeRuntime) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"
        raise OSError("the line is cut")

    rt = runtimes(fetch=Site(lambda _: FetchResponse(chunks())))
    with pytest.raises(JavaScriptError, match="the line is cut"):
        rt.eval("fetch('https://a.example/').then((r) => r.text())")
    rt = runtimes(fetch=Site(lambda _: FetchResponse([1])))
    with pytest.raises(JavaScriptError, match="must be bytes or str, got int"):
        rt.eval("fetch('https://a.example/').then((r) => r.text())")


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (ValueError, {"status": 99}),
        (TypeError, {"status": "200"}),
        (TypeError, {"body": 5}),
        (TypeError, {"body": {"a": 1}}),
        (TypeError, {"headers": {"a": 1}}),
    ],
)
def test_a_response_is_checked_when_it_is_made(error: type[Exception], arguments: dict[str, Any]) -> None:
    with pytest.raises(error):
        FetchResponse(**arguments)


class Hanging:
    """A handler that never answers, and notes how it ends."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def __call__(self, request: FetchRequest) -> FetchResponse:
        self.log.append("asked")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        raise AssertionError("unreachable")


async def test_abort_cancels_the_handler() -> None:
    hanging = Hanging()
    async with Runtime.create(fetch=hanging) as rt:
        code = """(async () => { const c = new AbortController(); setTimeout(() => c.abort(), 20);
          try { await fetch('https://a.example/', {signal: c.signal}) } catch (error) { return error.name } })()"""
        assert await rt.eval_async(code) == "AbortError"
        await soon(lambda: hanging.log == ["asked", "cancelled"])
        code = "fetch('https://a.example/', {signal: AbortSignal.timeout(20)}).catch((error) => error.name)"
        assert await rt.eval_async(code) == "TimeoutError"
        await soon(lambda: hanging.log == ["asked", "cancelled"] * 2)
        code = "fetch('https://a.example/', {signal: AbortSignal.abort('why')}).catch((reason) => reason)"
        assert await rt.eval_async(code) == "why"
        # Aborted in the same turn in which it was asked for.
        code = """(() => { const c = new AbortController();
          const asked = fetch('https://a.example/', {signal: c.signal});
          c.abort('now');
          return asked.catch((reason) => reason) })()"""
        assert await rt.eval_async(code) == "now"
        await soon(lambda: hanging.log.count("asked") == hanging.log.count("cancelled"))


def test_abort_cancels_the_handler_of_a_blocking_call(runtimes: MakeRuntime) -> None:
    hanging = Hanging()
    rt = runtimes(fetch=hanging)
    code = "fetch('https://a.example/', {signal: AbortSignal.timeout(20)}).catch((error) => error.name)"
    assert rt.eval(code) == "TimeoutError"


async def test_cancelling_the_operation_cancels_the_handler() -> None:
    hanging = Hanging()
    async with Runtime.create(fetch=hanging) as rt:
        task = asyncio.ensure_future(rt.eval_async("fetch('https://a.example/')"))
        await soon(lambda: hanging.log == ["asked"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await soon(lambda: hanging.log == ["asked", "cancelled"])


async def test_abort_ends_a_body_that_is_being_read() -> None:
    log: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            log.append("closed")

    async with Runtime.create(fetch=Site(lambda _: FetchResponse(chunks()))) as rt:
        code = """(async () => { const c = new AbortController();
          const reader = (await fetch('https://a.example/', {signal: c.signal})).body.getReader();
          const first = await reader.read(); setTimeout(() => c.abort('enough'), 20);
          try { await reader.read() } catch (reason) { return [first.value.length, reason] } })()"""
        assert await rt.eval_async(code) == [5, "enough"]
        await soon(lambda: log == ["closed"])


async def test_a_response_that_nobody_reads_is_closed_with_its_runtime() -> None:
    log: list[str] = []

    class Chunks:
        def __aiter__(self) -> Chunks:
            return self

        async def __anext__(self) -> bytes:
            raise AssertionError("nobody reads")

        async def aclose(self) -> None:
            log.append("closed")

    async with Runtime.create(fetch=Site(lambda _: FetchResponse(Chunks()))) as rt:
        assert await rt.eval_async("fetch('https://a.example/').then((r) => r.status)") == 200
    gc.collect()
    await soon(lambda: log == ["closed"])


async def test_many_at_once() -> None:
    async def handler(request: FetchRequest) -> FetchResponse:
        await asyncio.sleep(0.001)
        return FetchResponse(request.url[-3:])

    async with Runtime.create(fetch=handler) as rt:
        code = """Promise.all(Array.from({length: 300}, (_, i) =>
          fetch(`https://a.example/${i + 100}`).then((r) => r.text())))"""
        assert await rt.eval_async(code) == [str(number) for number in range(100, 400)]


async def test_changed_prototypes_do_not_reach_the_handler(js: Js, site: Site) -> None:
    await js.eval("""for (const name of ['get', 'append', 'entries', 'forEach']) Headers.prototype[name] = null;
      Headers.prototype[Symbol.iterator] = null; ReadableStream.prototype.getReader = null;
      ReadableStream.prototype.pipeThrough = null; 0""")
    given = "{method: 'PUT', headers: {a: 'b'}, duplex: 'half', body: new Blob(['x']).stream()}"
    ask = f"fetch('https://a.example/', {given})"
    assert await js.eval(ask + ".then((r) => r.text())") == "ok"
    assert site.requests[0].headers == (("a", "b"),)
    assert site.bodies == [b"x"]
