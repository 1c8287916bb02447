"""People on the simulated Telegram: they write, press buttons, forward, edit, block."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.telegram.world import World

Message = dict[str, Any]


@dataclass
class Somebody:
    """A person, and the bot's chat with them once they wrote first.

    Attributes:
        id: The numeric id.
    """

    world: World
    id: int
    name: str = "Anna"
    language: str = "ru"

    def __post_init__(self) -> None:
        """Be known to Telegram."""
        self.world.people[self.id] = self.user

    @property
    def user(self) -> dict[str, Any]:
        """The person as the API tells of them."""
        return {"id": self.id, "is_bot": False, "first_name": self.name, "language_code": self.language}

    def write(self, text: str, *, chat: int = 0, **more: Any) -> Message:
        """Write to the bot, or into a group.

        Args:
            text: What is written.
            chat: The group; 0 is the private chat.
            more: Further fields of the message, for example `via_bot`.
        """
        message = self._posted(text, chat or self.id, more)
        self.world.update("message", **message)
        return message

    def forward(self, message: Message, sender: "Somebody") -> Message:
        """Forward what somebody else wrote."""
        origin = {"type": "user", "date": message["date"], "sender_user": sender.user}
        return self.write(message["text"], forward_origin=origin)

    def edit(self, message: Message, text: str) -> None:
        """Change what was written before."""
        message.update(text=text, edit_date=message["date"])
        self.world.update("edited_message", **message)

    def tap(self, card: Message, label: str = "", *, data: str = "", **more: Any) -> str:
        """Press a button.

        Args:
            card: The bot's message.
            label: What stands on the button, or its beginning.
            data: What a forged client would send instead.
            more: Fields of the query that are not what they should be.

        Returns:
            The query's id, by which `world.answers` tells what the bot said to it.
        """
        query = {
            "id": str(9_000_000_000 + next(self.world.numbers)),
            "from": self.user,
            "message": dict(card),
            "chat_instance": str(-self.id),
            "data": data or self._data(card, label),
            **more,
        }
        self.world.queries.add(query["id"])
        self.world.update("callback_query", **query)
        return str(query["id"])

    def block(self) -> None:
        """Want nothing more from the bot."""
        self.world.blocked.add(self.id)

    @property
    def sees(self) -> list[Message]:
        """The bot's messages in the private chat, as they are now."""
        return [message for message in self.world.in_chat(self.id) if message["from"]["is_bot"]]

    async def hears(
        self, text: str, *, within: float = 20, among: Callable[[], list[Message]] | None = None
    ) -> Message:
        """The newest message of the bot that has these words; waits for it.

        Raises:
            TimeoutError: It did not come; tells what there is instead.
        """
        try:
            async with asyncio.timeout(within):
                while True:
                    changed = self.world.changed
                    for message in reversed(among() if among else self.sees):
                        if text in message["text"]:
                            return message
                    await changed.wait()
        except TimeoutError:
            there = [message["text"] for message in self.sees]
            raise TimeoutError(f"nobody said {text!r}, but {there}") from None

    async def answered(self, query: str, *, within: float = 20) -> str:
        """What the bot said to a pressed button."""
        async with asyncio.timeout(within):
            while query not in self.world.answers:
                await self.world.changed.wait()
        return str(self.world.answers[query].get("text", ""))

    def _posted(self, text: str, chat: int, more: dict[str, Any]) -> Message:
        private = {"id": self.id, "type": "private", "first_name": self.name}
        self.world.chats.setdefault(chat, private if chat == self.id else {"id": chat, "type": "group", "title": "Ops"})
        command = text.split(maxsplit=1)[0] if text.startswith("/") else ""
        entities = [{"type": "bot_command", "offset": 0, "length": len(command)}] if command else []
        content = {"text": text, **({"entities": entities} if entities else {}), **more}
        return self.world.post(chat, self.user, **content)

    def _data(self, message: Message, label: str) -> str:
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        found = [button for row in rows for button in row if button["text"].startswith(label)]
        if not found:
            raise LookupError(f"no button {label!r} on {message['text']!r}: {rows}")
        return str(found[0]["callback_data"])
