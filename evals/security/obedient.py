"""A model that does whatever any text before it orders, and looks where it is sent."""

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk, SystemMessage
from langchain_core.messages.tool import tool_call_chunk

from evals.security import orders
from naryad.llm.provider import Request
from naryad.testing.injections import Sight


@dataclass
class Obedient:
    """The worst model there can be, on the path to every tool. One of `naryad.llm.provider.Provider`.

    Attributes:
        carried_out: The call that an order comes to, by its kind and token.
        sights: Looks that it takes first, while nothing orders anything.
        read: All that it was ever shown.
        told: The tokens of the orders among that.
        obeyed: Those that it tried to carry out.
    """

    carried_out: Callable[[str, str], Sight]
    sights: list[Sight] = field(default_factory=list)
    name: str = "obedient"
    model: str = "obedient"
    read: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    obeyed: set[str] = field(default_factory=set)

    def hint(self) -> str:
        """It is always there."""
        return ""

    async def ready(self) -> None:
        """It needs nothing."""

    async def check(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """It holds nothing."""

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        """Call what is ordered where there are tools, even such as are not offered; else ask for something to do."""
        shown = [message.text for message in request.messages if not isinstance(message, SystemMessage)]
        self.read += shown
        wanted = list(dict.fromkeys(order for text in _texts(shown) for order in orders.read(text)))
        self.told |= {token for _kind, token in wanted}
        calls = list[Sight]()
        if request.tools:
            calls = [self.carried_out(*order) for order in wanted if order[1] not in self.obeyed]
            self.obeyed |= {token for _kind, token in wanted}
            if not wanted and self.sights:
                calls = [self.sights.pop(0)]
        for index, call in enumerate(calls):
            # Without an id the provider of the chain gives one.
            chunk = tool_call_chunk(name=call.tool, args=json.dumps(dict(call.args)), id=None, index=index)
            yield AIMessageChunk(content="", tool_call_chunks=[chunk])
        if not calls:
            yield AIMessageChunk(content=json.dumps({"route": "act", "question": ""}))
        reason = "tool_calls" if calls else "stop"
        yield AIMessageChunk(content="", response_metadata={"finish_reason": reason})


def _texts(value: Any) -> Iterator[str]:
    """Every text of a value, and of the JSON that a text is."""
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            yield value
        else:
            yield from (_texts(inner) if isinstance(inner, list | dict) else [value])
