"""Probes: does a service answer over HTTP, TCP or TLS. All only look."""

from typing import Annotated, Any

from pydantic import Field

from naryad.tooling import Risk, Toolset, tool
from tools.probe import client
from tools.probe.reach import Reach

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=20)]


class ProbeTools(Toolset):
    """Questions to services over the network; no answer is a result (`ok` false), not an error.

    Args:
        reach: Whom they may ask.
    """

    prefix = "probe"

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @tool(Risk.READ)
    async def http(self, url: str, timeout_s: Seconds = 5.0) -> dict[str, Any]:
        """Ask a URL with GET: status, latency, the first 500 characters. `ok` means 2xx or 3xx.

        Args:
            url: An http:// or https:// address of a service in the catalogue, without a query.
            timeout_s: Seconds to wait for the whole answer.
        """
        return await client.http(url, timeout_s, self._reach)

    @tool(Risk.READ)
    async def tcp(self, host: str, port: Port, timeout_s: Seconds = 5.0) -> dict[str, Any]:
        """Ask whether a TCP port accepts connections.

        Args:
            host: Name or address of a service's host.
            port: The port.
            timeout_s: Seconds to wait.
        """
        return await client.tcp(host, port, timeout_s, self._reach)

    @tool(Risk.READ)
    async def tls(self, host: str, port: Port = 443, timeout_s: Seconds = 5.0) -> dict[str, Any]:
        """Look at a server's TLS certificate: days left, subject, issuer, and why a client would refuse it.

        Args:
            host: Name or address of a service's host; the certificate must be for it.
            port: The port.
            timeout_s: Seconds to wait.
        """
        return await client.tls(host, port, timeout_s, self._reach)
