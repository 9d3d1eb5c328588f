"""`jsrun playground`: a server as people start it, with real connections."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from command_line import call, environment, start
from modes import wait_until


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server for all tests; it survives them, and ends well although a run is under way."""
    with start("playground", "--port", 0, "--timeout", 20, "--max-visitors", 20) as process:
        try:
            assert process.stdout is not None
            found = re.fullmatch(r"Playground: (http://127\.0\.0\.1:\d+/)\n", process.stdout.readline())
            assert found
            with httpx.Client(base_url=found[1], timeout=20, trust_env=False) as client:
                yield found[1]
                with client.stream("POST", "api/run", json={"code": "for (;;) {}"}) as under_way:
                    told = events(under_way)
                    assert next(told)["event"] == "session"
                    process.send_signal(signal.SIGINT)
                    assert [event["status"] for event in told] == ["cancelled"]
                    assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


def events(answer: httpx.Response) -> Iterator[Any]:
    return map(json.loads, answer.iter_lines())


def run(client: httpx.Client, code: str, session: str | None = None) -> dict[str, Any]:
    """The events of a run by their kinds."""
    body = {"code": code} if session is None else {"code": code, "session": session}
    return {event["event"]: event for event in events(client.post("api/run", json=body))}


def test_events_come_while_the_run_goes_on(client: httpx.Client) -> None:
    code = (
        "(async function* () { console.log('first'); yield 1; await new Promise(() => setInterval(() => {}, 1e3)) })()"
    )
    with client.stream("POST", "api/run", json={"code": code}) as answer:
        told = events(answer)
        session = next(told)["session"]
        kinds = [next(told)["event"] for _ in range(3)]
        assert sorted(kinds) == ["chunk", "console", "stream"]
        # It would go on for ever.
        assert client.post("api/cancel", json={"session": session}).status_code == 204
        assert [event["status"] for event in told] == ["cancelled"]


def test_who_hangs_up_cancels_the_run(client: httpx.Client) -> None:
    with client.stream("POST", "api/run", json={"code": "globalThis.kept = 1; console.log(1); for (;;) {}"}) as answer:
        told = events(answer)
        session = next(told)["session"]
        assert next(told)["event"] == "console"

    def free() -> bool:
        return client.post("api/run", json={"code": "0", "session": session}).status_code == 200

    wait_until(free, 10)
    assert run(client, "kept", session)["result"]["value"]["text"] == "1"


def test_a_body_that_breaks_off(client: httpx.Client, url: str) -> None:
    host, port = url.removeprefix("http://").strip("/").split(":")
    head = f"POST /api/run HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + b'{"code"')
    assert run(client, "1 + 1")["result"]["value"]["text"] == "2"


def test_a_flood_does_not_block_the_others(client: httpx.Client) -> None:
    with client.stream("POST", "api/run", json={"code": "for (;;) console.log('x'.repeat(1000))"}) as flood:
        told = events(flood)
        session = next(told)["session"]
        assert run(client, "'served'")["result"]["value"]["text"] == "served"
        client.post("api/cancel", json={"session": session})
        kinds = [event["event"] for event in told]
    assert kinds.count("console") == 1000
    assert kinds[-2:] == ["dropped", "end"]


def test_what_cannot_be_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = call("playground", "--no-open", "--port", port)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"jsrun: cannot listen on 127.0.0.1, port {port}: Address already in use\n"
    for arguments, said in [
        (["--port", "65536"], "a port is a number from 0 to 65535; got '65536'"),
        (["--host", "256.0.0.1"], "cannot listen on 256.0.0.1, port 8765: "),
        (["--max-heap", "1K"], "max_heap_size must be at least 4194304"),
    ]:
        done = call("playground", *arguments)
        assert done.returncode == 2
        assert said in done.stderr


def test_without_the_extra_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['starlette'] = None; from jsrun._cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "playground"], env=environment(), capture_output=True, text=True, timeout=50
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "jsrun playground needs starlette: pip install 'jsrun[playground]'\n"
