"""The methods of the API that the simulator has: their parameters, and what each does to the world."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from lab.telegram.wording import Refusal, bad, buttons, worded
from lab.telegram.world import ORDINARY, World

INT, STR, BOOL = "Integer", "String", "Boolean"
_MARKUP = {"reply_markup": "InlineKeyboardMarkup"}
_WORDS = {
    "text": STR,
    "parse_mode": STR,
    "entities": "Array of MessageEntity",
    "link_preview_options": "LinkPreviewOptions",
}
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "getMe": {},
    "getUpdates": {"offset": INT, "limit": INT, "timeout": INT, "allowed_updates": "Array of String"},
    "setWebhook": {
        "url": STR,
        "max_connections": INT,
        "allowed_updates": "Array of String",
        "drop_pending_updates": BOOL,
        "secret_token": STR,
    },
    "deleteWebhook": {"drop_pending_updates": BOOL},
    "getWebhookInfo": {},
    "setMyCommands": {"commands": "Array of BotCommand", "scope": "BotCommandScope", "language_code": STR},
    "sendMessage": {"chat_id": INT, **_WORDS, "disable_notification": BOOL, "protect_content": BOOL, **_MARKUP},
    "editMessageText": {"chat_id": INT, "message_id": INT, **_WORDS, **_MARKUP},
    "editMessageReplyMarkup": {"chat_id": INT, "message_id": INT, **_MARKUP},
    "answerCallbackQuery": {"callback_query_id": STR, "text": STR, "show_alert": BOOL, "cache_time": INT},
    "sendChatAction": {"chat_id": INT, "action": STR},
    "deleteMessage": {"chat_id": INT, "message_id": INT},
}
"""Each method's parameters with their types."""
REQUIRED: Mapping[str, frozenset[str]] = {
    "setWebhook": frozenset({"url"}),
    "setMyCommands": frozenset({"commands"}),
    "sendMessage": frozenset({"chat_id", "text"}),
    "answerCallbackQuery": frozenset({"callback_query_id"}),
    "sendChatAction": frozenset({"chat_id", "action"}),
    "deleteMessage": frozenset({"chat_id", "message_id"}),
}
_SAME = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
_ACTIONS = {"typing", "upload_photo", "upload_document", "choose_sticker", "find_location"}
Params = Mapping[str, Any]


class Methods:
    """Carries calls out."""

    def __init__(self, world: World, *, plain_webhooks: bool) -> None:
        self._world, self._plain = world, plain_webhooks
        self._poller = object()

    async def call(self, name: str, params: Params) -> Any:
        """One call, its parameters already of their types; raises `Refusal`."""
        result = getattr(self, name)(params)
        if asyncio.iscoroutine(result):
            result = await result
        self._world.calls.append((name, dict(params)))
        return result

    def getMe(self, params: Params) -> dict[str, Any]:
        """The bot itself."""
        return {**self._world.bot, "can_join_groups": True, "can_read_all_group_messages": False}

    async def getUpdates(self, params: Params) -> list[dict[str, Any]]:
        """Long polling: confirms what is before `offset`; of two pollers the first is ended."""
        world, me = self._world, object()
        if world.webhook:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        self._poller = me
        world.stir()
        if (wanted := params.get("allowed_updates")) is not None:
            world.wanted = frozenset(wanted) or ORDINARY
        if (offset := params.get("offset", 0)) < 0:
            world.updates = world.updates[offset:]
        world.updates = [update for update in world.updates if update["update_id"] >= offset]
        until = asyncio.get_running_loop().time() + min(params.get("timeout", 0), 50)
        while not world.updates and (left := until - asyncio.get_running_loop().time()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(world.changed.wait(), min(left, 0.5))
            if self._poller is not me:
                words = "terminated by other getUpdates request; make sure that only one bot instance is running"
                raise Refusal(409, f"Conflict: {words}")
        return world.updates[: min(max(params.get("limit", 100), 1), 100)]

    def setWebhook(self, params: Params) -> bool:
        """Deliver updates to an address from now on."""
        if not params["url"]:
            return self.deleteWebhook(params)
        if not params["url"].startswith("https://") and not self._plain:
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", params.get("secret_token", "")):
            raise bad("secret token contains unallowed characters")
        if (wanted := params.get("allowed_updates")) is not None:
            self._world.wanted = frozenset(wanted) or ORDINARY
        self._world.webhook = dict(params)
        self._world.stir()
        return True

    def deleteWebhook(self, params: Params) -> bool:
        """Back to polling."""
        self._world.webhook = {}
        if params.get("drop_pending_updates"):
            self._world.updates = []
        return True

    def getWebhookInfo(self, params: Params) -> dict[str, Any]:
        """What `setWebhook` set."""
        url, waiting = self._world.webhook.get("url", ""), len(self._world.updates)
        return {"url": url, "has_custom_certificate": False, "pending_update_count": waiting}

    def setMyCommands(self, params: Params) -> bool:
        """The menu, for everybody or for a language."""
        for command in params["commands"]:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]) or not 1 <= len(command["description"]) <= 256:
                raise bad("BOT_COMMAND_INVALID")
        self._world.commands[params.get("language_code", "")] = params["commands"]
        return True

    def sendMessage(self, params: Params) -> dict[str, Any]:
        """A new message of the bot."""
        chat_id = self._world.reachable(params["chat_id"])
        return self._world.post(chat_id, self._world.bot, **worded(params), **_keyboard(params))

    def editMessageText(self, params: Params) -> dict[str, Any]:
        """Other words, and other buttons or none, in a message of the bot's own."""
        self._world.reachable(params.get("chat_id"))
        message = self._world.own(params.get("chat_id"), params.get("message_id"), "edit")
        return self._edited(message, {**worded(params), **_keyboard(params)})

    def editMessageReplyMarkup(self, params: Params) -> dict[str, Any]:
        """Other buttons, or none."""
        self._world.reachable(params.get("chat_id"))
        message = self._world.own(params.get("chat_id"), params.get("message_id"), "edit")
        words: dict[str, Any] = {key: message[key] for key in ("text", "entities") if key in message}
        return self._edited(message, {**words, **_keyboard(params)})

    def _edited(self, message: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        if content == {key: message[key] for key in ("text", "entities", "reply_markup") if key in message}:
            raise bad(_SAME)
        for key in ("text", "entities", "reply_markup"):
            message.pop(key, None)
        message.update(content, edit_date=message["date"])
        self._world.stir()
        return message

    def answerCallbackQuery(self, params: Params) -> bool:
        """End the clock on a pressed button."""
        query = params["callback_query_id"]
        if query not in self._world.queries:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if len(params.get("text", "")) > 200:
            raise bad("MESSAGE_TOO_LONG")
        self._world.queries.discard(query)
        self._world.answers[query] = dict(params)
        self._world.stir()
        return True

    def sendChatAction(self, params: Params) -> bool:
        """«typing…»."""
        self._world.reachable(params["chat_id"])
        if params["action"] not in _ACTIONS:
            raise bad("wrong parameter action in request")
        return True

    def deleteMessage(self, params: Params) -> bool:
        """Take a message of the bot's own back."""
        self._world.own(params["chat_id"], params["message_id"], "delete")
        del self._world.messages[params["chat_id"], params["message_id"]]
        self._world.stir()
        return True


def _keyboard(params: Params) -> dict[str, Any]:
    markup = params.get("reply_markup")
    return {"reply_markup": markup} if markup and list(buttons(markup)) else {}
