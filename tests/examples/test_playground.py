"""The playground example over real HTTP: uvicorn in a process of its own, httpx as client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import Server


@pytest.fixture(scope="module")
def server(examples: Path) -> Iterator[Server]:
    """Run one server for all tests; it must stop without a traceback."""
    running = Server(examples / "playground" / "app.py")
    yield running
    log = running.stop()
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


def run(client: httpx.Client, code: str) -> dict[str, Any]:
    """The events of a run by their kinds."""
    answer = client.post("/play/api/run", json={"code": code})
    return {event["event"]: event for event in map(json.loads, answer.text.splitlines())}


def test_the_way_to_the_playground(client: httpx.Client) -> None:
    assert 'href="play/"' in client.get("/").text
    assert "<title>jsrun playground</title>" in client.get("/play/").text


def test_visitors_share_what_is_pythons(client: httpx.Client) -> None:
    assert run(client, "globalThis.mine = 1; note('tea')")["result"]["value"]["text"] == "2"
    shown = run(client, "[typeof mine, ...(await notes())].join()")["result"]["value"]["text"]
    assert shown == "undefined,buy cake,tea"


def test_a_wrong_note_is_an_error_in_javascript(client: httpx.Client) -> None:
    error = run(client, "note(5)")["error"]["error"]
    assert (error["name"], error["message"]) == ("TypeError", "a note is a text, not int")
