"""The streaming example over real HTTP: uvicorn in a process of its own, httpx as client."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from served import Server


@pytest.fixture(scope="module")
def server(examples: Path) -> Iterator[Server]:
    """Run one server for all tests; it must survive them and stop without a traceback."""
    running = Server(examples / "streaming.py")
    yield running
    assert running.process.poll() is None
    log = running.stop()
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


def state(client: httpx.Client) -> Any:
    return client.get("/events/state").json()


def test_json_lines(client: httpx.Client) -> None:
    with client.stream("GET", "/rows", params={"count": 1000}) as response:
        assert response.headers["content-type"] == "application/jsonl"
        got = [json.loads(line) for line in response.iter_lines()]
    assert got == [{"id": i, "square": i * i} for i in range(1000)]


def test_events_arrive_one_by_one(client: httpx.Client) -> None:
    finished = state(client)["finished"]
    with client.stream("GET", "/events", params={"count": 3, "pause": 5}) as response:
        text = "".join(response.iter_text())
    assert response.headers["content-type"].startswith("text/event-stream")
    assert text == "".join(f'event: tick\ndata: {{"tick":{i}}}\n\n' for i in range(3))
    assert state(client)["finished"] == finished + 1


def test_a_client_that_hangs_up_cancels_the_stream(client: httpx.Client) -> None:
    before = state(client)
    with client.stream("GET", "/events", params={"pause": 5}) as response:
        first = next(response.iter_text())
        assert first.startswith("event: tick")
        assert state(client)["open"] == before["open"] + 1
    end = monotonic() + 10
    while (now := state(client))["open"] > before["open"] and monotonic() < end:
        sleep(0.01)
    assert now["open"] == before["open"]
    assert len(now["cancelled"]) == len(before["cancelled"]) + 1
    assert now["cancelled"][-1].startswith("AbortError: the host")


TEXT = "one two\nthe longest line, in Ångström\n\nlast"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_upload_is_read_while_it_arrives(client: httpx.Client, size: int) -> None:
    data = TEXT.encode()
    pieces = (data[i : i + size] for i in range(0, len(data), size))
    response = client.post("/upload", content=pieces)
    assert response.json() == {"lines": 4, "words": 8, "longest": "the longest line, in Ångström"}


def test_a_large_upload(client: httpx.Client) -> None:
    block = b"some words here\n" * 4096
    response = client.post("/upload", content=(block for _ in range(50)))
    assert response.json() == {"lines": 204_800, "words": 614_400, "longest": "some words here"}


def test_an_empty_upload(client: httpx.Client) -> None:
    assert client.post("/upload").json() == {"lines": 0, "words": 0, "longest": ""}


def test_an_upload_that_breaks_off(client: httpx.Client, server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf of")
    assert client.post("/upload", content=b"a b").json() == {"lines": 1, "words": 2, "longest": "a b"}
