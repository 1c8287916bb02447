"""The tracker of a world: a simulated Jira, which tickets are copied to as `naryad serve` does."""

from typing import Any

from lab.jira.server import TOKEN, USER, Simulator
from naryad.errors import NaryadError
from naryad.settings import Settings
from naryad.ticket_sync.sync import TicketSync
from naryad.tickets.tickets import Tickets
from tools import trackers

MOST_ROUNDS = 10
"""After so many rounds an echo goes between both sides."""


def settings(jira: Simulator) -> dict[str, Any]:
    """What names it to an install."""
    return {"JIRA_URL": jira.url, "JIRA_USER": USER, "JIRA_TOKEN": TOKEN, "JIRA_PROJECT": jira.world.project}


async def settle(named: Settings, tickets: Tickets) -> None:
    """Bring both sides into step.

    Raises:
        NaryadError: They never are, or the tracker cannot be asked.
    """
    for tracker in trackers.configured(named):
        sync = TicketSync(tickets, tracker)
        try:
            await sync.ask()
            for _round in range(MOST_ROUNDS):
                if not await sync.look():
                    break
            else:
                raise NaryadError(f"{tracker.name} and the tickets are never in step")
        finally:
            await tracker.close()


def state(jira: Simulator) -> dict[str, Any]:
    """Its issues, each by its number, as people there see them."""
    found: dict[str, Any] = {}
    for number, issue in enumerate(jira.world.issues.values(), 1):
        found |= {
            f"jira.{number}.{name}": getattr(issue, name) for name in ("status", "priority", "summary", "description")
        }
        said = [f"{one.author}{' for staff' if one.hidden else ''}: {one.body}" for one in issue.comments]
        found[f"jira.{number}.comments"] = said
    return found
