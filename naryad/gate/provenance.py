"""Where a call's values come from: a person's own words, our own systems, or text that anybody may have written.

A model that reads an injected order cannot be trusted to say why it makes a call. So code looks: every answer of a tool
is split into values that our systems vouch for (as the tool declares) and all other text. What a later call aims at
must stand in the words of the person on whose behalf the agent acts, or be one of those values.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from naryad import masking
from naryad.db.models.event import EventRow
from naryad.db.models.gate import Effect, EffectStatus, Seen
from naryad.db.types import storable
from naryad.events import EventType
from naryad.gate.request import Request
from naryad.tooling import Risk, Tool

MODEL = "model"
"""The source of what stands nowhere: a model made it up after it had read untrusted text."""
NAME_CHARS = 100
TEXT_CHARS = 200_000
"""Longest text that is kept of one answer; what stands beyond counts as standing nowhere."""
_LINK = re.compile(
    r"""(?xi) (?:https?://|www\.)[^\s<>"')\]]+            # a page
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                        # an address of e-mail
    | (?<!\w)[a-z]{2}\d{2}(?:[ ]?[a-z0-9]{4}){2,8}[a-z0-9]{0,4}(?!\w)   # an account by its IBAN
    | (?<!\w)\d{4}(?:[ -]?\d{4}){3,4}(?!\w)               # an account or a card
    """
)


@dataclass(frozen=True, slots=True)
class Trail:
    """What a thread has said and shown so far.

    Attributes:
        words: What the person on whose behalf the agent acts said in it.
        seen: The answers of its tools.
    """

    words: str
    seen: Sequence[Seen]

    @classmethod
    def of(cls, session: Session, request: Request, tools: Mapping[str, Tool]) -> "Trail":
        """Read the trail of a request's thread."""
        thread_id, principal = request.caller.thread_id, request.caller.principal
        inputs = select(EventRow.data).where(EventRow.thread_id == thread_id, EventRow.type == EventType.INPUT)
        said = [str(data.get("text") or "") for data in session.exec(inputs).all() if data.get("by") == principal]
        looked = session.exec(select(Seen).where(Seen.thread_id == thread_id).order_by(col(Seen.at))).all()
        done = select(Effect).where(Effect.thread_id == thread_id, Effect.status != EffectStatus.STARTED)
        made = [_made(effect, tools.get(effect.tool)) for effect in session.exec(done).all()]
        return cls("\n".join(said), [*looked, *made])

    def sources(self, request: Request) -> dict[str, str]:
        """For each argument that aims at something untrusted, where that stands."""
        card = request.tool.card
        found = {}
        given = request.arguments.model_fields_set
        for name, value in request.plain.items():
            if name not in given:
                continue
            aims = card.targets is None or name in card.targets
            for text in _leaves(value):
                wanted = [text] if aims else [match.group().rstrip(".,;:!?") for match in _LINK.finditer(text)]
                if source := next(filter(None, (self._source(one, card.risk) for one in wanted)), ""):
                    found[name] = source
                    break
        return found

    def asked(self, tool: Tool) -> bool:
        """Whether the person's words ask for what the tool does."""
        return re.search(tool.card.asked, self.words, re.IGNORECASE) is not None

    def _source(self, text: str, risk: Risk) -> str:
        """The untrusted place where a value stands; empty where it need not worry anybody."""
        if not text.strip() or _stands(text, self.words):
            return ""
        place = next((f"{one.tool} [{one.call_id}]" for one in self.seen if _stands(text, one.text)), "")
        own = any(text in one.own for one in self.seen)
        # Which of our own things is meant may be ordered too: for what cannot be undone that matters.
        if (own and not (place and risk is Risk.DESTRUCTIVE)) or (risk is Risk.WRITE and self._composed(text)):
            return ""
        return place or (MODEL if any(one.text for one in self.seen) else "")

    def _composed(self, text: str) -> bool:
        """Whether a text is made of the person's words and our own names alone, such as the title of an event."""
        if " " not in text.strip():
            return False
        names = sorted({name for one in self.seen for name in one.own if name.strip()}, key=len, reverse=True)
        for name in names:
            text = re.sub(rf"(?<!\S){re.escape(name)}(?![^\s.,;:!?])", " ", text)
        words = [word.strip(".,;:!?«»\"'") for word in text.split()]
        return all(_stands(word, self.words) for word in words if word)


def seen(thread_id: str, call_id: str, tool: Tool, data: Any) -> Seen:
    """An answer, split into what is ours and what anybody may have written."""
    own: list[str] = []
    rest: list[str] = []
    for field, text in _fields(data, ""):
        named = field in tool.card.own or "*" in tool.card.own
        # Who may name a channel may write an order there: what is longer than a name is a text, whatever its field.
        (own if named and len(text) <= NAME_CHARS and text.isprintable() else rest).append(text)
    return Seen(thread_id=thread_id, call_id=call_id, tool=tool.name, own=own, text="\n".join(rest)[:TEXT_CHARS])


def foreign(thread_id: str, call_id: str, place: str, told: Any) -> Seen:
    """What came into a thread from outside and nobody's own words are, such as an alert."""
    text = "\n".join(text for _field, text in _fields(told, ""))
    return Seen(thread_id=thread_id, call_id=call_id, tool=place, text=masking.secrets(storable(text))[:TEXT_CHARS])


def _made(effect: Effect, tool: Tool | None) -> Seen:
    """What an effect answered. How it failed may be told in words that anybody chose, such as a server's refusal."""
    if tool is None or effect.status is not EffectStatus.SUCCEEDED:
        return foreign(effect.thread_id, effect.call_id, effect.tool, [effect.message, effect.result])
    shown = seen(effect.thread_id, effect.call_id, tool, effect.result)
    shown.text = "\n".join(filter(None, [shown.text, effect.message]))
    return shown


def _fields(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """Every text of a value, with the name of the nearest field around it. The names of fields are texts too."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{field}.keys", str(key)
            yield from _fields(item, str(key))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _fields(item, field)
    elif value is not None and not isinstance(value, bool):
        yield field, value if isinstance(value, str) else json.dumps(value)


def _leaves(value: Any) -> Iterator[str]:
    return (text for field, text in _fields(value, "") if not field.endswith(".keys"))


def _stands(text: str, where: str) -> bool:
    """Whether a text stands there by itself, not as part of a longer name, path or address; numbers in any spelling."""
    # After a full stop a small letter goes on with a name, a large one begins a sentence.
    if re.search(
        rf"(?<![\w./@:+-]){re.escape(text.strip())}(?![\w/@:-]|\+\w|(?-i:\.[a-zа-яё\d]))", where, re.IGNORECASE
    ):
        return True
    try:
        number = float(text)
    except ValueError:
        return False
    return any(float(one) == number for one in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?(?![\w.-])", where))
