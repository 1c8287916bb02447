"""A developer's tool that someone may leave running: accepts connections on a port and forwards nothing."""

import argparse
import contextlib
import socketserver

from lab.lifeline import die_with_parent


class Greeting(socketserver.BaseRequestHandler):
    """Answers anything with one line that is not HTTP."""

    def handle(self) -> None:
        """Take what the client says and tell it who is here."""
        self.request.settimeout(1)
        with contextlib.suppress(TimeoutError):
            self.request.recv(65536)
        self.request.sendall(b"debug-proxy: no upstream configured\n")


class Proxy(socketserver.ThreadingTCPServer):
    """One thread per connection."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    die_with_parent()
    parser = argparse.ArgumentParser(prog="lab.services.debug_proxy")
    parser.add_argument("--port", type=int, required=True)
    with Proxy(("127.0.0.1", parser.parse_args().port), Greeting) as proxy:
        print(f"debug-proxy listening on {proxy.server_address}", flush=True)
        proxy.serve_forever(poll_interval=5)
