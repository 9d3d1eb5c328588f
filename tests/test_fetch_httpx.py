"""`HttpxFetch` against a real server: streaming both ways, limits, redirects, header rules."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn
from modes import soon, wait_until
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from jsrun import FetchRequest, HttpxFetch, JavaScriptError, Runtime

LOG: list[Any] = []


async def echo(request: Request) -> Response:
    body = await request.body()
    told = {
        "method": request.method,
        "path": str(request.url),
        "body": body.decode(),
        "headers": request.headers.items(),
    }
    return JSONResponse(told, headers={"set-cookie": "kept=1"})


async def count(request: Request) -> Response:
    sizes = []
    with contextlib.suppress(ClientDisconnect):
        async for chunk in request.stream():
            sizes.append(len(chunk))
            LOG.append(len(chunk))
    return JSONResponse([sum(sizes), request.headers.get("transfer-encoding")])


async def chunks(request: Request) -> Response:
    async def produce() -> AsyncIterator[bytes]:
        try:
            for number in range(int(request.query_params.get("n", "5"))):
                LOG.append(number)
                yield b"%04d" % number * 250
                await asyncio.sleep(float(request.query_params.get("pause", "0.001")))
        finally:
            LOG.append("closed")

    return StreamingResponse(produce())


async def slow(_: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("late")


async def redirect(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"], int(request.query_params.get("status", "302")))


async def bomb(_: Request) -> Response:
    return Response(gzip.compress(bytes(5 << 20)), headers={"content-encoding": "gzip"})


async def big(_: Request) -> Response:
    return Response(bytes(5 << 20))


APP = Starlette(
    routes=[
        Route("/echo", echo, methods=["GET", "POST", "PUT", "DELETE"]),
        Route("/count", count, methods=["POST"]),
        Route("/redirect", redirect, methods=["GET", "POST", "PUT"]),
        *(Route(f"/{handler.__name__}", handler) for handler in (chunks, slow, bomb, big)),
    ]
)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """A server on a thread of its own; gives its origin."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        APP, log_level="error", lifespan="off", timeout_graceful_shutdown=1, ws="none", loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def log() -> list[Any]:
    LOG.clear()
    return LOG


async def evaluate(origin: str, code: str, **options: Any) -> Any:
    """Run `code`, in which `origin` is the server's, with a runtime that may reach it."""
    async with Runtime.create(fetch=HttpxFetch(options.pop("allow", [origin]), **options)) as rt:
        function = await rt.eval_async(f"async (origin) => {{ {code} }}")
        return await function.call_async(origin, timeout=20)


async def refusal(origin: str, code: str, **options: Any) -> tuple[str, str]:
    """Name and message of the cause of the TypeError with which `code` fails."""
    caught = await evaluate(
        origin,
        f"try {{ {code} }} catch (error) {{ const e = error.cause ?? error; return [e.name, e.message] }}",
        **options,
    )
    assert isinstance(caught, list), caught
    return caught[0], caught[1]


# --- requests ------------------------------------------------------------------------------------------------------


async def test_get_and_post(origin: str) -> None:
    told = await evaluate(origin, "return (await fetch(`${origin}/echo?a=1`, {headers: {'X-One': 'ä'}})).json()")
    assert (told["method"], told["body"], told["path"]) == ("GET", "", f"{origin}/echo?a=1")
    headers = dict(told["headers"])
    assert (headers["x-one"], headers["user-agent"]) == ("ä", "jsrun")
    code = (
        "return (await fetch(`${origin}/echo`, {method: 'POST', body: 'grüß', headers: {'user-agent': 'me'}})).json()"
    )
    told = await evaluate(origin, code)
    assert (told["method"], told["body"], dict(told["headers"])["user-agent"]) == ("POST", "grüß", "me")


async def test_headers_of_the_connection_are_not_javascripts(origin: str) -> None:
    code = """return (await fetch(`${origin}/echo`, {method: 'POST', body: 'abc', headers: {
      Host: 'inside.example', 'Content-Length': '99', 'Transfer-Encoding': 'chunked', Connection: 'upgrade',
      Upgrade: 'h2c',
      'Proxy-Authorization': 'x', TE: 'trailers', Expect: '100-continue', Cookie: 'a=1'}})).json()"""
    told = dict((await evaluate(origin, code))["headers"])
    assert told["host"] == origin.removeprefix("http://")
    assert told["content-length"] == "3"
    assert told["cookie"] == "a=1"
    assert not told.keys() & {"transfer-encoding", "upgrade", "proxy-authorization", "te", "expect"}


async def test_no_cookie_is_kept(origin: str) -> None:
    code = """const first = await fetch(`${origin}/echo`);
      const second = await (await fetch(`${origin}/echo`)).json();
      return [first.headers.getSetCookie(), second.headers.filter(([name]) => name === 'cookie')]"""
    assert await evaluate(origin, code) == [["kept=1"], []]


