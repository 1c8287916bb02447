"""Cassettes: what a model decided in a case, said again while the tools really run.

A line of a cassette is one decision: what it was an answer to, as far as that must not change (the system prompt, the
tools on offer, the shape of the conversation), and the answer. What differs from world to world, such as ports and
paths, stands in it by its name: `${web}`, or `${port.web|int}` where it is a whole number.
"""

import hashlib
import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, SystemMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk

from evals.fitting import filled
from naryad.errors import ConfigError
from naryad.llm.provider import Provider, Request

SHORTEST = 4
"""Shorter values of a world are no names of anything: `80` stands in many places."""


class Taping:
    """A provider that another one is behind: what that says is written down. One of `naryad.llm.provider.Provider`.

    Args:
        inner: Who decides.
        path: The cassette; what it holds stays, as a process that is restarted goes on recording.
        names: What the values of this world are called.
    """

    def __init__(self, inner: Provider, path: Path, names: Mapping[str, str]) -> None:
        self._inner, self._path, self._names = inner, path, names
        self.name, self.model = inner.name, inner.model
        path.parent.mkdir(parents=True, exist_ok=True)

    async def ready(self) -> None:
        """As the other one."""
        await self._inner.ready()

    def hint(self) -> str:
        """As the other one."""
        return self._inner.hint()

    async def check(self) -> None:
        """As the other one."""
        await self._inner.check()

    async def close(self) -> None:
        """As the other one."""
        await self._inner.close()

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        """Pass the answer on, and keep it when it is whole."""
        whole: AIMessageChunk | None = None
        async for chunk in self._inner.stream(request, first_token_s=first_token_s):
            whole = chunk if whole is None else whole + chunk
            yield chunk
        if whole is None or not whole.response_metadata.get("finish_reason"):
            return
        calls = [{"tool": call["name"], "args": call["args"]} for call in whole.tool_calls]
        told = {"text": whole.text} if not calls else {"text": whole.text, "calls": calls}
        line = {**_asked(request, self._names), "model": self.model, "usage": whole.usage_metadata,
                "answer": _leaves(told, self._names)}  # fmt: skip
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


class Replay:
    """Says what stands on a cassette, in its order. One of `naryad.llm.provider.Provider`.

    Attributes:
        misfit: What was asked and is not on the cassette; whatever came after that proves nothing.

    Raises:
        ConfigError: There is no such cassette, or a line of it is none.
    """

    name = "replay"

    def __init__(self, path: Path, names: Mapping[str, str]) -> None:
        self._path, self._names, self.model = path, names, path.parent.name
        self._lines, self._at = _read(path), 0
        self.misfit: ConfigError | None = None

    async def ready(self) -> None:
        """It needs nothing."""

    def hint(self) -> str:
        """It is always there."""
        return ""

    async def check(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """It holds nothing."""

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        """Say the next answer, if it is one to this."""
        line = self._next(request)
        if line["answer"]["text"]:
            yield AIMessageChunk(content=filled(line["answer"]["text"], self._names))
        for index, call in enumerate(line["answer"].get("calls", [])):
            args = json.dumps(filled(call["args"], self._names), ensure_ascii=False)
            chunk = tool_call_chunk(name=call["tool"], args=args, id=None, index=index)
            yield AIMessageChunk(content="", tool_call_chunks=[chunk])
        reason = "tool_calls" if line["answer"].get("calls") else "stop"
        yield AIMessageChunk(content="", response_metadata={"finish_reason": reason}, usage_metadata=line["usage"])

    def ended(self) -> None:
        """Look whether all of it was asked for, and nothing else.

        Raises:
            ConfigError: It was not; names the file, the line and the field.
        """
        if self.misfit:
            raise self.misfit
        if self._at < len(self._lines):
            text = f"{len(self._lines) - self._at} decisions from here on were not asked for; record the case again"
            raise ConfigError(text, source=self._path, line=self._at + 1)

    def _next(self, request: Request) -> dict[str, Any]:
        asked, number = _asked(request, self._names), self._at + 1
        line = self._lines[self._at] if self._at < len(self._lines) else {}
        field = next((field for field in asked if asked[field] != line.get(field)), "")
        if field or self.misfit:
            text = f"the {field} is another than was recorded: {asked[field]}; record the case again" if line else (
                "the model was asked once more than was recorded; record the case again")  # fmt: skip
            self.misfit = self.misfit or ConfigError(text, source=self._path, line=number, field=field if line else "")
            raise self.misfit
        self._at += 1
        return line


def _asked(request: Request, names: Mapping[str, str]) -> dict[str, Any]:
    """What must be the same when an answer is given again."""
    system = "\n".join(message.text for message in request.messages if isinstance(message, SystemMessage))
    return {
        "system": hashlib.sha256(_named(system, names).encode()).hexdigest()[:16],
        "tools": sorted(tool.name for tool in request.tools),
        "turns": [_turn(message) for message in request.messages],
    }


def _turn(message: Any) -> str:
    if isinstance(message, AIMessage) and message.tool_calls:
        return "ai " + " ".join(call["name"] for call in message.tool_calls)
    return f"tool {message.name}" if isinstance(message, ToolMessage) else str(message.type)


def _named(text: str, names: Mapping[str, str]) -> str:
    """A text with the values of this world by their names, the longest first."""
    for name, value in sorted(names.items(), key=lambda item: -len(item[1])):
        if len(value) >= SHORTEST:
            text = text.replace(value, f"${{{name}}}")
    return text


def _leaves(value: Any, names: Mapping[str, str]) -> Any:
    """A decision with the values of this world by their names: `${web}`, and `${port.web|int}` for a number."""
    if isinstance(value, str):
        return _named(value, names)
    if isinstance(value, dict):
        return {key: _leaves(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_leaves(item, names) for item in value]
    if isinstance(value, bool) or not isinstance(value, int) or len(str(value)) < SHORTEST:
        return value
    return next((f"${{{name}|int}}" for name, own in names.items() if own == str(value)), value)


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"there is no such cassette ({error.strerror}); record it", source=path) from error
    found = []
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            line["answer"]["text"], line["usage"], line["system"], line["tools"], line["turns"]
        except (ValueError, KeyError, TypeError) as error:
            field = str(error.args[0]) if isinstance(error, KeyError) else ""
            raise ConfigError("this is no decision of a model", source=path, line=number, field=field) from error
        found.append(line)
    return found
