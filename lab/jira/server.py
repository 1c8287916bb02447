"""The simulator's HTTP side: REST API version 2, as Cloud and as Data Center answer."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from lab.jira.query import Misunderstood, find
from lab.jira.world import PRIORITIES, Comment, Issue, World
from lab.tracker_faults import Faults, Handle

USER, TOKEN = "robot@example.ru", "the-token-of-the-simulated-jira"


@dataclass(frozen=True)
class Simulator:
    """A running simulator."""

    world: World
    faults: Faults
    url: str


@asynccontextmanager
async def simulator(*, cloud: bool = True) -> AsyncIterator[Simulator]:
    """Run the API on a free port of 127.0.0.1."""
    world, faults = World(cloud=cloud), Faults()
    app = web.Application(middlewares=[faults.__call__, _signed_in(faults)])
    api = _Api(world)
    for base in ("/rest/api/2", "/rest/api/latest"):
        app.router.add_get(f"{base}/serverInfo", api.server_info)
        app.router.add_get(f"{base}/myself", api.myself)
        app.router.add_get(f"{base}/field", api.fields)
        app.router.add_post(f"{base}/issue", api.create)
        app.router.add_get(f"{base}/issue/{{key}}", api.issue)
        app.router.add_put(f"{base}/issue/{{key}}", api.edit)
        app.router.add_get(f"{base}/issue/{{key}}/transitions", api.transitions)
        app.router.add_post(f"{base}/issue/{{key}}/transitions", api.transit)
        app.router.add_get(f"{base}/issue/{{key}}/comment", api.comments)
        app.router.add_post(f"{base}/issue/{{key}}/comment", api.comment)
        app.router.add_get(f"{base}/search", api.search)
        app.router.add_route("*", f"{base}/search/jql", api.search_by_token)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Simulator(world, faults, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


def _signed_in(faults: Faults) -> Any:
    basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()

    @web.middleware
    async def check(request: web.Request, handler: Handle) -> web.StreamResponse:
        told = request.headers.get("Authorization", "")
        if not request.path.endswith("/serverInfo") and (
            faults.revoked or told not in {f"Basic {basic}", f"Bearer {TOKEN}"}
        ):
            return _refusal(401, "Client must be authenticated to access this resource.")
        return await handler(request)

    return check


class _Api:
    def __init__(self, world: World) -> None:
        self._world = world

    async def server_info(self, request: web.Request) -> web.Response:
        kind = "Cloud" if self._world.cloud else "Server"
        told = {"baseUrl": str(request.url.origin()), "version": "9.12.0", "versionNumbers": [9, 12, 0]}
        return web.json_response({**told, "deploymentType": kind, "buildNumber": 1, "serverTitle": "Jira"})

    async def myself(self, _request: web.Request) -> web.Response:
        return web.json_response(_person("robot"))

    async def fields(self, _request: web.Request) -> web.Response:
        names = ("summary", "description", "status", "priority", "labels", "updated", "created", "comment")
        return web.json_response([{"id": name, "name": name, "custom": False, "clauseNames": [name]} for name in names])

    async def create(self, request: web.Request) -> web.Response:
        fields = (await request.json())["fields"]
        errors = {}
        if (fields.get("project") or {}).get("key") != self._world.project:
            errors["project"] = "project is required"
        if not fields.get("summary"):
            errors["summary"] = "You must specify a summary of the issue."
        if len(fields.get("summary", "")) > 255:
            errors["summary"] = "Summary can't exceed 255 characters."
        if problem := self._wrong_priority(fields):
            errors["priority"] = problem
        if errors:
            return _refusal(400, **errors)
        issue = self._world.create(fields)
        return web.json_response({"id": issue.id, "key": issue.key, "self": _self(request, issue)}, status=201)

    async def issue(self, request: web.Request) -> web.Response:
        if issue := self._world.named(request.match_info["key"]):
            return web.json_response(self._shown(request, issue))
        return _missing()

    async def edit(self, request: web.Request) -> web.Response:
        issue = self._world.named(request.match_info["key"])
        if issue is None:
            return _missing()
        fields = (await request.json()).get("fields", {})
        if problem := self._wrong_priority(fields):
            return _refusal(400, priority=problem)
        if "priority" in fields:
            self._world.rank(issue.key, fields["priority"]["name"])
        return web.Response(status=204)

    async def transitions(self, request: web.Request) -> web.Response:
        issue = self._world.named(request.match_info["key"])
        if issue is None:
            return _missing()
        ways = [
            {"id": str(number), "name": f"to {name}", "to": self._status(name)}
            for number, name in enumerate(self._world.statuses, 11)
            if name != issue.status
        ]
        return web.json_response({"expand": "transitions", "transitions": ways})

    async def transit(self, request: web.Request) -> web.Response:
        issue = self._world.named(request.match_info["key"])
        if issue is None:
            return _missing()
        wanted = str((await request.json())["transition"]["id"])
        ways = {str(number): name for number, name in enumerate(self._world.statuses, 11)}
        if wanted not in ways or ways[wanted] == issue.status:
            return _refusal(400, "It seems that you have tried to perform an illegal workflow operation.")
        self._world.move(issue.key, ways[wanted])
        return web.Response(status=204)

    async def comments(self, request: web.Request) -> web.Response:
        issue = self._world.named(request.match_info["key"])
        if issue is None:
            return _missing()
        start, most = int(request.query.get("startAt", 0)), min(int(request.query.get("maxResults", 50)), 50)
        expand = request.query.get("expand", "")
        page = [_said(one, cloud=self._world.cloud, expand=expand) for one in issue.comments[start : start + most]]
        told = {"startAt": start, "maxResults": most, "total": len(issue.comments)}
        return web.json_response({**told, "comments": page})

    async def comment(self, request: web.Request) -> web.Response:
        issue = self._world.named(request.match_info["key"])
        if issue is None:
            return _missing()
        body = (await request.json()).get("body", "")
        if not body or len(body) > 32_767:
            return _refusal(400, comment="Comment body can not be empty, or longer than 32,767 characters.")
        said = self._world.say(issue.key, "robot", body)
        return web.json_response(_said(said, cloud=self._world.cloud), status=201)

    async def search(self, request: web.Request) -> web.Response:
        if self._world.cloud:
            return _refusal(410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql.")
        try:
            found = find(self._world, request.query["jql"])
        except Misunderstood as problem:
            return _refusal(400, str(problem))
        start, most = int(request.query.get("startAt", 0)), min(int(request.query.get("maxResults", 50)), 50)
        page = [self._shown(request, one) for one in found[start : start + most]]
        return web.json_response({"startAt": start, "maxResults": most, "total": len(found), "issues": page})

    async def search_by_token(self, request: web.Request) -> web.Response:
        if not self._world.cloud:
            return _refusal(404, "null for uri")
        asked = await request.json() if request.method == "POST" else request.query
        try:
            found = find(self._world, asked["jql"])
        except Misunderstood as problem:
            return _refusal(400, str(problem))
        start, most = int(asked.get("nextPageToken") or 0), min(int(asked.get("maxResults", 50)), 50)
        bare = not asked.get("fields")
        page = [{"id": one.id} if bare else self._shown(request, one) for one in found[start : start + most]]
        more = start + most < len(found)
        told = {"nextPageToken": str(start + most)} if more else {}
        return web.json_response({"issues": page, "isLast": not more, **told})

    def _wrong_priority(self, fields: dict[str, Any]) -> str:
        if "priority" not in fields:
            return ""
        if not self._world.with_priority:
            return "Field 'priority' cannot be set. It is not on the appropriate screen, or unknown."
        return "" if fields["priority"].get("name") in PRIORITIES else "The priority selected is invalid."

    def _status(self, name: str) -> dict[str, Any]:
        return {"id": name, "name": name, "statusCategory": {"key": self._world.statuses[name]}}

    def _shown(self, request: web.Request, issue: Issue) -> dict[str, Any]:
        fields = {
            "summary": issue.summary,
            "description": issue.description,
            "status": self._status(issue.status),
            "priority": {"name": issue.priority} if self._world.with_priority else None,
            "labels": issue.labels,
            "created": _moment(issue.created),
            "updated": _moment(issue.updated),
        }
        return {"id": issue.id, "key": issue.key, "self": _self(request, issue), "fields": fields}


def _said(comment: Comment, *, cloud: bool, expand: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {"id": comment.id, "author": _person(comment.author), "body": comment.body}
    told["created"] = _moment(comment.created)
    if cloud:
        told["jsdPublic"] = not comment.hidden
    elif "properties" in expand.split(","):  # Data Center's service desk says it nowhere else
        told["properties"] = [{"key": "sd.public.comment", "value": {"internal": comment.hidden}}]
    return told


def _person(name: str) -> dict[str, Any]:
    return {"accountId": name, "name": name, "displayName": name.title(), "active": True}


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"


def _self(request: web.Request, issue: Issue) -> str:
    return f"{request.url.origin()}/rest/api/2/issue/{issue.id}"


def _missing() -> web.Response:
    return _refusal(404, "Issue does not exist or you do not have permission to see it.")


def _refusal(status: int, *messages: str, **errors: str) -> web.Response:
    return web.json_response({"errorMessages": list(messages), "errors": errors}, status=status)
