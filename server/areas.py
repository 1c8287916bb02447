"""Every part of the API, in one list."""

from collections.abc import Sequence

from fastapi import APIRouter

from server.links import endpoints as links
from server.telegram import endpoints as telegram

ROUTERS: Sequence[APIRouter] = (links.router, telegram.router)
