"""How a local model calls tools: one JSON object a turn, held to a schema, «one of these tools, or the answer».

The server's own `tools` field applies no grammar, so a small model's calls would be free text.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import ValidationError

from naryad import prompts
from naryad.canonical import encode
from naryad.tooling import Tool

_BOUNDS = frozenset({"maxLength", "maxItems"})
"""Left out of the grammar: llama.cpp unrolls each into as many rules, and a bound of 64 KiB overflows its stack.
The answer is checked against them all the same, when it is there."""


class BadAnswer(Exception):
    """The model's JSON is not one of the allowed answers; the text is for the model."""


def schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """JSON schema of one turn: `{"tool": name, "arguments": {…}}` or `{"answer": text}`, without bounds of length."""
    shared: dict[str, Any] = {}
    turns = [_object(answer={"type": "string"})]
    for tool in _sorted(tools):
        arguments = dict(tool.schema["function"]["parameters"])
        # References look from the document's root, so each tool's definitions move there under its name.
        for name, definition in arguments.pop("$defs", {}).items():
            shared[f"{tool.name}.{name}"] = _renamed(definition, tool.name)
        turns.append(_object(tool={"const": tool.name}, arguments=_renamed(arguments, tool.name)))
    return {"oneOf": turns, "$defs": shared} if shared else {"oneOf": turns}


def read(text: str, tools: Sequence[Tool]) -> str | tuple[str, dict[str, Any]]:
    """The final answer's text, or a call's tool and arguments.

    Raises:
        BadAnswer: It is neither.
    """
    try:
        said = json.loads(text)
    except ValueError as error:
        raise BadAnswer(f"This is not JSON: {error}.") from None
    match said:
        case {"answer": str(answer)} if len(said) == 1:
            return answer
        case {"tool": str(name), "arguments": dict(arguments)} if len(said) == 2:
            return name, _checked(name, arguments, tools)
    raise BadAnswer("The object has neither exactly `answer` nor exactly `tool` and `arguments`.")


def conversation(messages: Sequence[BaseMessage], tools: Sequence[Tool]) -> tuple[BaseMessage, ...]:
    """The conversation in the words of this protocol, with the tools described in the system message.

    The beginning is the same byte for byte at every turn and for any order of tools: the server then evaluates
    only what is new.
    """
    system = "\n\n".join(message.text for message in messages if isinstance(message, SystemMessage))
    if tools:
        described = "\n".join(encode(tool.schema["function"]) for tool in _sorted(tools))
        rules = prompts.load("local", "tools").render(tools=described)
        system = f"{system}\n\n{rules}" if system else rules
    merged: list[BaseMessage] = [SystemMessage(system)] if system else []
    for message in messages:
        if isinstance(message, SystemMessage):
            continue
        said = _said(message)
        # Many templates refuse two messages of one role in a row.
        if merged and merged[-1].type == said.type:
            merged[-1] = type(said)(f"{merged[-1].text}\n\n{said.text}")
        else:
            merged.append(said)
    return tuple(merged)


def _said(message: BaseMessage) -> BaseMessage:
    """One message as plain text of a person or the model."""
    if isinstance(message, AIMessage):
        calls = [
            json.dumps({"tool": c["name"], "arguments": c["args"]}, ensure_ascii=False) for c in message.tool_calls
        ]
        return AIMessage("\n".join(filter(None, [message.text, *calls])))
    if isinstance(message, ToolMessage):
        return HumanMessage(f"<tool_response>\n{_harmless(message.text)}\n</tool_response>")
    return HumanMessage(_harmless(message.text))


def _harmless(text: str) -> str:
    """The server reads control tokens such as <|im_start|> wherever they stand: a log line must not open a message."""
    return text.replace("<|", "< |").replace("</tool_response", "< /tool_response")


def _checked(name: str, arguments: dict[str, Any], tools: Sequence[Tool]) -> dict[str, Any]:
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        raise BadAnswer(f"There is no tool {name!r}.")
    try:
        tool.arguments.model_validate_json(json.dumps(arguments))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)]
        raise BadAnswer(f"The arguments of {name} are wrong: {'; '.join(problems)}.") from None
    return arguments


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _renamed(node: Any, owner: str) -> Any:
    if isinstance(node, dict):
        return {
            key: f"#/$defs/{owner}.{value.removeprefix('#/$defs/')}" if key == "$ref" else _renamed(value, owner)
            for key, value in node.items()
            if not (key in _BOUNDS and isinstance(value, int))
        }
    return [_renamed(item, owner) for item in node] if isinstance(node, list) else node


def _sorted(tools: Iterable[Tool]) -> list[Tool]:
    return sorted(tools, key=lambda tool: tool.name)