async def test_the_environment_is_not_used(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    assert await evaluate(origin, "return (await fetch(`${origin}/echo`)).status") == 200


async def test_an_upload_is_streamed(origin: str, log: list[Any]) -> None:
    code = """let made = 0;
      const body = new ReadableStream({async pull(c) {
        if (made++ === 100) return c.close();
        c.enqueue(new Uint8Array(50_000));
      }});
      return (await fetch(`${origin}/count`, {method: 'POST', duplex: 'half', body})).json()"""
    assert await evaluate(origin, code) == [5_000_000, "chunked"]
    assert len(log) > 5
    code = "return (await fetch(`${origin}/count`, {method: 'POST', body: new Uint8Array(5_000_000)})).json()"
    assert await evaluate(origin, code) == [5_000_000, None]


async def test_a_chunk_that_is_no_bytes_fails_the_upload(origin: str) -> None:
    code = """const body = new ReadableStream({start(c) { c.enqueue('text'); c.close() }});
      await fetch(`${origin}/count`, {method: 'POST', duplex: 'half', body})"""
    name, message = await refusal(origin, code)
    assert name == "TypeError" and "must be a Uint8Array, got str" in message


async def test_a_download_is_streamed(origin: str, log: list[Any]) -> None:
    code = """const sizes = []; let total = 0;
      for await (const chunk of (await fetch(`${origin}/chunks?n=50`)).body) {
        sizes.push(chunk.length);
        total += chunk.length;
      }
      return [total, sizes.length > 5]"""
    assert await evaluate(origin, code) == [50_000, True]


async def test_compressed_content_arrives_as_it_was(origin: str) -> None:
    assert await evaluate(origin, "return (await (await fetch(`${origin}/bomb`)).bytes()).length") == 5 << 20


# --- the allow list ------------------------------------------------------------------------------------------------


async def test_other_origins_are_refused(origin: str) -> None:
    port = int(origin.rsplit(":", 1)[1])
    for url in (
        f"http://127.0.0.1:{port + 1}/echo",
        f"https://127.0.0.1:{port}/echo",
        f"http://localhost:{port}/echo",
        "http://127.0.0.1/echo",
        f"http://127.0.0.1.:{port + 1}/",
    ):
        name, message = await refusal(origin, f"await fetch('{url}')")
        assert name == "PermissionDenied" and "not on the allow list" in message, url
    # The same origin in other words.
    assert await evaluate(origin, f"return (await fetch('HTTP://0x7f.1:{port}/echo')).status") == 200
    name, _ = await refusal(origin, "await fetch(`${origin}/echo`)", allow=[])
    assert name == "PermissionDenied"


async def test_redirects_are_checked_too(origin: str) -> None:
    with serving() as other:
        for target in (
            f"{other}/echo",
            "http://169.254.169.254/",
            "file:///etc/passwd",
            "ftp://a/",
            "https://a.example",
        ):
            name, _ = await refusal(
                origin, f"await fetch(`${{origin}}/redirect?to=${{encodeURIComponent('{target}')}}`)"
            )
            assert name == "PermissionDenied", target
        code = f"""const headers = {{authorization: 'secret', cookie: 'a=1', 'x-other': 'kept'}};
          const r = await fetch(`${{origin}}/redirect?to={other}/echo`, {{headers}});
          return [r.url, r.redirected, (await r.json()).headers]"""
        url, redirected, headers = await evaluate(origin, code, allow=[origin, other])
        assert (url, redirected) == (f"{other}/echo", True)
        assert "x-other" in dict(headers)
        assert not dict(headers).keys() & {"authorization", "cookie"}


@pytest.mark.parametrize(
    ("status", "method", "becomes", "body"),
    [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (303, "PUT", "GET", ""),
        (307, "POST", "POST", "x"),
        (308, "PUT", "PUT", "x"),
        (302, "PUT", "PUT", "x"),
    ],
)
async def test_redirects_change_the_method_as_the_standard_says(
    origin: str, status: int, method: str, becomes: str, body: str
) -> None:
    code = f"""const r = await fetch(`${{origin}}/redirect?status={status}&to=/echo`,
                                     {{method: '{method}', body: 'x', headers: {{authorization: 'kept'}}}});
      return [r.redirected, await r.json()]"""
    redirected, told = await evaluate(origin, code)
    assert (redirected, told["method"], told["body"]) == (True, becomes, body)
    headers = dict(told["headers"])
    assert headers["authorization"] == "kept"
    assert ("content-type" in headers) == (becomes != "GET")


async def test_redirects_that_are_not_followed(origin: str) -> None:
    code = """const r = await fetch(`${origin}/redirect?to=/echo`, {redirect: 'manual'});
      return [r.status, r.headers.get('location')]"""
    assert await evaluate(origin, code) == [302, "/echo"]
    name, message = await refusal(origin, "await fetch(`${origin}/redirect?to=/echo`, {redirect: 'error'})")
    assert name == "FetchError" and "redirect: 'error'" in message
    name, message = await refusal(origin, "await fetch(`${origin}/redirect?to=/redirect%3Fto=/echo`)", max_redirects=1)
    assert name == "FetchError" and "more than 1 redirects" in message
    code = """await fetch(`${origin}/redirect?status=307&to=/echo`,
                          {method: 'POST', duplex: 'half', body: new Blob(['x']).stream()})"""
    name, message = await refusal(origin, code)
    assert name == "FetchError" and "cannot be sent again" in message


# --- limits --------------------------------------------------------------------------------------------------------


async def test_the_time_limit_covers_head_and_body(origin: str, log: list[Any]) -> None:
    name, message = await refusal(origin, "await fetch(`${origin}/slow`)", timeout=0.2)
    assert name == "TimeoutError" and "more than 0.2 s" in message
    name, _ = await refusal(origin, "await (await fetch(`${origin}/chunks?n=1000&pause=0.05`)).text()", timeout=0.4)
    assert name == "TimeoutError"
    await soon(lambda: log[-1] == "closed")


@pytest.mark.parametrize("path", ["big", "bomb", "chunks?n=100"])
async def test_the_size_limit_counts_what_javascript_would_get(origin: str, path: str) -> None:
    code = f"await (await fetch(`${{origin}}/{path}`)).bytes()"
    name, message = await refusal(origin, code, max_response_bytes=50_000)
    assert name == "FetchError" and "more than 50000 bytes" in message


async def test_abort_closes_the_connection(origin: str, log: list[Any]) -> None:
    code = """const c = new AbortController();
      const reader = (await fetch(`${origin}/chunks?n=10000`, {signal: c.signal})).body.getReader();
      await reader.read(); c.abort();
      try { for (;;) await reader.read() } catch (error) { return error.name }"""
    assert await evaluate(origin, code) == "AbortError"
    await soon(lambda: log[-1] == "closed")
    name, _ = await refusal(origin, "await fetch(`${origin}/slow`, {signal: AbortSignal.timeout(50)})")
    assert name == "TimeoutError"


async def test_a_body_that_is_not_read_lets_the_connection_go(origin: str, log: list[Any]) -> None:
    assert await evaluate(origin, "return (await fetch(`${origin}/chunks?n=100000`)).status") == 200
    await soon(lambda: log[-1] == "closed")


async def test_a_server_that_is_not_there(origin: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = f"http://127.0.0.1:{listener.getsockname()[1]}"
    name, message = await refusal(origin, f"await fetch('{gone}/')", allow=[gone])
    assert name == "FetchError" and "ConnectError" in message


async def test_many_at_once(origin: str) -> None:
    code = """const all = Array.from({length: 40}, (_, i) => fetch(`${origin}/echo?${i}`).then((r) => r.json()));
      return (await Promise.all(all)).map((told) => told.path.split('?')[1])"""
    assert await evaluate(origin, code) == [str(number) for number in range(40)]


def test_the_blocking_api(origin: str) -> None:
    with Runtime(fetch=HttpxFetch([origin])) as rt:
        assert rt.eval(f"fetch('{origin}/echo').then(async (r) => (await r.json()).method)") == "GET"
        with pytest.raises(JavaScriptError, match="allow list"):
            rt.eval("fetch('http://a.example/')")


# --- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (TypeError, {"allow": "https://a.example"}),
        (TypeError, {"allow": [5]}),
        *(
            (ValueError, {"allow": [text]})
            for text in (
                "a.example",
                "ftp://a.example",
                "https://",
                "https://a.example/path",
                "https://a.example?x",
                "https://me@a.example",
                "https://*.example",
                "*",
                "",
                "https://a.example:x",
            )
        ),
        (TypeError, {"timeout": "1"}),
        (ValueError, {"timeout": 0}),
        (ValueError, {"timeout": float("nan")}),
        (TypeError, {"max_response_bytes": 1.5}),
        (ValueError, {"max_redirects": -1}),
    ],
)
def test_arguments_are_checked(error: type[Exception], arguments: dict[str, Any]) -> None:
    with pytest.raises(error):
        HttpxFetch(**{"allow": [], **arguments})


async def test_it_is_an_ordinary_handler(origin: str) -> None:
    fetch = HttpxFetch([origin, "https://a.example"])
    assert repr(fetch) == f"<HttpxFetch {origin}, https://a.example:443>"
    response = await fetch(FetchRequest("GET", f"{origin}/echo"))
    assert response.status == 200
    assert b"".join([chunk async for chunk in response.body]).startswith(b"{")  # type: ignore[union-attr]
