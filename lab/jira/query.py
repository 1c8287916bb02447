"""The little of JQL that the simulator understands; what it does not is refused, as a real one refuses mistakes."""

import re
from collections.abc import Callable
from datetime import timedelta

from lab.jira.world import Issue, World

_TERM = re.compile(r'\s*(project|labels|updated|key)\s*(>=|=)\s*"?([^"\s]+)"?\s*', re.IGNORECASE)
_ORDER = re.compile(r"\s+ORDER\s+BY\s+(created|updated)(?:\s+(ASC|DESC))?\s*$", re.IGNORECASE)


class Misunderstood(Exception):
    """This is no query."""


def find(world: World, jql: str) -> list[Issue]:
    """The issues that a query finds, in its order."""
    order = _ORDER.search(jql)
    found = [issue for key, issue in world.issues.items() if key not in world.unindexed]
    for term in re.split(r"\s+AND\s+", jql[: order.start()] if order else jql, flags=re.IGNORECASE):
        if not (parts := _TERM.fullmatch(term)):
            raise Misunderstood(f"Error in the JQL Query: {term!r}")
        found = [issue for issue in found if _holds(world, *parts.groups())(issue)]
    if order:
        by = order[1].lower()
        found.sort(key=lambda issue: getattr(issue, by), reverse=(order[2] or "ASC").upper() == "DESC")
    return found


def _holds(world: World, field: str, sign: str, value: str) -> Callable[[Issue], bool]:
    match field.lower(), sign:
        case "project", "=":
            return lambda issue: value == world.project
        case "labels", "=":
            return lambda issue: value in issue.labels
        case "key", "=":
            return lambda issue: issue.key == value
        case "updated", ">=" if past := re.fullmatch(r"-(\d+)m", value):
            since = world.now() - timedelta(minutes=int(past[1]))
            return lambda issue: issue.updated >= since
    raise Misunderstood(f"Error in the JQL Query: {field} {sign} {value}")
