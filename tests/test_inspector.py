"""The inspector's door: who is found where, who may come in, and what happens to those who misbehave."""

from __future__ import annotations

import dataclasses
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import cdp
import pytest
from modes import wait_until

import jsrun
from jsrun import InspectorConfig, InspectorError, Runtime, RuntimeConfig


@pytest.fixture(autouse=True)
def no_panics(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A task of the server that panics says so on the standard error stream, and nowhere else."""
    yield
    assert "panicked" not in capfd.readouterr().err


@pytest.fixture
def inspected(runtimes: Callable[..., Runtime]) -> Callable[..., Runtime]:
    """Makes runtimes with an inspector on a free port."""
    return lambda **options: runtimes(inspector=InspectorConfig(port=0, **options))


def test_defaults_and_order_of_the_configuration() -> None:
    config = InspectorConfig("::1", 1234)
    assert (config.host, config.port) == ("::1", 1234)
    config = InspectorConfig()
    assert dataclasses.asdict(config) == {
        "host": "127.0.0.1",
        "port": 9229,
        "wait_for_connection": False,
        "break_on_next_statement": False,
        "target_url": None,
        "display_name": None,
    }
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"host": 1}, TypeError),
        ({"port": "9229"}, TypeError),
        ({"port": True}, TypeError),
        ({"port": -1}, ValueError),
        ({"port": 65536}, ValueError),
        ({"wait_for_connection": 1}, TypeError),
        ({"break_on_next_statement": None}, TypeError),
        ({"target_url": b"x"}, TypeError),
        ({"display_name": 1}, TypeError),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        InspectorConfig(**options)


def test_the_runtime_takes_an_inspector_config_only() -> None:
    with pytest.raises(TypeError, match="inspector must be an InspectorConfig, got bool"):
        RuntimeConfig(inspector=True)  # type: ignore[arg-type]


def test_a_runtime_without_inspector_has_no_endpoints(rt: Runtime) -> None:
    assert rt.inspector_endpoints() is None
    rt.close()
    with pytest.raises(jsrun.RuntimeClosed):
        rt.inspector_endpoints()


def test_endpoints(inspected: Callable[..., Runtime]) -> None:
    rt = inspected(display_name="My Runtime", target_url="app://main")
    endpoints = rt.inspector_endpoints()
    assert endpoints is not None
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", endpoints.id)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", endpoints.host)
    assert endpoints.websocket_url == f"ws://{endpoints.host}/ws/{endpoints.id}"
    assert endpoints.devtools_frontend_url.startswith("devtools://devtools/bundled/")
    assert f"ws={endpoints.host}/ws/{endpoints.id}" in endpoints.devtools_frontend_url
    assert (endpoints.title, endpoints.target_url) == ("My Runtime", "app://main")
    (entry,) = cdp.get(rt, "/json")
    assert entry["webSocketDebuggerUrl"] == endpoints.websocket_url
    assert entry["title"] == "My Runtime"
    assert entry["url"] == "app://main"
    assert entry["type"] == "node"
    with pytest.raises(dataclasses.FrozenInstanceError):
        endpoints.id = ""  # type: ignore[misc]


def test_runtimes_share_a_port_and_a_list(inspected: Callable[..., Runtime]) -> None:
    first, second = inspected(), inspected()
    assert cdp.address(first) == cdp.address(second)
    named = Runtime(inspector=InspectorConfig(port=cdp.address(first)[1]))
    with named:
        ids = [rt.inspector_endpoints().id for rt in (first, second, named)]  # type: ignore[union-attr]
        assert len(set(ids)) == 3
        assert sorted(cdp.listed(first)) == sorted(ids)
    assert sorted(cdp.listed(first)) == sorted(ids[:2])
    first.close()
    assert cdp.listed(second) == [ids[1]]


def test_the_port_is_free_when_the_last_runtime_is_closed(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    where = cdp.address(rt)
    with cdp.Client(rt):
        rt.close()
        with socket.create_server(where):
            pass
    with Runtime(inspector=InspectorConfig(port=where[1])) as again:
        assert cdp.address(again) == where


@pytest.mark.parametrize("kind", ["blocking", "awaited"])
async def test_a_taken_port_says_so(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = RuntimeConfig(inspector=InspectorConfig(port=other.getsockname()[1]))
        with pytest.raises(InspectorError, match=r"cannot listen on 127\.0\.0\.1:\d+: another process has the port"):
            if kind == "blocking":
                Runtime(config)
            else:
                await Runtime.create(config)


@pytest.mark.parametrize("host", ["example.org", "", "127.0.0.1:80", "300.1.1.1"])
def test_other_names_are_not_looked_up(host: str) -> None:
    with pytest.raises(InspectorError, match="must be an IP address or"):
        Runtime(inspector=InspectorConfig(host, 0))


def test_an_address_of_another_machine() -> None:
    with pytest.raises(InspectorError, match=r"cannot listen on 192\.0\.2\.1:9"):
        Runtime(inspector=InspectorConfig("192.0.2.1", 9))


def test_localhost_is_the_loopback_address() -> None:
    with Runtime(inspector=InspectorConfig("localhost", 0)) as rt:
        assert cdp.address(rt)[0] == "127.0.0.1"


def test_documents(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    version = cdp.get(rt, "/json/version")
    assert version["Browser"].startswith("jsrun/")
    assert version["Protocol-Version"] == "1.3"
    domains = {domain["domain"]: domain for domain in cdp.get(rt, "/json/protocol")["domains"]}
    assert {"Debugger", "Runtime", "Profiler", "HeapProfiler"} <= set(domains)
    with cdp.Client(rt) as client:
        # The document names what V8 has, and nothing else.
        for name, domain in domains.items():
            for command in domain["commands"]:
                try:
                    client.call(f"{name}.{command['name']}")
                except cdp.ProtocolError as error:
                    assert "wasn't found" not in str(error)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /json/list HTTP/1.1\nHost: {host}\n\n", "200"),
        ("GET /json/list HTTP/1.1\nHost: localhost:1\n\n", "200"),
        ("GET /json/list HTTP/1.1\nHost: [::1]\n\n", "200"),
        ("GET /json/list HTTP/1.1\nHost: evil.example\n\n", "403"),
        ("GET /json/list HTTP/1.1\nHost: evil.example:{port}\n\n", "403"),
        ("GET /json/list HTTP/1.1\nHost: 192.0.2.1\n\n", "403"),
        ("GET /json/list HTTP/1.1\nHost: localhost\nHost: evil.example\n\n", "403"),
        ("GET /json/list HTTP/1.1\n\n", "403"),
        ("GET /json/list HTTP/1.0\n\n", "403"),
        ("GET /json/list HTTP/1.1\nHost: {host}\nOrigin: http://evil.example\n\n", "403"),
        ("GET /json/list HTTP/1.1\nHost: {host}\nOrigin: http://{host}\n\n", "403"),
        ("GET /json/list HTTP/1.1\nHost: {host}\nOrigin: devtools://devtools\n\n", "200"),
        ("POST /json/list HTTP/1.1\nHost: {host}\n\n", "405"),
        ("GET / HTTP/1.1\nHost: {host}\n\n", "404"),
        ("GET /ws/0 HTTP/1.1\nHost: {host}\n\n", "404"),
        ("GET /ws/{id} HTTP/1.1\nHost: {host}\n\n", "426"),
        ("GET /ws/{id} HTTP/1.1\nHost: {host}\nConnection: Upgrade\nUpgrade: websocket\n\n", "400"),
        ("nonsense\n\n", "400"),
    ],
)
def test_requests(inspected: Callable[..., Runtime], head: str, status: str) -> None:
    rt = inspected()
    endpoints = rt.inspector_endpoints()
    assert endpoints is not None
    answer = cdp.knock(rt, head.format(host=endpoints.host, port=cdp.address(rt)[1], id=endpoints.id))
    assert answer.split()[1] == status


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_sessions_of_web_pages_are_refused(inspected: Callable[..., Runtime], headers: dict[str, str]) -> None:
    rt = inspected()
    with pytest.raises(cdp.Refused, match="403"):
        cdp.Client(rt, **headers)
    with cdp.Client(rt, Origin="devtools://devtools") as client:
        assert client.evaluate("6 * 7") == 42


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", -32700),
        ("nonsense", -32700),
        ("{", -32700),
        ('{"id": 1, "method": "Runtime.enable"', -32700),
        ("[1, 2]", -32600),
        ("null", -32600),
        ('{"method": "Runtime.enable"}', -32600),
        ('{"id": 99999999999, "method": "Runtime.enable"}', -32600),
        ('{"id": 1}', -32600),
        ('{"id": 1, "method": {}}', -32600),
        ('{"id": 1, "method": "No.such"}', -32601),
        ('{"id": 1, "method": "Runtime.evaluate", "params": {"expression": 1}}', -32602),
        ("[" * 100_000, -32700),
        ('{"id": 1, "method": "Runtime.enable", "params": ' + "[" * 5000 + "]" * 5000 + "}", -32700),
    ],
)
def test_bad_messages_are_answered_and_the_session_goes_on(
    inspected: Callable[..., Runtime], text: str, code: int
) -> None:
    rt = inspected()
    with cdp.Client(rt) as client:
        client.frame(text.encode())
        assert client.message()["error"]["code"] == code
        assert client.evaluate("6 * 7") == 42


@pytest.mark.parametrize(
    ("frames", "status"),
    [
        ([(b"{}", cdp.BINARY, True)], 1003),
        ([(b"\xff\xfe", cdp.TEXT, True)], 1007),
        ([(b"{", cdp.TEXT, False), (b"{", cdp.TEXT, False)], 1002),
        ([(b"{", 0, True)], 1002),
        ([(b"", 5, True)], 1002),
        ([(b"", cdp.CLOSE, True)], 1000),
        ([(b" " * (9 << 20), cdp.TEXT, False), (b" " * (9 << 20), 0, True)], 1009),
    ],
)
def test_bad_frames_end_the_session(
    inspected: Callable[..., Runtime], frames: list[tuple[bytes, int, bool]], status: int
) -> None:
    rt = inspected()
    with cdp.Client(rt) as client:
        for payload, opcode, last in frames:
            client.frame(payload, opcode, last=last)
        with pytest.raises(cdp.Closed) as closed:
            client.message()
    assert closed.value.status == status
    with cdp.Client(rt) as client:
        assert client.evaluate("6 * 7") == 42


def test_messages_in_pieces_and_pings(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    with cdp.Client(rt) as client:
        client.frame(b'{"id": 1, "method": "Runtime.eva', last=False)
        client.frame(b"hello", cdp.PING)
        client.frame('luate", "params": {"expression": "\'ü\' + \'日本\'"}}'.encode(), 0)
        assert client.receive() == (cdp.PONG, b"hello")
        assert client.message()["result"]["result"]["value"] == "ü日本"


def test_a_flood_is_read_no_faster_than_it_is_served(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    with cdp.Client(rt) as client:
        numbers = [client.send("Runtime.evaluate", expression=str(n)) for n in range(3000)]
        for n, number in enumerate(numbers):
            assert client.answer(number)["result"]["value"] == n
    assert rt.eval("1") == 1


def test_a_client_that_does_not_read_is_given_up(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    with cdp.Client(rt) as client:
        client.call("Runtime.enable")
        rt.eval("for (let i = 0; i < 90; i++) console.log('x'.repeat(1 << 20))", timeout=60)
        with pytest.raises(cdp.Closed) as closed:
            while True:
                client.receive()
        assert closed.value.status in {1013, None}
    assert rt.eval("1") == 1


def test_sessions_are_limited(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    with ExitStack() as stack:
        clients = [stack.enter_context(cdp.Client(rt)) for _ in range(64)]
        with pytest.raises(cdp.Refused, match="503"):
            cdp.Client(rt)
        clients[0].drop()

        def comes_in() -> bool:
            try:
                stack.enter_context(cdp.Client(rt))
            except cdp.Refused:
                return False
            return True

        wait_until(comes_in)
    assert rt.eval("1") == 1


def test_many_sessions_come_and_go(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    for n in range(500):
        with cdp.Client(rt) as client:
            client.send("Runtime.evaluate", expression="1")
            if n % 50 == 0:
                assert client.evaluate(str(n)) == n


def test_closing_the_runtime_says_goodbye(inspected: Callable[..., Runtime]) -> None:
    rt = inspected()
    with cdp.Client(rt) as client:
        assert client.evaluate("1") == 1
        rt.close()
        with pytest.raises(cdp.Closed) as closed:
            client.message()
    assert (closed.value.status, closed.value.reason) == (1001, "the runtime was closed")
