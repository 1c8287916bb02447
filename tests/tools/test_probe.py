"""Probes ask real servers on this machine."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from naryad.errors import ToolFailed
from tests.tools.conftest import CallTool
from tools.probe.reach import Reach
from tools.probe.tools import ProbeTools

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Everything(frozenset[Any]):
    """A set that holds whatever it is asked for."""

    def __contains__(self, _item: object) -> bool:
        return True


@pytest.fixture
def probe() -> ProbeTools:
    return ProbeTools(Reach(Everything(), Everything(), Everything()))


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A real server on a free port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def http_answer(text: str) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.encode())
        await writer.drain()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


def certificate(folder: Path, days: int) -> ssl.SSLContext:
    """A real self-signed certificate for 127.0.0.1 that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "naryad.test")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.mark.parametrize(
    ("status", "ok"), [("200 OK", True), ("404 Not Found", False), ("503 Service Unavailable", False)]
)
async def test_http_reports_status_and_beginning_of_the_body(
    call: CallTool, probe: ProbeTools, status: str, ok: bool
) -> None:
    """Any answer is a result with its status; the body is cut and its secrets masked."""
    body = "password=hunter2 " + "x" * 2000
    async with serving(http_answer(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}")) as port:
        found = await call(probe, "probe_http", url=f"http://127.0.0.1:{port}/health")
    assert (found["ok"], found["status"], found["error"]) == (ok, int(status[:3]), None)
    assert found["latency_ms"] > 0
    assert len(found["body"]) == 500
    assert "hunter2" not in found["body"]


@pytest.mark.parametrize(("handler", "error"), [(silent, "timeout"), (dripping, "timeout"), (closing, "closed")])
async def test_http_names_what_went_wrong(call: CallTool, probe: ProbeTools, handler: Handler, error: str) -> None:
    """A server that hangs, drips a byte at a time or hangs up is a result with one word."""
    async with serving(handler) as port:
        found = await call(probe, "probe_http", url=f"http://127.0.0.1:{port}/", timeout_s=0.5)
    assert (found["ok"], found["status"], found["error"]) == (False, None, error)


async def test_a_closed_port_is_refused(call: CallTool, probe: ProbeTools, unused_tcp_port: int) -> None:
    """HTTP, TCP and TLS probes of a closed port all say so."""
    http = await call(probe, "probe_http", url=f"http://127.0.0.1:{unused_tcp_port}/")
    tcp = await call(probe, "probe_tcp", host="127.0.0.1", port=unused_tcp_port)
    tls = await call(probe, "probe_tls", host="127.0.0.1", port=unused_tcp_port)
    assert [answer["error"] for answer in (http, tcp, tls)] == ["refused"] * 3
    assert not any(answer["ok"] for answer in (http, tcp, tls))


async def test_an_unknown_name_is_a_dns_error(call: CallTool, probe: ProbeTools) -> None:
    """A name without an address is a result."""
    found = await call(probe, "probe_http", url="http://no-such-host.invalid/")
    assert found["error"] == "dns"
    assert (await call(probe, "probe_tcp", host="no-such-host.invalid", port=80))["error"] == "dns"


async def test_an_open_port_accepts(call: CallTool, probe: ProbeTools) -> None:
    """A listening port is ok."""
    async with serving(silent) as port:
        found = await call(probe, "probe_tcp", host="127.0.0.1", port=port)
    assert (found["ok"], found["error"]) == (True, None)


async def test_redirects_stay_on_the_host(call: CallTool, probe: ProbeTools) -> None:
    """A redirect on the same host is followed, one to another host is not."""
    async with serving(http_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) as target:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{target}/\r\nContent-Length: 0\r\n\r\n"
        away = f"HTTP/1.1 302 Found\r\nLocation: http://localhost:{target}/\r\nContent-Length: 0\r\n\r\n"
        async with serving(http_answer(moved)) as port:
            same = await call(probe, "probe_http", url=f"http://127.0.0.1:{port}/")
        async with serving(http_answer(away)) as port:
            other = await call(probe, "probe_http", url=f"http://127.0.0.1:{port}/")
    assert (same["status"], same["body"]) == (200, "hi")
    assert other["status"] == 302
    assert "localhost" in other["body"]


async def test_endless_redirects_end(call: CallTool, probe: ProbeTools) -> None:
    """A service that redirects to itself for ever is not ok."""
    async with serving(http_answer("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")) as port:
        found = await call(probe, "probe_http", url=f"http://127.0.0.1:{port}/")
    assert (found["ok"], found["error"]) == (False, "redirects")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http:///nothing",
        "not a url",
        "http://127.0.0.1:99999/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://2852039166/",
        "http://metadata.google.internal/",
        "http://100.100.100.200/",
    ],
)
async def test_what_a_probe_must_not_ask_is_refused(call: CallTool, probe: ProbeTools, url: str) -> None:
    """Other schemes, link-local addresses in any spelling and metadata services are refused before a connection."""
    with pytest.raises(ToolFailed):
        await call(probe, "probe_http", url=url)


@pytest.mark.parametrize("tool", ["probe_tcp", "probe_tls"])
async def test_other_probes_refuse_metadata_too(call: CallTool, probe: ProbeTools, tool: str) -> None:
    """TCP and TLS probes hold the same rule."""
    with pytest.raises(ToolFailed, match="do not ask"):
        await call(probe, tool, host="169.254.169.254", port=80)


@pytest.mark.parametrize(("days", "says"), [(30, "self-signed"), (-3, "expired|self-signed")])
async def test_an_untrusted_certificate_is_read_all_the_same(
    call: CallTool, probe: ProbeTools, tmp_path: Path, days: int, says: str
) -> None:
    """A self-signed or expired certificate is not ok, yet its days and names are told."""
    async with serving(silent, certificate(tmp_path, days)) as port:
        found = await call(probe, "probe_tls", host="127.0.0.1", port=port)
    assert found["ok"] is False
    assert found["days_left"] == days
    assert found["subject"] == found["issuer"] == "CN=naryad.test"
    assert any(word in found["error"] for word in says.split("|"))


async def test_a_trusted_certificate_is_ok(
    call: CallTool, probe: ProbeTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its issuer trusted the same certificate is ok."""
    context = certificate(tmp_path, 30)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    async with serving(silent, context) as port:
        found = await call(probe, "probe_tls", host="127.0.0.1", port=port)
    assert (found["ok"], found["error"], found["days_left"]) == (True, None, 30)


async def test_a_server_without_tls_is_a_tls_error(call: CallTool, probe: ProbeTools) -> None:
    """Plain HTTP on the port, or an untrusted certificate under https, is told as such."""
    async with serving(http_answer("HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        assert (await call(probe, "probe_tls", host="127.0.0.1", port=port, timeout_s=2.0))["ok"] is False
        found = await call(probe, "probe_http", url=f"https://127.0.0.1:{port}/", timeout_s=2.0)
    assert found["ok"] is False
    assert found["error"] in {"tls", "timeout"}
