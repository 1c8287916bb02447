"""A model that follows a script: for demonstrations, evals and tests that must not depend on a real one."""

import json
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import jmespath
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator, model_validator

from naryad import yaml_model
from naryad.llm.provider import Request

NO_ANSWER = "The script has no answer to this."
_PLACE = re.compile(r"\$\{(?:last:(?P<path>[^}]+)|(?P<group>\w+)(?P<number>\|int)?)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class ScriptedCall(_Strict):
    """One tool call; strings in `args` may hold `${1}`, `${name}`, `${name|int}` or `${last:jmespath}`."""

    tool: str = Field(min_length=1)
    args: dict[str, Any] = {}


class Turn(_Strict):
    """What the model says at one point: exactly one of a text, a call, or several calls."""

    text: str | None = None
    tool: str | None = None
    args: dict[str, Any] = {}
    calls: list[ScriptedCall] = []

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.text is not None) + (self.tool is not None) + bool(self.calls) != 1:
            raise ValueError("a turn says exactly one of text, tool or calls")
        if self.args and self.tool is None:
            raise ValueError("args belong to a tool")
        return self

    @property
    def wanted(self) -> list[ScriptedCall]:
        """The turn's calls."""
        return [ScriptedCall(tool=self.tool, args=self.args)] if self.tool is not None else self.calls


class Entry(_Strict):
    """What is said in answer to the prompts that `when` is found in.

    Attributes:
        when: A regular expression; its groups are what `${…}` may name.
        where: Search the last human message, or all texts of the prompt.
        turns: The first is said right after the human message, the next after the tools have answered, and so on.
    """

    when: str
    where: Literal["human", "prompt"] = Field("human", alias="in")
    turns: list[Turn] = Field(min_length=1)

    @field_validator("when")
    @classmethod
    def _is_regex(cls, when: str) -> str:
        try:
            re.compile(when)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return when


class _Script(RootModel[list[Entry]]):
    pass


class ScriptedProvider:
    """Says what a script says; the first entry that fits is taken. One of `naryad.llm.provider.Provider`.

    Args:
        entries: The script.
        model: Name that answers carry.
    """

    name = "scripted"

    def __init__(self, entries: Sequence[Entry], *, model: str = "script") -> None:
        self.model = model
        self._entries = entries

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a script file.

        Raises:
            ConfigError: The file is wrong; names it, the line and the field.
        """
        return cls(yaml_model.load(path, _Script).root, model=path.name)

    def hint(self) -> str:
        """A script is always there."""
        return ""

    async def ready(self) -> None:
        """A script needs nothing."""

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        """Say the next turn, word by word; see `Provider`."""
        text, calls = self._next(request)
        for word in re.findall(r"\s*\S+|\s+$", text):
            yield AIMessageChunk(content=word)
        for index, (name, args) in enumerate(calls):
            chunk = tool_call_chunk(name=name, args=json.dumps(args, ensure_ascii=False), id=None, index=index)
            yield AIMessageChunk(content="", tool_call_chunks=[chunk])
        yield AIMessageChunk(content="", response_metadata={"finish_reason": "tool_calls" if calls else "stop"})

    async def check(self) -> None:
        """A script is always there."""

    async def close(self) -> None:
        """Nothing to close."""

    def _next(self, request: Request) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
        messages = request.messages
        start = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=0)
        done = sum(isinstance(message, AIMessage) for message in messages[start:])
        places = {"human": messages[start].text if messages else "", "prompt": "\n".join(m.text for m in messages)}
        for entry in self._entries:
            match = re.search(entry.when, places[entry.where])
            if match is None or done >= len(entry.turns):
                continue
            turn = entry.turns[done]
            if turn.wanted and not request.tools:
                continue  # this question is not the one the script means: a call could not be said
            fill = _filler(match, messages)
            if turn.text is not None:
                return str(_filled(turn.text, fill, embed=True)), []
            return "", [(call.tool, {k: _filled(v, fill) for k, v in call.args.items()}) for call in turn.wanted]
        return NO_ANSWER, []


def _filler(match: re.Match[str], messages: Sequence[BaseMessage]) -> Callable[[re.Match[str]], Any]:
    """How the places of one turn are looked up."""

    def fill(place: re.Match[str]) -> Any:
        if place["path"]:
            last = next((m.text for m in reversed(messages) if isinstance(m, ToolMessage)), "null")
            try:
                return jmespath.search(place["path"], json.loads(last))
            except (ValueError, jmespath.exceptions.JMESPathError):
                return None
        try:
            value = match[int(place["group"]) if place["group"].isdigit() else place["group"]]
        except IndexError:
            return None
        return int(value) if place["number"] and value else value

    return fill


def _filled(value: Any, fill: Callable[[re.Match[str]], Any], *, embed: bool = False) -> Any:
    """Fill the places of a value in; one that is nothing but a place takes the type of what it names."""
    if isinstance(value, dict):
        return {key: _filled(item, fill) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, fill) for item in value]
    if not isinstance(value, str):
        return value
    if not embed and (whole := _PLACE.fullmatch(value)):
        return fill(whole)
    return _PLACE.sub(lambda place: _spelled(fill(place)), value)


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
