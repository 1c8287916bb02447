"""The application: its areas, its errors, its edge; opened and closed with everything behind it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from agents.registry import open_crew
from naryad.sentinel.canary import Canaries
from naryad.settings import Settings
from server import background, description, errors, examples
from server.areas import ROUTERS
from server.background import Pieces
from server.edge import Edge
from server.metrics.requests import Counted
from server.parts import OpenCrew, Parts, open_parts


def create(
    settings: Settings,
    crew_of: OpenCrew = open_crew,
    beside: Callable[[Parts], Pieces] = lambda _parts: {},
    canaries: Canaries | None = None,
) -> FastAPI:
    """The application; nothing is opened before it starts.

    Args:
        settings: What configures the install.
        crew_of: Opens the crew.
        beside: What else runs in the background on the same parts, for example a bot.
        canaries: Plays cases with a known good end on a schedule.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # FastAPI builds an area's routes when a request first looks there, and nobody is answered meanwhile.
        for route in app.routes:
            route.matches({"type": "http", "method": "HEAD", "path": "/", "headers": []})
        async with open_parts(settings, crew_of, canaries) as parts, background.at_work(parts, beside(parts)):
            app.state.parts = parts
            yield

    app = FastAPI(
        title="Naryad",
        summary="A crew of AI agents behind one approval gate",
        version=version("naryad"),
        docs_url=None,  # their pages load scripts from elsewhere, which the headers forbid
        redoc_url=None,
        lifespan=lifespan,
        responses=errors.answers(429),
    )
    for router in ROUTERS:
        app.include_router(router)
    errors.install(app)
    described = app.openapi
    app.openapi = lambda: description.named(examples.added(described()))  # type: ignore[method-assign]
    app.add_middleware(Edge)
    if origins := [origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()]:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-Thread-Id"],
            expose_headers=["X-Request-ID", "X-Thread-Id", "Retry-After"],
        )
    app.add_middleware(Counted)
    return app
