"""The application as a whole."""

import httpx
import pytest

from naryad.settings import Settings
from server.app import create
from tests.server.conftest import counter_crew


async def test_the_first_request_builds_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI builds routes at the first look at them, half a second in which nobody is answered: done at the start."""
    made = create(settings, counter_crew)

    def build(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a route was built for a request")

    async with made.router.lifespan_context(made):
        monkeypatch.setattr("fastapi.routing._populate_api_route_state", build)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(made), base_url="http://test") as client:
            assert (await client.get("/v1/models")).status_code == 401
