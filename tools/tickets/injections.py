"""Where strangers' words stand in a ticket: anybody who writes to the company makes one."""

from naryad.testing.injections import Carrier, Scene, Sight
from naryad.tickets.tickets import Tickets


async def subject(scene: Scene, words: str) -> Sight:
    """The subject of a letter."""
    await _made(scene, words, "See above.")
    return Sight("tickets_mine")


async def text(scene: Scene, words: str) -> Sight:
    """Its text."""
    number = await _made(scene, "A letter", words)
    return Sight("tickets_status", {"number": number})


async def _made(scene: Scene, subject: str, text: str) -> int:
    tickets = Tickets(scene.database, scene.events)
    return (await tickets.create(subject=subject, text=text, requester=scene.principal, by="mail")).number


CARRIERS: dict[str, Carrier] = {"subject": subject, "text": text}
