"""The fake model and its script files."""

from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from naryad.errors import ConfigError
from naryad.llm.breaker import Breaker
from naryad.llm.chain import Chain, Link
from naryad.llm.scripted import NO_ANSWER, ScriptedProvider
from naryad.tooling import Tool
from tests.naryad.llm.conftest import Tokens

SCRIPT = """
- when: "(?i)is the lamp in the (?P<room>\\\\w+) on(?: floor (\\\\d+))?"
  turns:
    - tool: lamp_state
      args: {room: "${room}", floor: "${2|int}", note: "room ${room}!"}
    - calls:
        - {tool: lamp_state, args: {room: "${last:rooms[0].name}", floor: "${last:rooms[0].floor}"}}
        - {tool: lamp_state, args: {room: cellar}}
    - text: "The lamp in the ${room} is ${last:state}."
- when: "^summary$"
  turns:
    - text: "All is well."
- when: "SECRET-MODE"
  in: prompt
  turns:
    - text: "seen in the prompt"
"""


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    return Chain([Link(ScriptedProvider.load(path), Breaker(3, 60, 2))])


async def test_turns_follow_the_tools_answers(chain: Chain, lamp: list[Tool], tokens: Tokens) -> None:
    """The first turn calls with what the regex found, the next with what the tool said, the last one speaks."""
    talk: list[BaseMessage] = [HumanMessage("Is the lamp in the hall on floor 3?")]
    first = await chain.complete(talk, tools=lamp)
    assert first.tool_calls[0]["args"] == {"room": "hall", "floor": 3, "note": "room hall!"}
    talk += [first, ToolMessage('{"rooms": [{"name": "attic", "floor": 4}]}', tool_call_id="x")]
    second = await chain.complete(talk, tools=lamp)
    assert [c["args"] for c in second.tool_calls] == [{"room": "attic", "floor": 4}, {"room": "cellar"}]
    assert len({c["id"] for c in first.tool_calls + second.tool_calls}) == 3
    talk += [second, ToolMessage('{"state": "off"}', tool_call_id="y")]
    third = await chain.complete(talk, tools=lamp, emit=tokens)
    assert third.content == tokens.text == "The lamp in the hall is off."
    assert len(tokens.events) > 3
    talk += [third]
    assert (await chain.complete(talk, tools=lamp)).content == NO_ANSWER


async def test_only_the_last_human_message_is_searched(chain: Chain) -> None:
    """An earlier question does not answer a later one; `in: prompt` looks everywhere."""
    talk = [HumanMessage("summary"), AIMessage("All is well."), HumanMessage("and now?")]
    assert (await chain.complete(talk)).content == NO_ANSWER
    assert (await chain.complete([SystemMessage("SECRET-MODE"), *talk])).content == "seen in the prompt"


async def test_a_call_is_never_said_where_no_tool_is_offered(chain: Chain) -> None:
    """A question without tools, put in the same words, gets a text."""
    assert (await chain.complete([HumanMessage("Is the lamp in the hall on?")])).content == NO_ANSWER


async def test_a_place_that_names_nothing_is_null(tmp_path: Path, lamp: list[Tool]) -> None:
    """An unknown group, a result that is no JSON, a path that finds nothing: null, which the gate refuses."""
    path = tmp_path / "script.yaml"
    path.write_text(
        "- when: go\n  turns:\n    - tool: lamp_state\n"
        "      args: {a: '${7}', b: ['${last:x}', 1], c: 'is ${nobody}'}\n"
    )
    chain = Chain([Link(ScriptedProvider.load(path), Breaker(3, 60, 2))])
    answer = await chain.complete([HumanMessage("go"), ToolMessage("not json", tool_call_id="1")], tools=lamp)
    assert answer.tool_calls[0]["args"] == {"a": None, "b": [None, 1], "c": "is null"}


@pytest.mark.parametrize(
    ("script", "where"),
    [
        (
            "- when: a\n  turns:\n    - text: x\n      args: {b: 1}\n",
            r"script\.yaml:3: 0\.turns\.0: .*belong to a tool",
        ),
        ("- when: a\n  turns:\n    - text: x\n      tool: y\n", r"script\.yaml:3: 0\.turns\.0: .*exactly one"),
        ("- when: '('\n  turns: [{text: x}]\n", r"script\.yaml:1: 0\.when: .*regular expression"),
        ("- turns: [{text: x}]\n", r"script\.yaml:1: 0\.when"),
        ("- when: a\n  turns: []\n", r"script\.yaml:2: 0\.turns"),
        ("- when: a\n  turns: [{text: x, sleep: 1}]\n", r"script\.yaml:2: 0\.turns\.0\.sleep"),
        ("when: a\n", r"script\.yaml:1"),
        ("- [\n", r"script\.yaml:2: not valid YAML"),
    ],
)
def test_a_wrong_script_names_file_line_and_field(tmp_path: Path, script: str, where: str) -> None:
    """Whoever wrote the file is told where to look."""
    path = tmp_path / "script.yaml"
    path.write_text(script, encoding="utf-8")
    with pytest.raises(ConfigError, match=where):
        ScriptedProvider.load(path)
