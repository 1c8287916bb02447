"""The application under test: FastAPI takes half a second of work to build its routes, so all tests share them."""

from functools import cache

from fastapi import FastAPI
from starlette.routing import BaseRoute

from naryad.settings import Settings
from server import app


@cache
def _routes() -> list[BaseRoute]:
    return app.create(Settings()).router.routes


def create(settings: Settings, *args: object) -> FastAPI:
    """What `server.app.create` makes, on the routes that another test may have built."""
    made = app.create(settings, *args)  # type: ignore[arg-type]
    made.router.routes[:] = _routes()
    return made
