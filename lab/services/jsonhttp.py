"""JSON over HTTP on loopback: the server and the client that the services share."""

import errno
import json
import logging
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit, urlunsplit

Answer = tuple[int, Any]
Handle = Callable[[str, str, Any], Answer]
"""Takes method, path and the request's JSON; returns status and the answer's JSON."""


class Unreachable(Exception):
    """The other service gave no HTTP answer."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without the reverse DNS lookup of `HTTPServer`, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]


def serve(port: int, handle: Handle, log: logging.Logger) -> None:
    """Answer requests until the process ends.

    Raises:
        SystemExit: With 1, after an ERROR line, when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            try:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
                status, answer = handle(self.command, self.path, body)
            except ValueError as error:
                status, answer = 400, {"error": f"not a JSON request: {error}"}
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
            if self.path != "/health" and (status >= 400 or self.command != "GET"):
                log.log(logging.ERROR if status >= 500 else logging.INFO, "%s %s %d", self.command, self.path, status)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Keep the service's own log format."""

    try:
        server = _Server(("127.0.0.1", port), Handler)
    except OSError as error:
        reason = "address already in use" if error.errno == errno.EADDRINUSE else error.strerror
        log.error("cannot listen on 127.0.0.1:%d: %s", port, reason)
        raise SystemExit(1) from None
    log.info("listening on 127.0.0.1:%d", port)
    server.serve_forever(poll_interval=5)


def call(method: str, url: str, body: Any = None, *, timeout_s: float = 1.0) -> Answer:
    """Ask another service.

    Raises:
        Unreachable: It gave no answer in time, or no JSON over HTTP.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        path = urlunsplit(("", "", *parts[2:]))
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreachable(f"no answer from {parts.netloc}: {reason}") from error
    finally:
        connection.close()
