"""A client that shows what came over the wire, send by send."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


class Closed(Exception):
    """The server closed its side before the answer was complete; ``got`` is what came of the body."""

    def __init__(self, got: bytes) -> None:
        super().__init__(got)
        self.got = got


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    chunks: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def text(self) -> str:
        return "".join(text_of(item) for item in self.objects)


def text_of(item: dict[str, Any]) -> str:
    return item["response"] if "response" in item else item["message"]["content"]


def generate(**body: Any) -> bytes:
    return post("/api/generate", {"model": "m", "prompt": "Why?", **body})


def chat(**body: Any) -> bytes:
    return post("/api/chat", {"model": "m", "messages": [{"role": "user", "content": "Why?"}], **body})


def post(path: str, body: Any, *headers: str, version: str = "1.1") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class Wire:
    """One connection."""

    def __init__(self, url: str, **options: int) -> None:
        address = urlsplit(url)
        self.sock = socket.socket()
        if "receive_buffer" in options:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options["receive_buffer"])
        self.sock.settimeout(20)
        self.sock.connect((address.hostname, address.port))
        self.buffer = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> Wire:
        self.sock.sendall(data)
        return self

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.answer()

    def more(self) -> bytes:
        data = self.sock.recv(65536)
        self.buffer += data
        return data

    def until(self, mark: bytes) -> bytes:
        while mark not in self.buffer:
            if not self.more():
                raise Closed(self.buffer)
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def exactly(self, size: int) -> bytes:
        parts, missing = [self.buffer], size - len(self.buffer)
        while missing > 0:
            data = self.sock.recv(1 << 20)
            if not data:
                raise Closed(b"".join(parts))
            parts.append(data)
            missing -= len(data)
        data = b"".join(parts)
        self.buffer = data[size:]
        return data[:size]

    def head(self) -> Answer:
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:])
        return Answer(int(lines[0].split(" ")[1]), {name.lower(): value for name, value in pairs})

    def chunk(self) -> bytes:
        """One chunk; empty for the closing one."""
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size + 2)
        assert data.endswith(b"\r\n")
        return data[:-2]

    def answer(self, *, head_only: bool = False) -> Answer:
        answer = self.head()
        if head_only:
            return answer
        if answer.headers.get("transfer-encoding") == "chunked":
            while chunk := self.chunk():
                answer.chunks.append(chunk)
        elif "content-length" in answer.headers:
            answer.chunks.append(self.exactly(int(answer.headers["content-length"])))
        else:
            while self.more():
                pass
            answer.chunks, self.buffer = [self.buffer], b""
        return answer

    def gone(self) -> bool:
        """Whether the server has closed its side without sending more."""
        return self.sock.recv(1) == b""
