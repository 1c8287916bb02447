"""Analysis: a run of the Ops agent on one service, begun over HTTP."""

import httpx
import pytest

from naryad.settings import Settings
from server.parts import Parts
from tests.server.conftest import Signed


@pytest.fixture
def settings(settings: Settings) -> Settings:
    (settings.home / "services.yaml").write_text("services: [{name: shop, unit: shop, process: shop}]")
    return settings


async def test_a_service_is_looked_into(client: httpx.AsyncClient, parts: Parts, sign_in: Signed) -> None:
    """The thread is the caller's, names the service, and its links lead somewhere."""
    anna = await sign_in()
    wanted = {"service_name": "shop", "time_range": "2h"}
    begun = await client.post("/api/v1/analyze", json=wanted, headers=anna.headers)
    assert begun.status_code == 202
    links = begun.json()["links"]
    [said, *_rest] = (await client.get(links["messages"], headers=anna.headers)).json()["messages"]
    assert "shop" in said["text"]
    assert "2h" in said["text"]
    assert (await client.get(links["state"], headers=anna.headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"service_name": "none"}, 404),
        ({"service_name": "shop", "time_range": "-1h"}, 422),
        ({"service_name": "shop", "time_range": "1 year"}, 422),
        ({"service_name": ""}, 422),
        ({"service_name": "shop", "agent": "sales"}, 422),
    ],
)
async def test_what_cannot_be_looked_into(
    client: httpx.AsyncClient, parts: Parts, sign_in: Signed, body: dict[str, str], status: int
) -> None:
    """Nothing is begun then."""
    anna = await sign_in()
    assert (await client.post("/api/v1/analyze", json=body, headers=anna.headers)).status_code == status
    assert (await client.get("/api/v1/threads", headers=anna.headers)).json()["threads"] == []
