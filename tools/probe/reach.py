"""Which services a probe may ask: those that the catalogue names, and nothing else on the network."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Self
from urllib.parse import SplitResult, urlsplit

from knowledge_base.services import Catalogue
from naryad.errors import ToolFailed

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be asked without anybody's approval.

    Whoever writes into a log may tell a model what to ask: an address elsewhere would carry away what was read, and a
    GET somewhere inside may well do something.

    Attributes:
        hosts: Names and addresses.
        servers: Host and port of those that speak HTTP.
        urls: Whole addresses: only these may have a query.
    """

    hosts: Set[str]
    servers: Set[tuple[str, int]]
    urls: Set[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Self:
        """What a catalogue opens: its services' hosts and ports, and their health addresses."""
        urls = {service.health_url for service in catalogue.services if service.health_url}
        ports = {(_plain(service.host), service.port) for service in catalogue.services if service.port}
        servers = {_server(parts) for parts in map(urlsplit, urls) if parts.hostname}
        hosts = {_plain(service.host) for service in catalogue.services} | {host for host, _port in servers}
        return cls(hosts, servers | {(host, port) for host, port in ports if port}, urls)

    def may_connect(self, host: str) -> None:
        """Raise `ToolFailed` for a host that is no service's."""
        if _plain(host) not in self.hosts:
            raise ToolFailed(f"{host} is the host of no service in the catalogue; a probe does not ask it.")

    def may_get(self, parts: SplitResult, *, following: bool = False) -> None:
        """Raise `ToolFailed` for a web server that is no service's, or a query that the catalogue does not name.

        Args:
            parts: The address.
            following: A service's own redirect led here: its query is the service's, and so is the way to https.
        """
        host, port = _server(parts)
        upgraded = following and parts.scheme == "https" and port == _PORTS["https"]
        if (host, port) not in self.servers and not upgraded:
            raise ToolFailed(f"{host}:{port} is no service of the catalogue; a probe does not ask it.")
        url = parts.geturl()
        if not following and url not in self.urls and (parts.query or parts.fragment or "@" in parts.netloc):
            raise ToolFailed("A probe asks plain addresses: no query, no user.")


def _server(parts: SplitResult) -> tuple[str, int]:
    return _plain(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme, 0)


def _plain(host: str) -> str:
    return host.rstrip(".").lower()
