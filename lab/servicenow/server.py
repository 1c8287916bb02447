"""The simulator's HTTP side: `/api/now/table/<table>[/<sys_id>]`, and the rules of its incidents."""

import base64
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import web

from lab.tracker_faults import Faults, Handle

USER, PASSWORD = "robot", "the-password-of-the-simulated-servicenow"
Record = dict[str, str]
_PRIORITY = {2: "1", 3: "2", 4: "3", 5: "4", 6: "5"}
"""By the sum of impact and urgency."""
_TERM = re.compile(r"(sys_updated_on|[a-z_]+?)(RELATIVEGE|=)(.*)")
_RELATIVE = re.compile(r"@minute@ago@(\d+)")


@dataclass
class World:
    """Incidents, and their journals, by table."""

    tables: dict[str, dict[str, Record]] = field(default_factory=lambda: {"incident": {}, "sys_journal_field": {}})
    ahead: timedelta = timedelta()

    def now(self) -> str:
        """The time on its clock, to the second, as the API writes it."""
        return (datetime.now(UTC) + self.ahead).strftime("%Y-%m-%d %H:%M:%S")

    def write(self, sys_id: str, told: Record, by: str) -> Record:
        """Somebody changes an incident; words go to its journal."""
        incident = self.tables["incident"][sys_id]
        for name in ("comments", "work_notes"):
            if words := told.get(name):
                entry = {"sys_id": uuid4().hex, "element_id": sys_id, "element": name, "name": "incident"}
                entry |= {"value": words, "sys_created_by": by, "sys_created_on": self.now()}
                self.tables["sys_journal_field"][entry["sys_id"]] = entry
        incident |= {name: value for name, value in told.items() if name not in {"comments", "work_notes", "priority"}}
        incident["priority"] = _PRIORITY[int(incident["impact"]) + int(incident["urgency"])]
        incident["sys_updated_on"], incident["sys_updated_by"] = self.now(), by
        return incident

    def create(self, told: Record, by: str) -> Record:
        """Somebody makes an incident."""
        sys_id, incidents = uuid4().hex, self.tables["incident"]
        incidents[sys_id] = {
            "sys_id": sys_id,
            "number": f"INC{len(incidents) + 1:07d}",
            "state": "1",
            "impact": "3",
            "urgency": "3",
            "comments": "",
            "work_notes": "",
            "sys_created_on": self.now(),
            "sys_created_by": by,
        }
        return self.write(sys_id, told, by)

    def find(self, table: str, query: str) -> list[Record]:
        """The records that an encoded query finds, in its order."""
        found = list(self.tables[table].values())
        for term in filter(None, query.split("^")):
            if term.startswith("ORDERBY"):
                by = term.removeprefix("ORDERBY")
                found.sort(key=lambda record: record.get(by, ""))
            elif parts := _TERM.fullmatch(term):
                found = list(filter(self._holds(*parts.groups()), found))
        return found  # a term that it does not understand is passed over: so does the real one

    def _holds(self, name: str, sign: str, value: str) -> Callable[[Record], bool]:
        if sign == "RELATIVEGE" and (ago := _RELATIVE.fullmatch(value)):
            since = datetime.now(UTC) + self.ahead - timedelta(minutes=int(ago[1]))
            return lambda record: record.get(name, "") >= since.strftime("%Y-%m-%d %H:%M:%S")
        return lambda record: record.get(name, "") == value


@dataclass(frozen=True)
class Simulator:
    """A running simulator."""

    world: World
    faults: Faults
    url: str


@asynccontextmanager
async def simulator() -> AsyncIterator[Simulator]:
    """Run the API on a free port of 127.0.0.1."""
    world, faults = World(), Faults()
    app = web.Application(middlewares=[faults.__call__, _signed_in(faults)])
    api = _Api(world)
    for base in ("/api/now/table/{table}", "/api/now/v2/table/{table}"):
        app.router.add_get(base, api.records)
        app.router.add_post(base, api.create)
        app.router.add_get(base + "/{sys_id}", api.record)
        app.router.add_patch(base + "/{sys_id}", api.change)
        app.router.add_put(base + "/{sys_id}", api.change)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Simulator(world, faults, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


def _signed_in(faults: Faults) -> Any:
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    @web.middleware
    async def check(request: web.Request, handler: Handle) -> web.StreamResponse:
        told = request.headers.get("Authorization", "")
        if faults.revoked or told not in {f"Basic {basic}", f"Bearer {PASSWORD}"}:
            return _refusal(401, "User Not Authenticated", "Required to provide Auth information")
        return await handler(request)

    return check


class _Api:
    def __init__(self, world: World) -> None:
        self._world = world

    async def records(self, request: web.Request) -> web.Response:
        if (table := request.match_info["table"]) not in self._world.tables:
            return _refusal(400, f"Invalid table {table}", "")
        asked = request.query
        found = self._world.find(table, asked.get("sysparm_query", ""))
        start, most = int(asked.get("sysparm_offset", 0)), int(asked.get("sysparm_limit", 10_000))
        page = [_shown(request, record) for record in found[start : start + most]]
        return web.json_response({"result": page}, headers={"X-Total-Count": str(len(found))})

    async def record(self, request: web.Request) -> web.Response:
        record = self._world.tables.get(request.match_info["table"], {}).get(request.match_info["sys_id"])
        return web.json_response({"result": _shown(request, record)}) if record else _missing()

    async def create(self, request: web.Request) -> web.Response:
        told = await request.json()
        if problem := _wrong(told):
            return problem
        return web.json_response({"result": _shown(request, self._world.create(told, USER))}, status=201)

    async def change(self, request: web.Request) -> web.Response:
        sys_id, told = request.match_info["sys_id"], await request.json()
        if sys_id not in self._world.tables["incident"]:
            return _missing()
        if problem := _wrong(told):
            return problem
        return web.json_response({"result": _shown(request, self._world.write(sys_id, told, USER))})


def _wrong(told: Record) -> web.Response | None:
    """What the rules of incidents want: a reason to wait, and a word about how it was solved."""
    policy = "Operation against file 'incident' was aborted by Business Rule"
    if told.get("state") == "3" and not told.get("hold_reason"):
        return _refusal(403, "Operation Failed", f"{policy} 'On hold reason'")
    if told.get("state") in {"6", "7"} and not (told.get("close_code") and told.get("close_notes")):
        return _refusal(403, "Operation Failed", f"{policy} 'Data Policy': Resolution code, Resolution notes")
    return None


def _shown(request: web.Request, record: Record) -> dict[str, Any]:
    wanted = request.query.get("sysparm_fields")
    names = wanted.split(",") if wanted else record
    plain = {name: record.get(name, "") for name in names}
    if request.query.get("sysparm_display_value") == "all":
        return {name: {"value": value, "display_value": value} for name, value in plain.items()}
    return {**plain}


def _missing() -> web.Response:
    return _refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def _refusal(status: int, message: str, detail: str) -> web.Response:
    body = {"error": {"message": message, "detail": detail}, "status": "failure"}
    return web.json_response(body, status=status)
