"""One answer in the making: what people were shown of it, and the finished message."""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall, ToolCallChunk

from naryad.clock import new_id
from naryad.events import EventType
from naryad.llm.failure import Failure
from naryad.llm.think import ThinkFilter, without_thinking

Emit = Callable[[EventType, dict[str, Any]], Awaitable[None]]
"""Where tokens go: TOKEN {"text", "attempt"} and RESET {"attempt", "reason"}, which takes an attempt's tokens back."""


class Draft:
    """The answer of one attempt.

    Args:
        attempt: Number of the attempt within the question, from 1.
        emit: Where its tokens go.
    """

    def __init__(self, attempt: int, emit: Emit | None) -> None:
        self._attempt, self._emit = attempt, emit
        self._think = ThinkFilter()
        self._shown = ""
        self._whole: AIMessageChunk | None = None

    async def add(self, chunk: AIMessageChunk) -> None:
        """Take in the next piece and show what of it is certain."""
        self._whole = chunk if self._whole is None else self._whole + chunk
        text = self._think.feed(chunk.text)
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

        Raises:
            Failure: The stream ended before the answer did, or nothing came.
        """
        whole = self._whole or AIMessageChunk(content="")
        ending = whole.response_metadata.get("finish_reason")
        if not ending:
            raise Failure("the answer broke off", retry=True, counts=True)
        if whole.tool_call_chunks and ending == "length":
            raise Failure("the tool call was cut off by the token limit", retry=False, counts=False)
        calls = [_call(part) for part in whole.tool_call_chunks]
        await self._show(self._think.finish())
        if not self._shown.strip() and not calls:
            raise Failure("the answer is empty", retry=True, counts=False)
        return AIMessage(
            self._shown,
            id=new_id(),
            tool_calls=calls,
            usage_metadata=whole.usage_metadata,
            response_metadata={**metadata, "finish_reason": ending},
        )

    async def _show(self, text: str) -> None:
        if text:
            self._shown += text
            if self._emit:
                await self._emit(EventType.TOKEN, {"text": text, "attempt": self._attempt})


def _call(part: ToolCallChunk) -> ToolCall:
    """One call under an id of ours, because models repeat theirs; 40 characters are the most that OpenAI takes back.

    Not the chunk's own `tool_calls`: LangChain mends broken JSON there, and a mended call is not what was said.
    """
    try:
        arguments = json.loads(part["args"] or "{}")
    except ValueError:
        arguments = None
    if not part["name"] or not isinstance(arguments, dict):
        raise Failure("the tool call is not valid JSON", retry=True, counts=False)
    return ToolCall(name=part["name"], args=arguments, id=f"call_{uuid4().hex}")


def tidy(messages: Iterable[BaseMessage]) -> tuple[BaseMessage, ...]:
    """The conversation as a provider may see it: no thinking, no raw vendor fields, text contents never None."""
    return tuple(_tidied(message) for message in messages)


def _tidied(message: BaseMessage) -> BaseMessage:
    if not isinstance(message, AIMessage):
        return message
    return AIMessage(without_thinking(message.text), id=message.id, tool_calls=message.tool_calls)
