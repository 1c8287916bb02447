"""Tools that behave badly, each in its own way."""

import math
from collections.abc import Callable
from typing import Any

from naryad.errors import OutcomeUnknown, ToolFailed
from naryad.tooling import Risk, Settled, Toolset, effect_key, progress, tool

BEYOND_JSON: dict[str, Any] = {
    "big": 2**70,
    "nan": math.nan,
    "bytes": b"\xff\x00",
    "nul": "a\x00b",
    "surrogate": "a\ud800b",
    "object": object,
    "nested": {"a": [math.inf, {"b": "\x00"}]},
}


class OddTools(Toolset):
    """What goes wrong is chosen by the argument `how`; `done` holds what really happened."""

    prefix = "odd"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.companions: dict[str, Callable[[], Any]] = {}

    async def _preview(self, how: str) -> str:
        return str(self._do("preview", "nothing special"))

    async def _precondition(self, how: str) -> str:
        return str(self._do("precondition", ""))

    async def _reconcile(self, key: str, how: str) -> Settled:
        found = Settled.HAPPENED if any(line.startswith(key) for line in self.done) else Settled.NOT_STARTED
        return Settled(self._do("reconcile", found))

    async def _verify(self, how: str) -> bool:
        return bool(self._do("verify", True))

    async def _rollback(self, how: str) -> str:
        self.done.append(f"{effect_key()} undo {how}")
        return str(self._do("rollback", "undone"))

    def _do(self, companion: str, usual: Any) -> Any:
        return self.companions[companion]() if companion in self.companions else usual

    @tool(Risk.READ, budget_chars=1_000)
    async def say(self, what: str, times: int = 1) -> str:
        """Say something, many times.

        Args:
            what: The words.
            times: How often.
        """
        progress()("about to speak")
        return what * times

    @tool(Risk.READ)
    async def tell(self, how: str) -> Any:
        """Answer with something that is no JSON, or break.

        Args:
            how: A key of `BEYOND_JSON`; anything else breaks.
        """
        return BEYOND_JSON[how]

    @tool(
        Risk.DESTRUCTIVE,
        confirm="Do it {how}?",
        preview=_preview,
        precondition=_precondition,
        reconcile=_reconcile,
        verify=_verify,
        rollback=_rollback,
        timeout_s=0.2,
        budget_chars=1_000,
    )
    async def act(self, how: str) -> Any:
        """Do it, and then something goes wrong.

        Args:
            how: What goes wrong: `refused`, `lost`, `lost before`, `bug`, `long`, `endless`, or a key of `BEYOND_JSON`.
        """
        if how == "refused":
            raise ToolFailed("the system said no, password=hunter2")
        if how == "lost before":
            raise OutcomeUnknown("the connection broke early")
        if how == "hangs before":
            raise TimeoutError
        self.done.append(f"{effect_key()} act {how}")
        match how:
            case "lost":
                raise OutcomeUnknown("the connection broke")
            case "hangs":
                raise TimeoutError
            case "bug":
                raise ZeroDivisionError("a bug of ours")
            case "long":
                return "y" * 5_000
            case "endless":
                return {"ok": True, "lines": ["z" * 100] * 1_000}
            case _:
                return BEYOND_JSON.get(how, how)
