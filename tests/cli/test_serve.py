"""`naryad serve` itself."""

import socket

from cli import serve


def test_answers_do_not_wait_for_the_peer() -> None:
    """The server's socket tells its protocol: without it asyncio leaves Nagle's 40 ms on every answer."""
    with serve._bound("127.0.0.1", 0) as opened:
        assert opened.proto == socket.IPPROTO_TCP
