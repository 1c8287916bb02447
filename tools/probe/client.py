"""Asks a service over the network whether it answers; a failure is an answer too."""

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from naryad import masking
from naryad.errors import ToolFailed
from tools.probe import addresses
from tools.probe.reach import Reach

_BODY_BYTES = 16 * 1024
_BODY_CHARS = 500
_REDIRECTS = 5


async def http(url: str, limit_s: float, reach: Reach) -> dict[str, Any]:
    """GET one URL; redirects are followed on the same host only, and to services only."""
    started = time.monotonic()
    answer: dict[str, Any] = {"ok": False, "status": None, "latency_ms": 0.0, "error": None, "body": ""}
    try:
        # One limit for everything: httpx's own is per read, and a byte a second would never reach it.
        async with asyncio.timeout(limit_s), httpx.AsyncClient(trust_env=False, timeout=limit_s) as client:
            answer["status"], answer["body"] = await _get(client, url, reach)
            answer["ok"] = 200 <= answer["status"] < 400
    except (httpx.HTTPError, OSError) as error:
        answer["error"] = _reason(error)
    return answer | {"latency_ms": _ms(started)}


async def tcp(host: str, port: int, limit_s: float, reach: Reach) -> dict[str, Any]:
    """Open a connection and close it."""
    reach.may_connect(host)
    started = time.monotonic()
    error: str | None = None
    try:
        async with asyncio.timeout(limit_s):
            writer = await _connect(host, port, None)
            writer.close()
    except OSError as failure:
        error = _reason(failure)
    return {"ok": error is None, "latency_ms": _ms(started), "error": error}


async def tls(host: str, port: int, limit_s: float, reach: Reach) -> dict[str, Any]:
    """Shake hands as a careful client; when that fails on the certificate, read it all the same."""
    reach.may_connect(host)
    answer: dict[str, Any] = dict.fromkeys(("days_left", "not_after", "subject", "issuer", "error")) | {"ok": False}
    try:
        async with asyncio.timeout(limit_s):
            try:
                certificate = await _certificate(host, port, ssl.create_default_context())
            except ssl.SSLCertVerificationError as error:
                answer["error"] = error.verify_message
                # Nothing is sent over this connection: only the certificate is looked at.
                unverified = ssl.create_default_context()
                unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
                certificate = await _certificate(host, port, unverified)
    except OSError as error:
        return answer | {"error": answer["error"] or _reason(error)}
    return answer | _described(certificate) | {"ok": answer["error"] is None}


async def _get(client: httpx.AsyncClient, url: str, reach: Reach) -> tuple[int, str]:
    asked = _parsed(url)
    reach.may_get(asked)
    for _ in range(_REDIRECTS):
        await addresses.resolve(asked.hostname or "", asked.port or 0)
        async with client.stream("GET", asked.geturl()) as response:
            # The name may have got another address since: look at the one that answered.
            if peer := response.extensions["network_stream"].get_extra_info("server_addr"):
                addresses.refuse(peer[0])
            where = response.headers.get("location")
            if response.is_redirect and where:
                following = _parsed(urljoin(asked.geturl(), where))
                if following.hostname == asked.hostname:
                    reach.may_get(following, following=True)
                    asked = following
                    continue
                return response.status_code, f"Redirects to another host, which was not asked: {following.hostname}"
            return response.status_code, await _beginning(response)
    raise httpx.TooManyRedirects("too many redirects")


async def _beginning(response: httpx.Response) -> str:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _BODY_BYTES:
            break
    text = body[:_BODY_BYTES].decode(response.charset_encoding or "utf-8", errors="replace")
    # Twice as much is masked as is shown: a secret that ends after the cut is still known for one.
    return masking.secrets(text[: 2 * _BODY_CHARS])[:_BODY_CHARS]


def _parsed(url: str) -> SplitResult:
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        _ = parts.port  # raises for nonsense
    except (ValueError, httpx.InvalidURL) as error:
        raise ToolFailed(f"Not a URL: {error}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ToolFailed("Only http:// and https:// URLs with a host can be probed.")
    return parts


async def _connect(host: str, port: int, context: ssl.SSLContext | None) -> asyncio.StreamWriter:
    """Connect to the first address that answers; the checked address itself, so that it cannot change."""
    failure: OSError = ConnectionRefusedError()
    for address in await addresses.resolve(host, port):
        try:
            name = host if context else None
            return (await asyncio.open_connection(address, port, ssl=context, server_hostname=name))[1]
        except ssl.SSLError:
            raise
        except OSError as error:
            failure = error
    raise failure


async def _certificate(host: str, port: int, context: ssl.SSLContext) -> bytes:
    writer = await _connect(host, port, context)
    try:
        certificate: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
    if certificate is None:
        raise ssl.SSLError("the server showed no certificate")
    return certificate


def _described(der: bytes) -> dict[str, Any]:
    # Comes with ansible-core; the standard library reads an untrusted certificate only through a private function.
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    not_after = certificate.not_valid_after_utc
    return {
        "days_left": (not_after - datetime.now(UTC)).days,
        "not_after": not_after.isoformat(timespec="seconds"),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
    }


def _reason(error: BaseException) -> str:
    """One word for what went wrong; httpx keeps the socket's own error in the chain of causes."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    for link in chain:
        match link:
            case TimeoutError() | httpx.TimeoutException():
                return "timeout"
            case ConnectionRefusedError():
                return "refused"
            case socket.gaierror():
                return "dns"
            case ssl.SSLError():
                return "tls"
            case ConnectionError():
                return "closed"
            case httpx.RemoteProtocolError() if "disconnected" in str(link):
                return "closed"
            case httpx.TooManyRedirects():
                return "redirects"
            case httpx.ProtocolError() | httpx.DecodingError():
                return "protocol"
            case OSError(errno=int(), strerror=str(said)):
                return said.lower()
    return "protocol" if isinstance(error, httpx.HTTPError) else "unreachable"


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
