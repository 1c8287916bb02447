"""An agent as a model: which conversation a question goes on, and what is told of its run.

A client of this protocol sends the whole conversation each time and knows no threads. One that names a thread gets it,
if it is its own. Otherwise a question goes on in the caller's newest thread whose whole history is the one that was
sent; where there is none, in a new one, whose agent is given what was sent as nobody's words. So nothing is guessed:
whoever continues a thread has shown that they know what was said there, and it was theirs already. Two things the copy
of a client may lack: the end of an answer that it was told to ask for again, and answers that it had made anew, which
are asked for in the same thread.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from graphs.ops.report import REMEMBERED, TOLD_CHARS
from graphs.ops.state import Exchange
from graphs.support.earlier import ELSEWHERE
from naryad import masking
from naryad.auth import Person, Role
from naryad.db.models.gate import Approval
from naryad.db.models.thread import Thread
from naryad.errors import NotFound
from naryad.events import Event, EventType
from naryad.gate.shown import without_secrets
from naryad.i18n import LANGUAGES, N_, _, speaking
from naryad.inputs import CANCELLED, TITLE_CHARS
from naryad.run_events import ENDS, Picker, of_run
from naryad.tails import Waker
from server.access import Caller
from server.chat import service as chat
from server.completions.errors import UnknownModel
from server.completions.schemas import ChatMessage, Completion, Usage
from server.parts import Parts

LIKELY = 10
"""How many threads that begin alike are compared with the conversation that was sent."""
LONGEST = 200
"""Messages of a conversation that is still looked for."""
LONGEST_CHARS = 100_000
"""And of all of them: secrets are looked for in what was sent, while nobody else is answered."""
_EVENTS = 5 * LONGEST
CHARS_OF_TOKEN = 4
GOES_ON = N_("The run goes on; ask again in this conversation.")
Turn = tuple[str, str]
"""A question, and all that was answered."""


def models(parts: Parts, caller: Caller) -> list[str]:
    """The agents that the caller may talk with."""
    return chat.agents(parts, caller)


async def thread_of(parts: Parts, caller: Caller, asked: Completion, named: str) -> tuple[Thread, list[Exchange]]:
    """The thread that a question goes on, and for a new one what the client remembers of the conversation before.

    Raises:
        UnknownModel: There is no such agent for the caller.
        NotFound: The named thread is not the caller's, or another agent's.
    """
    try:
        chat.check_agent(parts, caller, asked.model)
    except NotFound as error:
        raise UnknownModel(error.message) from error
    if named := named or (asked.metadata or {}).get("thread", ""):
        thread = await parts.threads.get(named, caller.person)
        if thread.agent != asked.model:
            raise NotFound(_("There is no thread {id!r}.").format(id=named))
        return thread, []
    spoken = [message for message in asked.messages if message.role in ("user", "assistant")]
    short = len(spoken) <= LONGEST and sum(len(message.text) for message in spoken) <= LONGEST_CHARS
    sent = _turns(spoken[:-1]) if short else _turns(spoken[-1 - 2 * REMEMBERED : -1], TOLD_CHARS)
    if sent and short and spoken[0].role == "user":
        question = _plain(asked.question)
        title = masking.secrets(spoken[0].text.strip()[:TITLE_CHARS])
        themselves = Person(caller.person.id, frozenset({Role.USER}))  # not the threads of monitors
        for thread in await parts.threads.listed(themselves, text=title, agent=asked.model, limit=LIKELY):
            if _fits(sent, question, await _history(parts, thread)):
                return thread, []
    earlier = [
        Exchange(asked=said[:TOLD_CHARS], told=told[:TOLD_CHARS], sources=[ELSEWHERE])
        for said, told in sent[-REMEMBERED:]
    ]
    return await parts.threads.open(asked.model, caller.person), earlier


def _turns(messages: Sequence[ChatMessage], most: int | None = None) -> list[Turn]:
    """A conversation that was sent, as questions with what was answered; at most so many characters of each text."""
    turns: list[Turn] = []
    for message in messages:
        if message.role == "user":
            turns.append((_plain(message.text[:most]), ""))
        elif turns:
            question, said = turns[-1]
            turns[-1] = (question, f"{said} {_plain(message.text[:most])}".strip())
    return turns


def _fits(sent: Sequence[Turn], question: str, kept: Sequence[Turn]) -> bool:
    """Whether a thread says what was sent, but for answers to the same question that others took the place of."""
    cut_off, left, last = _ends_cut_off(), list(kept), ""

    def said(turn: Turn) -> bool:
        if not left or left[0][0] != turn[0]:
            return False
        told = next((turn[1].removesuffix(end).rstrip() for end in cut_off if turn[1].endswith(end)), None)
        if told is None:
            return left[0][1] == turn[1]
        return left[0][1].startswith(told) and (told != "" or turn is sent[-1])

    for turn in sent:
        while left and left[0][0] in (turn[0], last) and not said(turn):
            left.pop(0)
        if not said(turn):
            return False
        left.pop(0)
        last = turn[0]
    return all(asked in (question, last) for asked, _said in left)


def _ends_cut_off() -> list[str]:
    """What an answer ends with that was not told to its end, in every language."""
    ends = []
    for lang in LANGUAGES:
        with speaking(lang):
            ends.append(_plain(_(GOES_ON)))
    return ends


async def _history(parts: Parts, thread: Thread) -> list[Turn]:
    """What was said in a thread as a client of this protocol has it: what was told of each run is one answer."""
    kinds = (EventType.INPUT, EventType.MESSAGE, *ENDS)
    events = await parts.crew.runtime.events.since(thread.id, limit=_EVENTS, kinds=kinds)
    turns: list[Turn] = []
    for place, begun in enumerate(events):
        if begun.type is EventType.INPUT:
            picker, telling = Picker(begun), Telling(parts, thread)
            for event in events[place + 1 :]:
                if picker.picks(event):
                    await telling.take(event)
                if picker.ended:
                    break
            turns.append((_one_line(begun.data.get("text") or ""), _one_line(telling.text)))  # masked as it was kept
    return turns


async def tell(
    parts: Parts, thread: Thread, input_id: str, telling: "Telling", waker: Waker
) -> AsyncGenerator[list[str]]:
    """The texts of a run as they become certain, each in pieces."""
    async with aclosing(of_run(parts.crew.runtime.events, thread.id, input_id, waker)) as events:
        async for event in events:
            if pieces := await telling.take(event):
                yield pieces
    if waker.closed:
        yield telling.add(_(GOES_ON))


@dataclass
class Telling:
    """What a client is told of a run, and what it cost.

    A token that was sent cannot be taken back here, and those of an attempt that broke off, or that turned out to be
    thinking, are. So an answer is told when it is whole; the API's own streams show it as it comes.
    """

    parts: Parts
    thread: Thread
    text: str = ""
    tokens: int = 0

    async def take(self, event: Event) -> list[str]:
        """The pieces of text that an event adds."""
        match event.type:
            case EventType.MESSAGE:
                return self.add(event.data["text"])
            case EventType.RUN_WAITING:
                return self.add(await self._asked(event.data["approvals"]))
            case EventType.RUN_FAILED:
                return self.add(_("The run failed and is tried again later: {message}").format(**event.data))
            case EventType.RUN_FINISHED:
                self.tokens = event.data.get("tokens") or 0
                if event.data.get("outcome") == CANCELLED:
                    return self.add(_("The run was cancelled."))
        return []

    def add(self, words: str) -> list[str]:
        """One more text, apart from the one before."""
        pieces = [*(["\n\n"] if self.text else []), *words.splitlines(keepends=True)]
        self.text += "".join(pieces)
        return pieces

    async def _asked(self, ids: Sequence[str]) -> str:
        """The questions that people must decide, with the place to do so: saying yes here decides nothing."""
        asked = [without_secrets(await self.parts.crew.gate.approvals.get(approval_id)) for approval_id in ids]
        return "\n\n".join(
            [_("This waits for people to decide; a chat message decides nothing."), *map(self._one, asked)]
        )

    def _one(self, approval: Approval) -> str:
        url = self.parts.settings.public_url.rstrip("/")
        place = f"{url}/approvals/{approval.id}" if url else f"naryad approvals show {approval.id}"
        return f"{approval.question}\n{place}"

    def usage(self, asked: Completion) -> Usage:
        """What the run cost."""
        said = sum(len(message.text) for message in asked.messages)
        completion = _tokens(len(self.text))
        prompt = max(self.tokens - completion, 0) if self.tokens else _tokens(said)
        return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def stamp() -> int:
    """The moment, as this protocol writes it."""
    return int(time.time())


def _tokens(chars: int) -> int:
    return -(-chars // CHARS_OF_TOKEN)


def _plain(text: str) -> str:
    return _one_line(masking.secrets(text))


def _one_line(text: str) -> str:
    return " ".join(text.split())
