"""What the simulator knows: people, chats, messages, and updates on their way to the bot."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from lab.telegram.wording import Refusal, bad

ORDINARY = frozenset(
    {
        *("message", "edited_message", "channel_post", "edited_channel_post", "inline_query", "chosen_inline_result"),
        *("callback_query", "my_chat_member", "business_message", "edited_business_message", "guest_message"),
    }
)
"""Updates that a bot gets unless it asks for others."""


@dataclass
class Fault:
    """What the API does instead of answering: `code` 0 cuts the connection."""

    name: str
    code: int
    description: str = ""
    retry_after: int = 0
    left: int = 1


@dataclass
class World:
    """One bot and everything around it.

    Attributes:
        token: The bot's token.
        updates: What the bot has not confirmed, in order.
        calls: Every request that was carried out, as (method, parameters).
    """

    token: str
    username: str = "naryad_bot"
    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    chats: dict[int, dict[str, Any]] = field(default_factory=dict)
    messages: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    queries: set[str] = field(default_factory=set)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    updates: list[dict[str, Any]] = field(default_factory=list)
    wanted: frozenset[str] = ORDINARY
    webhook: dict[str, Any] = field(default_factory=dict)
    commands: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    update_ids: "count[int]" = field(default_factory=lambda: count(700_000_001))

    @property
    def bot(self) -> dict[str, Any]:
        """The bot as a user."""
        identity = int(self.token.partition(":")[0])
        return {"id": identity, "is_bot": True, "first_name": "Naryad", "username": self.username}

    def stir(self) -> None:
        """Wake whoever waits for a change."""
        self.changed.set()
        self.changed = asyncio.Event()

    def fail(self, name: str, code: int, description: str = "", *, retry_after: int = 0, times: int = 1) -> None:
        """Let the next calls of a method (`*`: of any) fail; `code` 0 cuts the connection."""
        self.faults.append(Fault(name, code, description, retry_after, times))

    def fault(self, name: str) -> Fault | None:
        """The fault that a call meets now."""
        for fault in self.faults:
            if fault.left > 0 and fault.name in ("*", name):
                fault.left -= 1
                return fault
        return None

    def update(self, kind: str, **content: Any) -> None:
        """Send the bot an update, if it wants such ones."""
        if kind in self.wanted:
            self.updates.append({"update_id": next(self.update_ids), kind: content})
            self.stir()

    def post(self, chat_id: int, sender: Mapping[str, Any], **content: Any) -> dict[str, Any]:
        """Put a message into a chat."""
        message = {
            "message_id": next(self.numbers),
            "date": int(time.time()),
            "chat": self.chats[chat_id],
            "from": dict(sender),
            **content,
        }
        self.messages[chat_id, message["message_id"]] = message
        self.stir()
        return message

    def in_chat(self, chat_id: int) -> list[dict[str, Any]]:
        """A chat's messages, in order."""
        return [message for (chat, _number), message in sorted(self.messages.items()) if chat == chat_id]

    def reachable(self, chat_id: Any) -> int:
        """The chat that the bot may write to; refuses any other."""
        if chat_id not in self.chats:
            known = chat_id in self.people
            raise (
                Refusal(403, "Forbidden: bot can't initiate conversation with a user")
                if known
                else bad("chat not found")
            )
        if chat_id in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        return int(chat_id)

    def own(self, chat_id: Any, message_id: Any, what: str) -> dict[str, Any]:
        """The bot's own message that it wants to change."""
        message = self.messages.get((chat_id, message_id))
        if message is None:
            raise bad(f"message to {what} not found")
        if message["from"]["id"] != self.bot["id"]:
            raise bad(f"message can't be {what}ed" if what == "edit" else "message can't be deleted")
        return message

    def called(self, *names: str) -> list[dict[str, Any]]:
        """The parameters of every call of these methods."""
        return [params for name, params in self.calls if name in names]

    def texts(self, chat_ids: Iterable[int] | None = None) -> list[str]:
        """What the bot's messages say now, in every chat or in some."""
        wanted = self.chats if chat_ids is None else chat_ids
        mine = (message for chat_id in wanted for message in self.in_chat(chat_id))
        return [message["text"] for message in mine if message["from"]["id"] == self.bot["id"]]
