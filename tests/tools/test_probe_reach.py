"""Whom a probe asks: the catalogue's services, however the address is spelled."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from knowledge_base.services import Catalogue, Service
from naryad.errors import ToolFailed
from tests.tools.conftest import CallTool
from tests.tools.test_probe import http_answer, serving
from tools.probe.reach import Reach
from tools.probe.tools import ProbeTools

WEB = Service(name="web", unit="web", process="web", host="Web1.example.com", port=8080)
API = Service(name="api", unit="a", process="a", host="10.0.0.5", health_url="https://api.example.com/health?deep=1")
REACH = Reach.of(Catalogue(services=[WEB, API]))


@pytest.mark.parametrize(
    "url",
    [
        "http://web1.example.com:8080/",
        "http://WEB1.example.com.:8080/metrics",
        "https://api.example.com/health?deep=1",
        "https://api.example.com/version",
    ],
)
def test_services_may_be_asked(url: str) -> None:
    """Their health addresses, and plain addresses on their ports."""
    REACH.may_get(urlsplit(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/?stolen=1",
        "http://stolen.evil.example/",
        "http://127.0.0.1:9001/",
        "http://web1.example.com/",
        "http://web1.example.com:9001/restart",
        "http://web1.example.com:8080/?action=restart",
        "http://web1.example.com:8080/#x",
        "http://user:word@web1.example.com:8080/",
        "http://web1.example.com:8080@evil.example/",
        "http://web1.example.com.evil.example:8080/",
        "https://api.example.com/health?deep=2",
        "http://api.example.com/health?deep=1",
    ],
)
def test_nothing_else_may(url: str) -> None:
    """What was read cannot be carried elsewhere, and no other server inside can be told to do something."""
    with pytest.raises(ToolFailed):
        REACH.may_get(urlsplit(url))


def test_a_service_may_lead_to_its_https() -> None:
    """The usual redirect is followed; who asks cannot go there by himself."""
    led = urlsplit("https://web1.example.com/login?next=%2F")
    REACH.may_get(led, following=True)
    with pytest.raises(ToolFailed):
        REACH.may_get(led)


@pytest.mark.parametrize(("host", "may"), [("web1.example.com", True), ("10.0.0.5", True), ("stolen.evil.x", False)])
def test_connections_go_to_their_hosts(host: str, may: bool) -> None:
    """A name that is only looked up would tell its owner too."""
    if may:
        REACH.may_connect(host)
    else:
        with pytest.raises(ToolFailed, match="no service"):
            REACH.may_connect(host)


async def test_the_tools_hold_to_it(call: CallTool, tmp_path: Path) -> None:
    """Every probe asks first whether it may; a service's redirect to another port of its host is not followed."""
    async with serving(http_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) as other:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/?do=it\r\nContent-Length: 0\r\n\r\n"
        async with serving(http_answer(moved)) as port:
            service = Service(name="s", unit="s", process="s", host="127.0.0.1", port=port)
            probe = ProbeTools(Reach.of(Catalogue(services=[service])))
            with pytest.raises(ToolFailed, match=f":{other} is no service"):
                await call(probe, "probe_http", url=f"http://127.0.0.1:{port}/")
            assert (await call(probe, "probe_tcp", host="127.0.0.1", port=port))["ok"]
            for tool in ("probe_tcp", "probe_tls"):
                with pytest.raises(ToolFailed):
                    await call(probe, tool, host="stolen.evil.example", port=443)
