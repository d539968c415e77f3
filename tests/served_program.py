"""An OpenAI-compatible server as a program of its own, with a child: what `serve.command` starts in the tests.

It answers each conversation with a number made of it, and adds a line to `asked.txt` for each.
"""

import argparse
import json
import socket
import subprocess
import sys
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    args: argparse.Namespace
    answered = 0
    recorded: ClassVar[dict[str, list[Any]]] = {}

    def do_GET(self) -> None:
        unwell = self.args.silent or 0 < self.args.unwell_after <= Handler.answered
        if self.path in self.recorded:
            self.replay()
        elif self.path == "/health":
            self.send(503 if unwell else 200, {})
        elif self.path == "/v1/models":
            self.send(200, {"data": [{"id": self.args.name, "owned_by": "program"}]})
        else:
            self.send(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = json.loads(body)["messages"][-1]["content"]
        time.sleep(self.args.seconds)
        Handler.answered += 1
        with open(self.args.folder / "asked.txt", "a") as file:
            file.write(json.dumps([text, self.headers.get("Authorization")]) + "\n")
        if self.path in self.recorded:
            self.replay()
            return
        reply = self.args.reply or f"\\boxed{{{zlib.crc32(text.encode()) % 1000}}}"
        message = {"role": "assistant", "content": reply}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.send(200, {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 5}})

    def replay(self) -> None:
        """Send the next reply that another server gave at this path; the last one stays."""
        turns = self.recorded[self.path]
        self.send(*(turns.pop(0) if len(turns) > 1 else turns[0]))

    def send(self, code: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--unwell-after", type=int, default=0)
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--reply", help="to every conversation, in place of the number")
    parser.add_argument("--recorded", type=Path, help="what another server replied: [status, body] in turn, by path")
    parser.add_argument("--says", help="it says this and ends")
    parser.add_argument("--thief", type=int, default=0, help="another listens at its port, at the first so many starts")
    args, others = parser.parse_known_args()
    Handler.args = args
    Handler.recorded = json.loads(args.recorded.read_text()) if args.recorded else {}
    if args.says:
        print(f"starting\n{args.says}", file=sys.stderr)
        sys.exit(3)
    if args.thief > len((args.folder / "stolen.txt").read_bytes() if (args.folder / "stolen.txt").exists() else b""):
        with open(args.folder / "stolen.txt", "a") as file:
            file.write("x")
        thief = socket.create_server((args.host, args.port))
        socket.create_server((args.host, thief.getsockname()[1]), reuse_port=True)
    child = subprocess.Popen(["sleep", "600"])
    with open(args.folder / "processes.txt", "a") as file:
        file.write(f"{child.pid} {json.dumps(others)}\n")
    Server((args.host, args.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
