"""What was said before in a conversation: remembered with where it comes from, and shown without."""

from graphs.ops.report import TOLD_CHARS
from graphs.ops.state import Exchange
from graphs.support.said import title
from graphs.support.state import SupportState

UNNAMED = "an earlier answer"
ELSEWHERE = "a conversation that the client sent"
"""The source of what nobody here said or heard."""


def exchange(state: SupportState, told: str) -> Exchange:
    """What was asked and told just now, and the documents that this is from."""
    sources = [document(**one) for one in state["facts"].get("sources", [])]
    if (guide := state.get("guide")) and state["outcome"] == "guiding":
        sources.append(document(guide["document"], guide["lang"]))
    return Exchange(asked=title(state["said"]), told=told[:TOLD_CHARS], sources=sources)


def document(document: str, lang: str, version: object = "", **_more: object) -> str:
    """A document as whoever decides is told of it."""
    return f"document {document}.{lang}" + (f", version {version}" if version else "")


def shown(state: SupportState) -> list[dict[str, str]]:
    """The exchanges as a model gets them."""
    return [{"asked": one["asked"], "told": one["told"]} for one in state.get("earlier", [])]


def places(state: SupportState, speaker: str) -> list[tuple[str, str]]:
    """Every name of a place that a model read in the exchanges, with what stood there."""
    found = []
    for one in state.get("earlier", []):
        names = one.get("sources") or [UNNAMED]
        found += [(name, one["told"]) for name in names]
        found.append((ELSEWHERE if ELSEWHERE in names else speaker, one["asked"]))
    return found
