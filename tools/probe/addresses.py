"""Which addresses a probe may ask: everything but the cloud's metadata and other link-local ones."""

import asyncio
import ipaddress
import socket

from naryad.errors import ToolFailed

_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"})
_ADDRESSES = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))


async def resolve(host: str, port: int) -> list[str]:
    """Resolve a name to the addresses that may be asked.

    Raises:
        ToolFailed: The name, or an address behind it, belongs to what a probe may not ask.
        socket.gaierror: The name has no address.
    """
    if host.rstrip(".").lower() in _NAMES:
        raise ToolFailed(f"{host} is a metadata service; probes do not ask it.")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label too long or empty
        raise socket.gaierror(str(error)) from error
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses:
        refuse(address)
    return addresses


def refuse(address: str) -> None:
    """Refuse one address, however it is spelled (IPv4 inside IPv6, 6to4, a scope).

    Raises:
        ToolFailed: It is link-local or a known metadata service.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = (parsed.ipv4_mapped or parsed.sixtofour) if isinstance(parsed, ipaddress.IPv6Address) else None
    for form in (parsed, inner or parsed):
        if form.is_link_local or form in _ADDRESSES:
            raise ToolFailed(f"{address} is link-local or a metadata service; probes do not ask it.")
