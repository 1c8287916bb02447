"""The rest of a long output: stored when it is cut, read through its handle."""

import hashlib
from typing import Annotated

from pydantic import Field
from sqlmodel import Session

from naryad.db.models.output import Output
from naryad.db.session import Database
from naryad.errors import ToolFailed
from naryad.tooling import Risk, Toolset, tool

STORED_CHARS = 2_000_000
"""Longest output that is kept; what is beyond is gone."""
PAGE_CHARS = 7_000


class OutputTools(Toolset):
    """Long results of earlier calls. A handle opens only what its holder was shown: it follows from the whole text."""

    prefix = "output"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, thread_id: str, text: str) -> str:
        """Store an output, once; returns its handle."""
        handle = hashlib.sha256(f"{thread_id} {text}".encode()).hexdigest()[:24]

        def store(session: Session) -> None:
            self._database.hold(session, f"output:{handle}")
            if session.get(Output, handle) is None:
                session.add(Output(id=handle, thread_id=thread_id, text=text[:STORED_CHARS]))

        await self._database.transact(store)
        return handle

    @tool(Risk.READ)
    async def read(self, handle: str, offset: Annotated[int, Field(ge=0)] = 0) -> str:
        """Read on in a long result that was cut.

        Args:
            handle: The handle that the cut result named.
            offset: First character to read, from 0.
        """
        row = await self._database.look(lambda session: session.get(Output, handle))
        if row is None:
            raise ToolFailed(f"There is no stored output {handle!r}.")
        return (
            f"characters {offset}-{offset + PAGE_CHARS} of {len(row.text)}:\n{row.text[offset : offset + PAGE_CHARS]}"
        )
