"""A web server on loopback that answers with given pages, and remembers what it was asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What it answers with, and was asked.

    Attributes:
        folders: Pages by the first part of the path, then by the rest of it: status and body.
        asked: Every path with its query, in order.
    """

    url: str = ""
    folders: dict[str, Mapping[str, tuple[int, str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Web]:
    """Serve on a free port until the end of the block."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            _, folder, path = self.path.partition("?")[0].split("/", 2) if self.path.count("/") > 1 else ("", "", "")
            status, body = web.folders.get(folder, {}).get(f"/{path}", (404, "no such page"))
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """It remembers instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
