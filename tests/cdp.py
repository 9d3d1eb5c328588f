"""A client of the DevTools protocol over a plain socket, for tests: it says what it is told, right or wrong."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Any

from jsrun import Runtime

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATIENCE = 40.0


def address(rt: Runtime) -> tuple[str, int]:
    """Where a runtime's inspector listens."""
    endpoints = rt.inspector_endpoints()
    assert endpoints is not None
    host, _, port = endpoints.host.rpartition(":")
    return host, int(port)


def get(rt: Runtime, path: str) -> Any:
    """The JSON at a path of the runtime's inspector."""
    host, port = address(rt)
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=PATIENCE) as answer:
        return json.load(answer)


def listed(rt: Runtime) -> list[str]:
    """The ids in `/json/list`."""
    return [entry["id"] for entry in get(rt, "/json/list")]


def knock(rt: Runtime, head: str) -> str:
    """Send a request's head as it is; return the status line of the answer, empty if there is none."""
    with socket.create_connection(address(rt), timeout=PATIENCE) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        return connection.makefile("rb").readline().decode().strip()


class Refused(Exception):
    """The handshake failed; the text is the status line."""


class Closed(Exception):
    """The other side closed the connection: status and reason."""

    def __init__(self, status: int | None = None, reason: str = "") -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class ProtocolError(Exception):
    """The answer was an error."""


class Client:
    """One session."""

    def __init__(self, rt: Runtime, **headers: str) -> None:
        endpoints = rt.inspector_endpoints()
        assert endpoints is not None
        self.events: list[dict[str, Any]] = []
        # Script ids to URLs.
        self.scripts: dict[str, str] = {}
        self.socket = socket.create_connection(address(rt), timeout=PATIENCE)
        self.stream = self.socket.makefile("rb")
        self.number = 0
        lines = {
            "Host": endpoints.host,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.socket.sendall(f"GET /ws/{endpoints.id} HTTP/1.1\r\n{head}\r\n".encode())
        status = self.stream.readline().decode().strip()
        while self.stream.readline().strip():
            pass
        if " 101 " not in status:
            self.drop()
            raise Refused(status)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drop()

    def drop(self) -> None:
        """Go without a word."""
        self.stream.close()
        self.socket.close()

    def frame(self, payload: bytes, opcode: int = TEXT, *, last: bool = True) -> None:
        """Send one frame."""
        size = len(payload)
        first = (0x80 if last else 0) | opcode
        if size < 126:
            head = struct.pack("!BB", first, 0x80 | size)
        elif size < 1 << 16:
            head = struct.pack("!BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, size)
        # A mask of zeros changes nothing.
        self.socket.sendall(head + bytes(4) + payload)

    def receive(self) -> tuple[int, bytes]:
        """The next frame."""
        try:
            head = self.stream.read(2)
            if len(head) < 2:
                raise Closed
            size = head[1] & 0x7F
            if size == 126:
                size = struct.unpack("!H", self.stream.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.stream.read(8))[0]
            payload = self.stream.read(size)
        except (ConnectionResetError, BrokenPipeError):
            raise Closed from None
        if head[0] & 0x0F == CLOSE:
            status = struct.unpack("!H", payload[:2])[0] if payload else None
            raise Closed(status, payload[2:].decode())
        return head[0] & 0x0F, payload

    def message(self) -> dict[str, Any]:
        """The next message."""
        while True:
            opcode, payload = self.receive()
            if opcode == TEXT:
                message: dict[str, Any] = json.loads(payload)
                if message.get("method") == "Debugger.scriptParsed":
                    self.scripts[message["params"]["scriptId"]] = message["params"]["url"]
                return message

    def send(self, method: str, **params: Any) -> int:
        """Call a method without waiting; return the number of the call."""
        self.number += 1
        self.frame(json.dumps({"id": self.number, "method": method, "params": params}).encode())
        return self.number

    def answer(self, number: int) -> dict[str, Any]:
        """The result of a call; events that come meanwhile are kept."""
        while True:
            message = self.message()
            if message.get("id") == number:
                if "error" in message:
                    raise ProtocolError(message["error"]["message"])
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and wait for its result."""
        return self.answer(self.send(method, **params))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def event(self, method: str, matching: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The parameters of the next event of that name."""
        while True:
            for index, message in enumerate(self.events):
                if message.get("method") == method and matching(message["params"]):
                    del self.events[index]
                    params: dict[str, Any] = message["params"]
                    return params
            self.events.append(self.message())

    def debug(self) -> None:
        """Enable what a debugger needs, and let user code run."""
        self.call("Runtime.enable")
        self.call("Debugger.enable")
        self.call("Runtime.runIfWaitingForDebugger")

    def paused(self) -> dict[str, Any]:
        """Wait for a pause; return the innermost frame."""
        frame: dict[str, Any] = self.event("Debugger.paused")["callFrames"][0]
        return {**frame, "url": self.scripts[frame["location"]["scriptId"]]}

    def local(self, frame: dict[str, Any], name: str) -> Any:
        """The value of a local variable."""
        scope = next(scope for scope in frame["scopeChain"] if scope["type"] == "local")
        members = self.call("Runtime.getProperties", objectId=scope["object"]["objectId"])["result"]
        return next(member.get("value", {}).get("value") for member in members if member["name"] == name)
