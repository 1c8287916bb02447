"""Ways to let a question be answered yes without a person who may, saying it themselves, now, in their own chat."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.telegram.people import Message, Somebody
from naryad.db.models.gate import Approval
from tests.bot.conftest import Office

GROUP = -1_000_000_007


@dataclass
class Scene:
    """Who is there: Anna may decide; Boris is an operator too, Carol a user, Dima a manager; the stranger is nobody.

    `card` is the first state of Anna's card, `sure` the second with the last button, `other` another question.
    """

    office: Office
    anna: Somebody
    boris: Somebody
    carol: Somebody
    dima: Somebody
    stranger: Somebody
    asked: Approval
    other: Approval
    card: Message
    sure: Message

    @property
    def words(self) -> str:
        """What would approve it, were it said by the right person in the right place."""
        return f"/approve {self.asked.id} {self.asked.args_sha256[:8]}"

    @property
    def yes(self) -> str:
        """The data of the last button."""
        return f"a:yes:{self.asked.id}:{self.asked.args_sha256[:8]}"

    def post(self, kind: str, **changes: Any) -> None:
        """An update that holds Anna's approving words, changed."""
        message = self.anna._posted(self.words, self.anna.id, {}) | changes
        self.office.world.update(kind, **message)

    def tap(self, who: Somebody, card: Message, data: str = "", **more: Any) -> str:
        return who.tap(card, data=data or self.yes, **more)

    def tap_copy(self, who: Somebody) -> str:
        return self.tap(who, {**self.sure, "chat": _user_chat(who)})


def _bot(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": True, "first_name": "Other", "username": "other_bot"}


def _from(user: Somebody) -> dict[str, Any]:
    return {"from": {**user.user, "is_bot": True}}


def _user_chat(user: Somebody) -> dict[str, Any]:
    return {"id": user.id, "type": "private", "first_name": user.name}


ATTACKS: dict[str, Callable[[Scene], Any]] = {
    "a stranger's command": lambda s: s.stranger.write(s.words),
    "a stranger named like Anna": lambda s: Somebody(s.office.world, 77, s.anna.name).write(s.words),
    "a stranger's tap on Anna's card": lambda s: s.tap(s.stranger, s.sure),
    "a stranger's tap on a copy in their own chat": lambda s: s.tap(
        s.stranger, {**s.sure, "chat": _user_chat(s.stranger)}
    ),
    "a user's command": lambda s: s.carol.write(s.words),
    "a user's tap on a copy": lambda s: s.tap_copy(s.carol),
    "a manager's command": lambda s: s.dima.write(s.words),
    "a manager's tap on a copy": lambda s: s.tap_copy(s.dima),
    "another operator's tap on Anna's card": lambda s: s.tap(s.boris, s.sure),
    "a forwarded command": lambda s: s.anna.forward(s.boris._posted(s.words, s.boris.id, {}), s.boris),
    "a command forwarded from a hidden person": lambda s: s.post(
        "message", forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "Anna"}
    ),
    "a command through another bot": lambda s: s.post("message", via_bot=_bot(42)),
    "a command in the name of a channel": lambda s: s.post(
        "message", sender_chat={"id": -100, "type": "channel", "title": "Ops"}
    ),
    "an edited command": lambda s: s.anna.edit(s.anna._posted("hello", s.anna.id, {}), s.words),
    "a new message that says it was edited": lambda s: s.post("message", edit_date=1_700_000_000),
    "a command in a group": lambda s: s.anna.write(s.words, chat=GROUP),
    "an anonymous administrator of a group": lambda s: s.anna.write(
        s.words, chat=GROUP, sender_chat={"id": GROUP, "type": "group", "title": "Ops"}
    ),
    "a post in a channel": lambda s: s.post("channel_post", chat={"id": -100, "type": "channel", "title": "Ops"}),
    "a message in a channel": lambda s: s.post("message", chat={"id": -100, "type": "channel", "title": "Ops"}),
    "a business message": lambda s: s.post("business_message", business_connection_id="b1"),
    "a message of a business connection": lambda s: s.post("message", business_connection_id="b1"),
    "a guest's message": lambda s: s.post("guest_message", guest_bot_caller_user=s.anna.user),
    "Anna's words in Boris's chat": lambda s: s.post("message", chat=_user_chat(s.boris)),
    "a bot that has Anna's number": lambda s: s.post("message", **_from(s.anna)),
    "a message of nobody": lambda s: s.post("message", **{"from": None}),
    "a chosen inline result": lambda s: s.office.world.update(
        "chosen_inline_result", result_id="1", **{"from": s.anna.user}, query=s.words
    ),
    "an inline query": lambda s: s.office.world.update(
        "inline_query", id="1", **{"from": s.anna.user}, query=s.words, offset=""
    ),
    "«yes» in the chat": lambda s: [s.anna.write(word) for word in ("да", "yes", "approve", "✅ Approve")],
    "the button's data as words": lambda s: s.anna.write(s.yes),
    "the command inside other words": lambda s: s.anna.write(f"please {s.words}"),
    "the command of another bot": lambda s: s.anna.write(s.words.replace("/approve", "/approve@other_bot")),
    "no id": lambda s: s.anna.write("/approve"),
    "an id that fits two": lambda s: s.anna.write(f"/approve {s.asked.id[:6]} {s.asked.args_sha256[:8]}"),
    "an id of wildcards": lambda s: [s.anna.write(f"/approve {one} {s.words[-8:]}") for one in ("%%%%", "____", "*")],
    "no digest": lambda s: s.anna.write(f"/approve {s.asked.id} yes do it"),
    "a part of the digest": lambda s: s.anna.write(s.words[:-1]),
    "another question's digest": lambda s: s.anna.write(f"/approve {s.asked.id} {s.other.args_sha256[:8]}"),
    "the last button's data on the first state": lambda s: s.tap(s.anna, s.card),
    "another question's id in the data": lambda s: s.tap(
        s.anna, s.sure, f"a:yes:{s.other.id}:{s.other.args_sha256[:8]}"
    ),
    "data on a message without buttons": lambda s: s.tap(s.anna, s.anna.sees[0]),
    "garbage in the data": lambda s: [
        s.tap(s.anna, s.sure, data) for data in ("a:yes", "a:yes:::", "a", "\0", "{}", f"a:YES:{s.asked.id}:x")
    ],
    "a card that is no longer there": lambda s: s.tap(
        s.anna, {"chat": s.sure["chat"], "message_id": s.sure["message_id"], "date": 0}
    ),
    "a button of an inline message": lambda s: s.tap(s.anna, s.sure, message=None, inline_message_id="1"),
    "a card that another bot sent": lambda s: s.tap(s.anna, {**s.sure, "from": _bot(42)}),
    "a card in a group": lambda s: s.tap(s.anna, {**s.sure, "chat": {"id": GROUP, "type": "group", "title": "Ops"}}),
    "a bot's tap": lambda s: s.tap(s.anna, s.sure, **_from(s.anna)),
    "an update that cannot be read": lambda s: s.office.world.update("message", text=s.words),
}
"""Each must change nothing."""
