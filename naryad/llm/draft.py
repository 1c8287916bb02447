"""One answer in the making: what people were shown of it, and the finished message."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall, ToolCallChunk
from langchain_core.messages.ai import UsageMetadata, add_usage

from naryad.clock import new_id
from naryad.db.types import storable
from naryad.events import EventType
from naryad.llm.failure import Failure
from naryad.llm.think import ThinkFilter, without_thinking
from naryad.printable import printable

Emit = Callable[[EventType, dict[str, Any]], Awaitable[None]]
"""Where tokens go: TOKEN {"text", "attempt"} and RESET {"attempt", "reason"}, which takes an attempt's tokens back."""

LONGEST = 200_000
"""Most characters of one answer, thinking and arguments included."""
LONGEST_NAME = 100
"""Most characters of a model's name, as its server says it."""
DEEPEST = 30
"""Most levels of a call's arguments."""


class Draft:
    """The answer of one attempt.

    Args:
        attempt: Number of the attempt within the question, from 1.
        emit: Where its tokens go.
    """

    def __init__(self, attempt: int, emit: Emit | None) -> None:
        self._attempt, self._emit = attempt, emit
        self._think = ThinkFilter()
        self._shown, self._length = "", 0
        self._calls: dict[object, _Parts] = {}
        self._ending, self._model = "", ""
        self._usage: UsageMetadata | None = None

    async def add(self, chunk: AIMessageChunk) -> None:
        """Take in the next piece and show what of it is certain.

        Pieces are not added to each other as LangChain's: it reads all arguments anew at each, and a playbook would
        keep the event loop busy for minutes.
        """
        self._length += len(chunk.text) + sum(len(part["args"] or "") for part in chunk.tool_call_chunks)
        if self._length > LONGEST:
            raise Failure("the answer does not end", retry=False, counts=True)
        for part in chunk.tool_call_chunks:
            # Without an index every piece is a call of its own.
            key = len(self._calls) if part["index"] is None else ("index", part["index"])
            self._calls.setdefault(key, _Parts()).add(part)
        self._ending = chunk.response_metadata.get("finish_reason") or self._ending
        self._model = chunk.response_metadata.get("model_name") or self._model
        self._usage = add_usage(self._usage, chunk.usage_metadata) if chunk.usage_metadata else self._usage
        text = self._think.feed(storable(chunk.text))
        if self._think.withdrawn:
            self._think.withdrawn = False
            await self.withdraw("the text was the model's thinking")
        await self._show(text)

    async def withdraw(self, reason: str) -> None:
        """Take back what was shown, if anything was."""
        if self._shown and self._emit:
            await self._emit(EventType.RESET, {"attempt": self._attempt, "reason": reason})
        self._shown = ""

    async def finish(self, **metadata: str) -> AIMessage:
        """The whole message; its text is exactly what was shown.

        Args:
            metadata: What it says of itself; `model` is replaced by the name under which the server answered, if it
                told one: it need not be the one that was asked.

        Raises:
            Failure: The stream ended before the answer did, or nothing came.
        """
        if not self._ending:
            raise Failure("the answer broke off", retry=True, counts=True)
        if self._calls and self._ending == "length":
            raise Failure("the tool call was cut off by the token limit", retry=False, counts=False)
        calls = [parts.call() for parts in self._calls.values()]
        await self._show(self._think.finish())
        if not self._shown.strip() and not calls:
            raise Failure("the answer is empty", retry=True, counts=False)
        named = {"model": _shown_name(self._model)} if self._model else {}
        return AIMessage(
            self._shown,
            id=new_id(),
            tool_calls=calls,
            usage_metadata=self._usage,
            response_metadata={**metadata, **named, "finish_reason": self._ending},
        )

    async def _show(self, text: str) -> None:
        if text:
            self._shown += text
            if self._emit:
                await self._emit(EventType.TOKEN, {"text": text, "attempt": self._attempt})


class _Parts:
    """The pieces of one tool call."""

    def __init__(self) -> None:
        self._name: list[str] = []
        self._arguments: list[str] = []

    def add(self, part: ToolCallChunk) -> None:
        self._name.append(part["name"] or "")
        self._arguments.append(part["args"] or "")

    def call(self) -> ToolCall:
        """The call under an id of ours, because models repeat theirs; 40 characters are the most OpenAI takes back.

        Its arguments are what was said: broken JSON is not mended.
        """
        name = "".join(self._name)
        try:
            arguments = json.loads("".join(self._arguments) or "{}")
        except (ValueError, RecursionError):
            arguments = None
        if not name or not isinstance(arguments, dict) or _deeper(arguments, DEEPEST):
            raise Failure("the tool call is not valid JSON", retry=True, counts=False)
        # Half a surrogate pair or a number of forty digits is valid JSON, but no checkpoint could be written of it.
        return ToolCall(name=storable(name), args=storable(arguments), id=f"call_{uuid4().hex}")


def _shown_name(said: object) -> str:
    """A model's name, which stands in tables and messages to people, as a server that need not mean well says it."""
    return printable(" ".join(str(said).split()))[:LONGEST_NAME]


def _deeper(value: Any, levels: int) -> bool:
    """Whether a value is nested more deeply."""
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) and (not levels or any(_deeper(child, levels - 1) for child in children))


def tidy(messages: Iterable[BaseMessage]) -> tuple[BaseMessage, ...]:
    """The conversation as a provider may see it: no thinking, no raw vendor fields, text contents never None."""
    return tuple(_tidied(message) for message in messages)


def _tidied(message: BaseMessage) -> BaseMessage:
    if not isinstance(message, AIMessage):
        return message
    return AIMessage(without_thinking(message.text), id=message.id, tool_calls=message.tool_calls)
