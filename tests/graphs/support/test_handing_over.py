"""Calling a person: on a wish, in anger, after failures; and silence until they give the conversation back."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from graphs.support.signs import Sign, Whole, Words
from naryad.auth import Person, Role
from naryad.db.models.ticket import Author
from naryad.tickets.tickets import Tickets
from tests.graphs.support.conftest import Open

EXAMPLES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("examples.yaml").read_text(encoding="utf-8"))
OLGA = Person("account:olga", frozenset({Role.OPERATOR}))


def angry(text: str) -> bool:
    return Words(text).has(Sign.ANGER)


def wants_person(text: str) -> bool:
    return Words(text).has(Sign.PERSON) or Words(text).only(Whole.PERSON)


@pytest.mark.parametrize(
    ("sign", "yes", "no"), [(angry, "anger", "calm"), (wants_person, "person", "no_person")], ids=["anger", "wish"]
)
def test_the_lexicon_knows_what_people_say(sign: Any, yes: str, no: str) -> None:
    """Nineteen of twenty of the examples are recognised, and one of fifty of the others is taken for one at most."""
    missed = [text for text in EXAMPLES[yes] if not sign(text)]
    wrong = [text for text in EXAMPLES[no] if sign(text)]
    assert len(missed) <= 0.05 * len(EXAMPLES[yes]), missed
    assert len(wrong) <= 0.02 * len(EXAMPLES[no]), wrong


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("Позовите человека", "medium"),
        ("I want to talk to a human", "medium"),
        ("Вы издеваетесь? Третий день!", "high"),
        ("оператор!", "medium"),
    ],
)
async def test_a_wish_or_anger_calls_a_person(desk: Open, text: str, urgency: str) -> None:
    """At once, with what was tried before; the last the agent says is that somebody comes."""
    async with desk() as boris:
        await boris.say("как подключиться к VPN из дома")
        assert await boris.say(text)
        handoff = await boris.crew.handoffs.active("t")
        assert await boris.outcome() == "escalated"
        ticket = await boris.crew.tickets.of_thread("t")
    assert handoff
    assert ticket
    assert (handoff.urgency, handoff.principal, handoff.ticket_id) == (urgency, boris.principal, ticket.id)
    assert text in handoff.summary
    assert len(handoff.tried) == 1


async def test_a_denied_wish_is_none(desk: Open) -> None:
    """«Do not call anybody» calls nobody."""
    async with desk() as boris:
        await boris.say("не зовите человека, принтер не печатает, подскажите сами")
        assert await boris.crew.handoffs.active("t") is None


async def test_the_agent_is_silent_until_it_is_its_turn(desk: Open) -> None:
    """What the user says meanwhile goes into the ticket; afterwards the conversation goes on."""
    async with desk() as boris:
        await boris.say("позовите человека")
        for text in ("ау", "вы здесь?", "не помогло", "по шагам"):
            assert await boris.say(text) == ""
            assert await boris.outcome() == "with_person"
        handoff = await boris.crew.handoffs.active("t")
        assert handoff
        journal = await boris.crew.tickets.journal(handoff.ticket_id)
        assert [one.text for one in journal if one.author is Author.REQUESTER][-4:] == [
            *("ау", "вы здесь?", "не помогло", "по шагам")
        ]
        await boris.crew.handoffs.take(handoff.id, OLGA)
        await boris.crew.handoffs.hand_back(handoff.id, OLGA)
        assert "[1]" in await boris.say("принтер не печатает")


async def test_two_answers_that_did_not_help_are_enough(desk: Open) -> None:
    """Also with other answers in between, but not when one helped."""
    async with desk() as boris:
        await boris.say("ящик переполнен")
        await boris.say("это не помогло")
        assert await boris.crew.handoffs.active("t") is None
        await boris.say("помогло, спасибо")
        await boris.say("не приходит письмо для сброса пароля")
        await boris.say("не помогло")
        assert await boris.crew.handoffs.active("t") is None
        await boris.say("что такое фишинг и куда переслать подозрительное письмо")
        await boris.say("не помогло")
        assert await boris.crew.handoffs.active("t") is not None


async def test_there_are_no_loops(desk: Open) -> None:
    """A conversation that was given back does not end with a person again by what was said before."""
    async with desk() as boris:
        await boris.say("ящик переполнен")
        await boris.say("позовите человека")
        handoff = await boris.crew.handoffs.active("t")
        assert handoff
        await boris.crew.handoffs.take(handoff.id, OLGA)
        await boris.crew.handoffs.hand_back(handoff.id, OLGA)
        await boris.say("ящик переполнен")
        await boris.say("не помогло")
        assert await boris.crew.handoffs.active("t") is None
        assert len(await boris.crew.handoffs.listed()) == 1


@pytest.mark.parametrize("more", [False, True], ids=["alone", "impatient"])
@pytest.mark.parametrize("node", ["receive", "triage", "escalate", "say"])
async def test_a_crash_in_any_step_loses_no_handoff(
    desk: Open, monkeypatch: pytest.MonkeyPatch, node: str, more: bool
) -> None:
    """The step is made again, also where the user wrote on by then: one handoff, and its message once."""
    async with desk() as boris:
        graph: Any = boris.crew.runs._graphs["support"]
        bound, crashed = graph.nodes[node].bound, list[str]()
        work = bound.afunc

        async def dying(*given: Any, **named: Any) -> Any:
            result = await work(*given, **named)
            if not crashed:
                crashed.append(node)
                raise RuntimeError
            return result

        monkeypatch.setattr(bound, "afunc", dying)
        with pytest.raises(RuntimeError):
            await boris.put("позовите человека")
        if more:
            await boris.put("ну что там, когда?")
            assert await boris.outcome() == "with_person"
        else:
            await boris.crew.runs.drive("t")
        assert len(await boris.told()) == 1
        assert len(await boris.crew.handoffs.listed()) == 1


async def test_nobody_is_promised_who_is_not_called(desk: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the handoff cannot be written down its message is not said either; once it can be, both are there."""

    def locked(*_given: object) -> None:
        raise RuntimeError("database is locked")

    async with desk() as boris:
        with monkeypatch.context() as broken:
            broken.setattr(Tickets, "open_in", locked)
            with pytest.raises(RuntimeError):
                await boris.put("позовите человека")
            assert await boris.told() == []
        await boris.put("ну что там, когда?")
        assert (len(await boris.told()), len(await boris.crew.handoffs.listed())) == (1, 1)
