"""A toolset whose effects can be counted: each one is a line in a file."""

import asyncio
from pathlib import Path
from typing import Annotated

from pydantic import Field

from naryad.errors import ToolFailed
from naryad.tooling import Risk, Settled, Toolset, effect_key, tool


class CounterTools(Toolset):
    """Effects on one folder: `done` holds a line per effect, `state` what a precondition looks at.

    The tools differ in what can be found out after a crash: `fire` knows whether it happened, `put` may be repeated,
    of `launch` nobody knows. `mend` is checked, and undone when it did not help.
    """

    prefix = "counter"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._done, self._state = folder / "done", folder / "state"

    @property
    def effects(self) -> list[str]:
        """`<effect key> <tool> <what>` of every effect that really happened."""
        return self._done.read_text(encoding="utf-8").splitlines() if self._done.exists() else []

    @property
    def state(self) -> str:
        """What a precondition sees."""
        return self._state.read_text(encoding="utf-8") if self._state.exists() else ""

    def set_state(self, text: str) -> None:
        """Change the world between the question and the answer."""
        self._state.write_text(text, encoding="utf-8")

    async def _preview(self, what: str, seconds: float = 0) -> str:
        return f"will write {what}"

    async def _precondition(self, what: str, seconds: float = 0) -> str:
        return self.state

    async def _reconcile(self, key: str, what: str, seconds: float = 0) -> Settled:
        return Settled.HAPPENED if any(line.startswith(key) for line in self.effects) else Settled.NOT_STARTED

    async def _helped(self, what: str, seconds: float = 0) -> bool:
        return "hopeless" not in what

    async def _undo(self, what: str, seconds: float = 0) -> str:
        return self._write("undo", what)

    def _write(self, name: str, what: str) -> str:
        with self._done.open("a", encoding="utf-8") as file:
            file.write(f"{effect_key()} {name} {what}\n")
        return f"wrote {what}"

    async def _effect(self, name: str, what: str, seconds: float) -> str:
        line = self._write(name, what)
        await asyncio.sleep(seconds)
        return line

    @tool(Risk.READ, timeout_s=1)
    async def look(self, what: str = "", seconds: float = 0) -> dict[str, str]:
        """Look, after a while.

        Args:
            what: Said back; `fail` fails.
            seconds: How long it takes.
        """
        await asyncio.sleep(seconds)
        if what == "fail":
            raise ToolFailed("told to fail")
        return {"what": what}

    @tool(Risk.WRITE, confirm="Note {what}?", preview=_preview, precondition=_precondition, own=("*",))
    async def note(self, what: str, seconds: float = 0) -> str:
        """Write a line that can be taken back.

        Args:
            what: The line.
            seconds: How long it takes.
        """
        return await self._effect("note", what, seconds)

    @tool(
        Risk.DESTRUCTIVE,
        confirm="Fire {what}?",
        preview=_preview,
        precondition=_precondition,
        reconcile=_reconcile,
        timeout_s=5,
    )
    async def fire(self, what: str, seconds: Annotated[float, Field(ge=0, le=60)] = 0) -> str:
        """Write a line for good; what became of it can be found out.

        Args:
            what: The line.
            seconds: How long it takes.
        """
        return await self._effect("fire", what, seconds)

    @tool(Risk.DESTRUCTIVE, confirm="Launch {what}?", preview=_preview, precondition=_precondition, timeout_s=5)
    async def launch(self, what: str, seconds: float = 0) -> str:
        """Write a line for good; after a crash nobody can say whether it was written.

        Args:
            what: The line.
            seconds: How long it takes.
        """
        return await self._effect("launch", what, seconds)

    @tool(Risk.DESTRUCTIVE, confirm="Put {what}?", preview=_preview, precondition=_precondition, idempotent=True)
    async def put(self, what: str, seconds: float = 0) -> str:
        """Make the line be there: doing it again changes nothing more.

        Args:
            what: The line.
            seconds: How long it takes.
        """
        if any(line.endswith(f" put {what}") for line in self.effects):
            return f"{what} was there"
        return await self._effect("put", what, seconds)

    @tool(
        Risk.DESTRUCTIVE,
        confirm="Mend {what}?",
        preview=_preview,
        precondition=_precondition,
        reconcile=_reconcile,
        verify=_helped,
        rollback=_undo,
    )
    async def mend(self, what: str, seconds: float = 0) -> str:
        """Write a line, and see whether that helped: it does not where the line says `hopeless`.

        Args:
            what: The line.
            seconds: How long it takes.
        """
        return await self._effect("mend", what, seconds)
