"""An OpenAI-compatible server that answers each conversation by a plan of faults, and counts what it was asked."""

import json
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Handler"], None]
MODEL = "dial-1"


class ChatServer(ThreadingHTTPServer):
    """Answers `Say x.` with `x`. `plan` has the faults that come before the answer, by the last message's text."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: dict[str, list[Fault]] = defaultdict(list)
        self.always: Fault | None = None
        self.seconds = 0.0  # that an answer takes
        self.message: dict[str, Any] = {}  # what an answer has beside or instead of its text
        self.choice: dict[str, Any] = {}
        self.asked: dict[str, list[float]] = defaultdict(list)  # text -> when
        self.answered: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def vanish(self) -> None:
        """Be gone, as a killed server is: also for who has a connection."""
        self.always = reset
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: Any) -> None:
        """Say nothing: clients that leave are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        listed = {"/v1/models": {"data": [{"id": MODEL, "owned_by": "dials"}]}, "/version": {"version": "2.1"}}
        if self.path in listed and self.server.always is None:
            self.send(200, json.dumps(listed[self.path]))
        elif self.server.always is not None:
            self.server.always(self)
        else:
            self.send(404, "{}")

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        with server.lock:
            server.busy += 1
            server.most_busy = max(server.busy, server.most_busy)
            server.asked[text].append(time.monotonic())
            server.bodies.append(body)
            server.keys.add(self.headers.get("Authorization"))
            fault = server.plan[text].pop(0) if server.plan[text] else server.always
        try:
            if fault is None:
                time.sleep(server.seconds)
                self.send(200, answer(text, server))
                with server.lock:
                    server.answered[text] += 1
            else:
                fault(self)
        finally:
            with server.lock:
                server.busy -= 1

    def send(self, code: int, text: str, length: int | None = None, **headers: str) -> None:
        data = text.encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def answer(text: str, server: ChatServer) -> str:
    message = {"role": "assistant", "content": text.removeprefix("Say ").removesuffix("."), **server.message}
    choice = {"index": 0, "message": message, "finish_reason": "stop", **server.choice}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1000, "completion_tokens": 10}})


def status(code: int, text: str = "busy", **headers: str) -> Fault:
    """An error response."""
    return lambda handler: handler.send(code, json.dumps({"error": {"message": text}}), **headers)


def body(text: str) -> Fault:
    """A response with status 200 and something else in it."""
    return lambda handler: handler.send(200, text)


def half(handler: Handler) -> None:
    """The first bytes of an answer, then the end of the connection."""
    handler.send(200, '{"choices": [{"mess', length=500)
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """A connection reset in place of an answer."""
    # A socket closed while it lingers for 0 s sends RST.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    raise ConnectionResetError


def slow(handler: Handler) -> None:
    """A whole answer that nobody waits for any more."""
    time.sleep(1.5)
    body("{}")(handler)


@contextmanager
def running() -> Iterator[ChatServer]:
    """Run a server on a free port."""
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
