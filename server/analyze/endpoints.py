"""Ask the Ops agent to look into one service."""

import asyncio
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from agents.registry import load_catalogue
from naryad.errors import NotFound
from naryad.i18n import N_, _
from server import errors
from server.access import Operator
from server.parts import Using

router = APIRouter(prefix="/api/v1/analyze", tags=["analyze"])
TITLE = N_("Analysis of {service}")
QUESTION = N_("Analyse {service} over the last {time_range}.")
"""In few words: each that is a service's name would make the run about that one too."""


class Analysis(BaseModel):
    """What to look into: a service of the catalogue, and over which time."""

    model_config = ConfigDict(extra="forbid")

    service_name: Annotated[str, Field(min_length=1, max_length=100)]
    time_range: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[smhd]$")] = "1h"


class Begun(BaseModel):
    """The run that was begun, and where to hear of it."""

    thread: str
    input: str
    links: dict[str, str]


@router.post("", status_code=202, responses=errors.answers(401, 403, 404, 409, 413, 422))
async def analyze(wanted: Analysis, caller: Operator, parts: Using) -> Begun:
    """Begin a run of the Ops agent; what it wants to change waits for people as ever."""
    catalogue = await asyncio.to_thread(load_catalogue, parts.settings)
    if wanted.service_name not in catalogue.by_name:
        raise NotFound(_("There is no service {name!r} in the catalogue.").format(name=wanted.service_name))
    thread = await parts.threads.open("ops", caller.person, _(TITLE).format(service=wanted.service_name))
    text = _(QUESTION).format(service=wanted.service_name, time_range=wanted.time_range)
    queued = await parts.driver.submit(thread.id, thread.agent, caller.person.id, {"text": text})
    place = f"/api/v1/threads/{thread.id}"
    links = {"state": f"{place}/state", "events": f"{place}/events", "messages": f"{place}/messages"}
    return Begun(thread=thread.id, input=queued, links=links)
