"""Looking at a service for somebody: what they may see of it, and what is done about a fault."""

from naryad.auth import local_person
from naryad.events import EventType
from tests.graphs.support.conftest import Open
from tests.graphs.world import URL

TROUBLE = "web не открывается, что с ним?"


async def test_a_fault_is_told_in_plain_words_and_reported_once(desk: Open) -> None:
    """Without addresses, paths and lines of logs; whoever comes second hears that it is known."""
    async with desk() as boris:
        boris.company.works = False
        boris.company.log = ["ERROR secret-line"]
        told = await boris.say(TROUBLE)
        assert await boris.outcome() == "diagnosed"
        again = await boris.say("web не работает!")
        [incident] = await boris.crew.incidents.listed()
        events = await boris.crew.runtime.events.since("t")
        told += "".join(str(event.data) for event in events if event.type is not EventType.INPUT)
    assert "web" in told
    assert not any(secret in told for secret in (URL, "/var/log", "secret-line", "127.0.0.1"))
    assert (incident.service, told != again) == ("web", True)
    assert "secret-line" in incident.description


async def test_the_staff_sees_what_was_seen(desk: Open) -> None:
    """With the ids of what it rests on."""
    async with desk(principal=local_person().id) as owner:
        owner.company.works = False
        assert URL in await owner.say(TROUBLE)


async def test_a_service_that_is_well_is_told_so(desk: Open) -> None:
    """Nothing is reported, and the question goes on to the knowledge base."""
    async with desk() as boris:
        told = await boris.say(TROUBLE)
        assert await boris.crew.incidents.listed() == []
        assert boris.company.ran == []
    assert "web" in told


async def test_trouble_with_something_else_looks_at_nothing(desk: Open) -> None:
    """A printer is no service of the catalogue."""
    async with desk() as boris:
        boris.company.works = False
        state = await boris.put("принтер не работает")
        assert state.values["outcome"] == "answered"
        assert await boris.crew.incidents.listed() == []
