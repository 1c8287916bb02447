"""The state of a world, by name: what a case compares before and after."""

import asyncio
from typing import Any

from sqlmodel import Session, col, select

from lab import probes
from lab.layout import PROGRAMS
from lab.shop import Shop
from naryad.db.models.delivery import Delivery
from naryad.db.models.handoff import Handoff
from naryad.db.models.incident import Incident
from naryad.db.models.ticket import Ticket, TicketEntry


def rows(session: Session) -> dict[str, Any]:
    """Incidents, tickets, handoffs and letters to people, each by its number in order of time."""
    found: dict[str, Any] = {}
    kinds: dict[str, tuple[Any, tuple[str, ...]]] = {
        "incident": (Incident, ("status", "service", "severity")),
        "ticket": (Ticket, ("status", "priority", "subject", "text", "requester", "assignee")),
        "handoff": (Handoff, ("status", "urgency", "principal")),
        "letter": (Delivery, ("channel", "target", "subject")),
    }
    for kind, (table, fields) in kinds.items():
        for number, row in enumerate(session.exec(select(table).order_by(table.id)).all(), 1):
            found |= {f"{kind}.{number}.{name}": str(getattr(row, name)) for name in fields}
            if kind == "ticket":
                found[f"ticket.{number}.journal"] = _journal(session, row.id)
    return found


def _journal(session: Session, ticket_id: str) -> list[str]:
    """What was said and done about a ticket: who did what, and in what words."""
    query = select(TicketEntry).where(TicketEntry.ticket_id == ticket_id).order_by(col(TicketEntry.id))
    return [
        f"{one.by} {one.event}" + ("" if one.public else " for staff") + (f": {one.text}" if one.text else "")
        for one in session.exec(query).all()
    ]


async def of_shop(shop: Shop) -> dict[str, Any]:
    """What anybody can see of the shop, and the files that are its state."""
    layout = shop.layout
    async with probes.client() as http:
        state: dict[str, Any] = {"shop.works": await probes.works(shop, http)}
    for name in PROGRAMS:
        state[f"shop.{name}"] = (await shop.supervisor.info(name))["statename"]

    def files() -> dict[str, Any]:
        good = {
            name: layout.config(name).read_bytes() == layout.config_good(name).read_bytes() for name in layout.configs()
        }
        kept = {f"shop.config.{name}": "good" if same else "edited" for name, same in good.items()}
        scratch = sum(1 for _ in layout.store_temp.iterdir()) if layout.store_temp.is_dir() else 0
        return kept | {
            "shop.key": f"{layout.secret_key.stat().st_mode & 0o777:04o}",
            "shop.scratch": "files" if scratch else "empty",
        }

    return state | await asyncio.to_thread(files)
