"""Thinking never shows, however the stream is cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naryad.llm.think import ThinkFilter, without_thinking

CASES = [
    ("plain text", "plain text"),
    ("<think>secret</think>\n\nanswer", "answer"),
    ("before <think>secret</think> after", "before  after"),
    ("<think>a</think><think>b</think>c", "c"),
    ("a < b and <thin ice", "a < b and <thin ice"),
    ("<think>never closed", ""),
    ("ends with <thi", "ends with <thi"),
    ("<think>a<think>b</think>c", "c"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "visible"), CASES)
def test_thinking_is_taken_out_of_a_whole_text(text: str, visible: str) -> None:
    """What stands in the block is gone, everything else stays."""
    assert without_thinking(text) == visible


@given(st.sampled_from(CASES), st.lists(st.integers(0, 40), max_size=6))
def test_any_split_gives_the_same_text(case: tuple[str, str], cuts: list[int]) -> None:
    """A tag split across pieces is still a tag."""
    text, visible = case
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    think = ThinkFilter()
    shown = "".join(think.feed(text[a:b]) for a, b in pairwise(edges))
    assert shown + think.finish() == visible


@given(st.text(alphabet="<>/think x", max_size=60))
def test_no_text_ever_shows_a_tag(text: str) -> None:
    """Fed one character at a time, no piece shows a tag, and all of a text without one is shown but leading space."""
    think = ThinkFilter()
    shown = "".join(think.feed(char) for char in text) + think.finish()
    if "<think>" in text or "</think>" in text:
        assert "</think>" not in shown
    else:
        assert shown == text.lstrip()


def test_a_block_opened_by_the_prompt_withdraws_what_was_shown() -> None:
    """A closing tag alone means that all text before it was thinking."""
    think = ThinkFilter()
    assert think.feed("I wonder about") == "I wonder about"
    assert think.feed(" it</think>\nYes") == "Yes"
    assert think.withdrawn
