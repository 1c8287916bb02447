"""Declaring a tool: what is missing or wrong is said at import, and odd argument types reach the method whole."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from naryad import tooling
from naryad.gate.answer import Call, Caller
from naryad.gate.request import prepare
from naryad.tooling import Risk, Toolset, tool


async def _text(self: Any, **_: Any) -> str:
    return ""


def declared(fn: Callable[..., Any], **parts: Any) -> Any:
    make: Any = tool
    return make(parts.pop("risk", Risk.READ), **parts)(fn)


async def documented(self: Any, what: str) -> str:
    """Say something."""
    return what


async def silent(self: Any, what: str) -> str:
    return what


async def untyped(self: Any, what) -> str:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Say something."""
    return str(what)


def blocking(self: Any, what: str) -> str:
    """Say something."""
    return what


@pytest.mark.parametrize(
    ("fn", "parts", "says"),
    [
        (documented, {"risk": Risk.WRITE}, "confirm, preview, precondition"),
        (documented, {"risk": Risk.DESTRUCTIVE, "confirm": "Go?", "preview": _text}, "precondition"),
        (
            documented,
            {"risk": Risk.WRITE, "confirm": "Send {whom}?", "preview": _text, "precondition": _text},
            "unknown arguments: whom",
        ),
        (silent, {}, "docstring"),
        (untyped, {}, "without a type: what"),
        (blocking, {}, "async def"),
    ],
)
def test_a_tool_that_lacks_something_cannot_be_declared(fn: Any, parts: dict[str, Any], says: str) -> None:
    """The mistake is a TypeError where the class is written, not a surprise when a person is asked."""
    with pytest.raises(TypeError, match=says):
        declared(fn, **parts)


class Till(Toolset):
    prefix = "till"

    @tool(Risk.READ)
    async def price(self, amount: Decimal, at: datetime, place: Path) -> dict[str, Any]:
        """Price something."""
        return {"amount": amount, "at": at, "place": place}


class Silent(Till):
    async def price(self, amount: Decimal, at: datetime, place: Path) -> dict[str, Any]:
        return {}


async def test_money_moments_and_paths_reach_the_method() -> None:
    """Arguments that JSON spells as text arrive as what they are, under a permit made from them."""
    (price,) = Till().tools()
    args = {"amount": "10.50", "at": "2026-11-21T10:00:00+00:00", "place": "/srv"}
    request = prepare(price, Call("c", "till_price", args), Caller("a", "t", "p"), args)
    with tooling.permit(price, request.kwargs):
        got = await price.method(price.owner, **request.kwargs)
    assert got == {"amount": Decimal("10.50"), "at": datetime(2026, 11, 21, 10, tzinfo=UTC), "place": Path("/srv")}


def test_an_override_must_be_declared_anew() -> None:
    """A subclass that forgets `@tool` would lose the permit check: it is refused."""
    with pytest.raises(TypeError, match="overrides price without @tool"):
        Silent().tools()
