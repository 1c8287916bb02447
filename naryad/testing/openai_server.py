"""A fake OpenAI-compatible server in a process of its own, so that tests can kill it, stop it and cut its answers.

Speaks `/v1/models` and `/v1/chat/completions`, streamed and whole, as OpenAI's reference describes them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.request import Request, urlopen

from naryad.child import die_with


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request is answered with.

    Attributes:
        text: Streamed word by word.
        calls: Tool calls as `{"name": …, "arguments": JSON text}`; their ids are all the same, as of careless models.
        status: HTTP status; from 400 on, `text` is the error's message.
        headers: Further headers, for example Retry-After.
        code: The error's code.
        finish: The finish_reason; empty for a stream that ends without one.
        cut_after: Break the connection after so many chunks.
        hold_after: Send nothing more after so many chunks, and keep the connection.
        delay_s: Wait before each chunk.
        pieces: The text's chunks, where words will not do.
        model: Who says to have answered; empty for the model that was asked.
    """

    text: str = "Hello from the fake."
    calls: tuple[dict[str, str], ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""
    finish: str = "stop"
    cut_after: int | None = None
    hold_after: int | None = None
    delay_s: float = 0.0
    pieces: tuple[str, ...] = ()
    model: str = ""


class OpenAIServer:
    """Handle of the server process.

    Args:
        replies: Answers in turn; the last one repeats.
        port: 0 for any free one.
    """

    def __init__(self, *replies: Reply, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "naryad.testing.openai_server", str(os.getpid()), str(port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None or not (line := self._process.stdout.readline()):
            raise RuntimeError("the fake server did not start")
        self.port = int(line)
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.say(*replies or (Reply(),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def say(self, *replies: Reply) -> None:
        """Replace the answers that are still to come."""
        self._control("/_replies", [asdict(reply) for reply in replies])

    def requests(self) -> list[dict[str, Any]]:
        """The bodies of the chat requests so far."""
        found: list[dict[str, Any]] = self._control("/_requests")
        return found

    def kill(self) -> None:
        """SIGKILL: connections break, new ones are refused."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGSTOP: connections stay open and nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process in whatever state it is."""
        self.kill()
        if self._process.stdout:
            self._process.stdout.close()

    def _control(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"http://127.0.0.1:{self.port}{path}", data=data), timeout=10) as answer:
            return json.load(answer)


class _State:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.replies = [Reply()]
        self.requests: list[dict[str, Any]] = []

    def next(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.requests.append(body)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: _State

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._json({"object": "list", "data": [{"id": "fake", "object": "model", "created": 0, "owned_by": "us"}]})
        elif self.path == "/_requests":
            self._json(self.state.requests)
        else:
            self._error(404, "no such path", "")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/_replies":
            with self.state.lock:
                self.state.replies = [Reply(**reply) for reply in body]
            self._json({})
        elif self.path == "/v1/chat/completions":
            self._complete(body, self.state.next(body))
        else:
            self._error(404, "no such path", "")

    def _complete(self, body: dict[str, Any], reply: Reply) -> None:
        if reply.status >= 400:
            self._error(reply.status, reply.text, reply.code, reply.headers)
        elif body.get("stream"):
            self._stream(body, reply)
        else:
            said = {"role": "assistant", "content": reply.text, "tool_calls": _calls(reply) or None}
            choice = {"index": 0, "message": said, "finish_reason": reply.finish or "stop"}
            self._json(_envelope("chat.completion", body, reply, [choice]) | {"usage": _usage(reply)})

    def _stream(self, body: dict[str, Any], reply: Reply) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, chunk in enumerate(_chunks(body, reply)):
            if number == reply.cut_after:
                self.close_connection = True
                return
            if number == reply.hold_after:
                threading.Event().wait()
            time.sleep(reply.delay_s)
            self._send_chunk(f"data: {json.dumps(chunk)}\n\n")
        self._send_chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _send_chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _error(self, status: int, message: str, code: str, headers: dict[str, str] | None = None) -> None:
        error = {"message": message, "type": "error", "param": None, "code": code or None}
        self._json({"error": error}, status, headers)

    def _json(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the output of tests is for failures."""


def _chunks(body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    words = reply.pieces or re.findall(r"\s*\S+|\s+$", reply.text)
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in words if word]
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(_calls(reply))]
    for delta in deltas:
        yield _envelope("chat.completion.chunk", body, reply, [{"index": 0, "delta": delta, "finish_reason": None}])
    if reply.finish:
        last = {"index": 0, "delta": {}, "finish_reason": reply.finish}
        yield _envelope("chat.completion.chunk", body, reply, [last])
        if (body.get("stream_options") or {}).get("include_usage"):
            yield _envelope("chat.completion.chunk", body, reply, []) | {"usage": _usage(reply)}


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [{"id": "call_0", "type": "function", "function": call} for call in reply.calls]


def _usage(reply: Reply) -> dict[str, int]:
    words = len(reply.text.split())
    return {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words}


def _envelope(kind: str, body: dict[str, Any], reply: Reply, choices: list[dict[str, Any]]) -> dict[str, Any]:
    model = reply.model or body.get("model", "")
    return {"id": "chatcmpl-fake", "object": kind, "created": 0, "model": model, "choices": choices}


def _serve(parent: int, port: int) -> None:
    die_with(parent)
    _Handler.state = _State()
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
