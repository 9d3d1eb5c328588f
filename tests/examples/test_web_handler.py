"""The ASGI example over real HTTP: uvicorn in a process of its own, httpx as client."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import httpx
import pytest
from served import Server


@pytest.fixture(scope="module")
def server(examples: Path) -> Iterator[Server]:
    """Run one server for all tests; it must survive them and stop without a traceback."""
    running = Server(examples / "web_handler.py")
    yield running
    assert running.process.poll() is None
    log = running.stop()
    assert "Application shutdown complete" in log
    assert "Exception in ASGI application" not in log


def error_of(response: httpx.Response, status: int) -> dict[str, object]:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert isinstance(error, dict)
    return error


def test_healthz(client: httpx.Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


BOTH = pytest.mark.parametrize("route", ["/eval", "/isolated/eval"])
RENDERS = pytest.mark.parametrize("route", ["/render", "/pooled/render"])


@BOTH
@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("1 + 1", 2),
        ("({a: [1, 'ü', null, true]})", {"a": [1, "ü", None, True]}),
        ("const n = await Promise.resolve(20); n + 1", 21),
        ("undefined", None),
        ("[undefined]", [None]),
        ("new Set([1])", [1]),
        ("new Date(0)", "1970-01-01T00:00:00+00:00"),
        ("2n ** 100n", 2**100),
        ("'\\ud800'", "\ud800"),
    ],
)
def test_eval(client: httpx.Client, route: str, code: str, result: object) -> None:
    response = client.post(route, json={"code": code})
    assert response.status_code == 200, response.text
    assert json.loads(response.content) == {"result": result}


@BOTH
def test_eval_reports_the_javascript_error(client: httpx.Client, route: str) -> None:
    code = "function inner() { null.x }\nfunction outer() { inner() }\nouter()"
    error = error_of(client.post(route, json={"code": code}), 400)
    assert error["name"] == "TypeError"
    assert "null" in str(error["message"])
    frames = error["frames"]
    assert isinstance(frames, list)
    assert [frame.get("function_name") for frame in frames[:2]] == ["inner", "outer"]
    assert [frame["line_number"] for frame in frames[:3]] == [1, 2, 3]
    assert frames[0]["file_name"] == "request.js"


def test_eval_reports_a_syntax_error(client: httpx.Client) -> None:
    assert error_of(client.post("/eval", json={"code": "let let = 1"}), 400)["name"] == "SyntaxError"


@BOTH
def test_eval_stops_at_its_timeout(client: httpx.Client, route: str) -> None:
    started = monotonic()
    error = error_of(client.post(route, json={"code": "for (;;) {}", "timeout": 0.2}), 504)
    assert error["name"] == "JavaScriptTimeout"
    assert monotonic() - started < 5
    assert client.post(route, json={"code": "'alive'"}).json() == {"result": "alive"}


@BOTH
@pytest.mark.parametrize("code", ["new Uint8Array(2)", "() => 1", "NaN", "globalThis.o = {}; o.o = o", "Symbol()"])
def test_eval_refuses_what_json_has_no_form_for(client: httpx.Client, route: str, code: str) -> None:
    assert error_of(client.post(route, json={"code": code}), 422)


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[}",
        b"[]",
        b"\xff",
        b"{}",
        b'{"code": 1}',
        b'{"code": "1", "timeout": 0}',
        b'{"code": "1", "timeout": -1}',
        b'{"code": "1", "timeout": NaN}',
        b'{"code": "1", "timeout": true}',
        b'{"code": "1", "timeout": "1"}',
        b"[" * 100_000,
    ],
)
def test_eval_refuses_bad_bodies(client: httpx.Client, route: str, body: bytes) -> None:
    assert error_of(client.post(route, content=body), 400)["name"] == "BadRequest"


@RENDERS
def test_render(client: httpx.Client, route: str) -> None:
    response = client.post(route, json={"title": "Tea & cake", "items": ["<one>", 2]})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == "<section><h1>Tea &amp; cake</h1><ul><li>&lt;one&gt;</li><li>2</li></ul></section>"


@RENDERS
def test_render_reports_the_template_error(client: httpx.Client, route: str) -> None:
    error = error_of(client.post(route, json={"items": []}), 400)
    assert (error["name"], error["message"]) == ("TypeError", "title must be a string")


def test_fifty_requests_at_once_keep_their_context(server: Server) -> None:
    async def ask_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, timeout=20, limits=limits, trust_env=False) as client:
            requests = (client.get("/request", headers={"X-Request-ID": f"r{number}"}) for number in range(50))
            return await asyncio.gather(*requests)

    started = monotonic()
    responses = asyncio.run(ask_all())
    # Each waits 50 ms inside its Python coroutine: 2.5 s if one waited for another.
    assert monotonic() - started < 2
    for number, response in enumerate(responses):
        assert response.json() == {"id": f"r{number}", "path": "/request", "seenBy": "JavaScript"}
        assert response.headers["x-request-id"] == f"r{number}"


@RENDERS
def test_fifty_templates_at_once(server: Server, route: str) -> None:
    async def render_all() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=server.url, timeout=20, trust_env=False) as client:
            return await asyncio.gather(*(client.post(route, json={"title": f"t{n}"}) for n in range(50)))

    assert [re.findall(r"t\d+", response.text) for response in asyncio.run(render_all())] == [
        [f"t{number}"] for number in range(50)
    ]


def test_request_without_id_gets_one(client: httpx.Client) -> None:
    first, second = (client.get("/request") for _ in range(2))
    assert first.json()["id"] == first.headers["x-request-id"]
    assert first.json()["id"] != second.json()["id"]


def test_client_that_hangs_up_stops_its_script(client: httpx.Client) -> None:
    client.post("/eval", json={"code": "globalThis.turns = 0"})
    with pytest.raises(httpx.ReadTimeout):
        client.post("/eval", json={"code": "for (;;) turns++", "timeout": 25}, timeout=0.5)
    # The runtime has one thread: these answers are only possible because the loop was stopped.
    started = monotonic()
    turns = client.post("/eval", json={"code": "turns", "timeout": 10}).json()["result"]
    assert monotonic() - started < 8
    assert turns > 0
    assert client.post("/eval", json={"code": "turns"}).json() == {"result": turns}


def test_client_that_hangs_up_while_sending_its_body(server: Server, client: httpx.Client) -> None:
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(b'POST /eval HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n{"code": ')
    assert client.get("/healthz").status_code == 200


def test_isolated_scripts_leave_nothing_behind(client: httpx.Client) -> None:
    count = {"code": "globalThis.seen = (globalThis.seen ?? 0) + 1"}
    assert [client.post("/isolated/eval", json=count).json() for _ in range(5)] == [{"result": 1}] * 5


def test_isolated_scripts_do_not_wait_for_a_busy_one(server: Server, client: httpx.Client) -> None:
    async def ask() -> list[object]:
        async with httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as many:
            busy = asyncio.ensure_future(many.post("/isolated/eval", json={"code": "for (;;) {}", "timeout": 20}))
            answers = [(await many.post("/isolated/eval", json={"code": f"{n}"})).json() for n in range(10)]
            # One runtime of several was busy all the while.
            assert not busy.done()
            busy.cancel()
            await asyncio.wait({busy})
            return answers

    assert asyncio.run(ask()) == [{"result": number} for number in range(10)]
    # The client hung up, so that script's runtime is free again: both serve now.
    assert client.post("/isolated/eval", json={"code": "'alive'"}).json() == {"result": "alive"}


def test_a_client_that_hangs_up_while_it_waits_takes_no_runtime(server: Server, client: httpx.Client) -> None:
    async def crowd() -> None:
        async with httpx.AsyncClient(base_url=server.url, trust_env=False) as many:
            body = {"code": "for (;;) {}", "timeout": 20}
            requests = (many.post("/isolated/eval", json=body, timeout=0.5) for _ in range(40))
            assert {type(end) for end in await asyncio.gather(*requests, return_exceptions=True)} <= {
                httpx.ReadTimeout,
                httpx.ConnectTimeout,
            }

    asyncio.run(crowd())
    started = monotonic()
    assert client.post("/isolated/eval", json={"code": "'alive'"}).json() == {"result": "alive"}
    assert monotonic() - started < 8
