"""LangGraph's checkpoints: where they are kept, and how finished runs give their space back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from naryad.settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

log = structlog.get_logger()
_BEFORE_THE_LAST = "thread_id = {0} AND NOT (checkpoint_ns = '' AND checkpoint_id = {0})"


@asynccontextmanager
async def open_saver(settings: Settings) -> "AsyncIterator[BaseCheckpointSaver[str]]":
    """The saver that DATABASE_URL asks for, with its tables."""
    if settings.database.startswith("postgresql"):
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg import AsyncConnection
        from psycopg.rows import DictRow, dict_row
        from psycopg_pool import AsyncConnectionPool

        plain = settings.database.replace("postgresql+psycopg://", "postgresql://", 1)
        # A pool that tests its connections: a restarted server must not end every run of this process.
        pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            plain,
            min_size=1,
            open=False,
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        )
        async with pool:
            postgres = AsyncPostgresSaver(pool)
            await postgres.setup()
            yield postgres
    else:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        # A file of its own: a checkpoint must not wait for the gate's transactions, nor they for it.
        async with AsyncSqliteSaver.from_conn_string(str(settings.home / "checkpoints.db")) as sqlite:
            await sqlite.setup()
            yield sqlite


async def prune(saver: Any, thread_id: str) -> None:
    """Keep only the last checkpoint of a thread whose run is over: the steps before it are of no more use.

    A run that is over stays so: what cannot be deleted now is logged, and goes with the next run's.

    LangGraph's savers for SQLite and PostgreSQL have no such method yet, so their tables are named here.

    Args:
        saver: The graph's checkpointer; one that keeps nothing on disk is left alone.
        thread_id: The thread.
    """
    if getattr(saver, "conn", None) is None:
        return
    try:
        last = await saver.aget_tuple({"configurable": {"thread_id": thread_id}})
        if last is not None:
            async with saver.lock:
                await _delete(saver.conn, thread_id, last.config["configurable"]["checkpoint_id"])
    except Exception as error:  # of two database drivers, one of which may not be installed
        log.warning("checkpoints.not.pruned", thread=thread_id, error=type(error).__name__)


async def _delete(pool: Any, thread_id: str, last: str) -> None:
    old = (thread_id, last)
    if hasattr(pool, "connection"):
        async with pool.connection() as connection, connection.transaction():
            for table in ("checkpoints", "checkpoint_writes"):
                await connection.execute(f"DELETE FROM {table} WHERE {_BEFORE_THE_LAST.format('%s')}", old)  # noqa: S608
            await connection.execute(_UNUSED_BLOBS, (thread_id, thread_id))
    else:
        for table in ("checkpoints", "writes"):
            await pool.execute(f"DELETE FROM {table} WHERE {_BEFORE_THE_LAST.format('?')}", old)  # noqa: S608
        await pool.commit()


_UNUSED_BLOBS = """
    DELETE FROM checkpoint_blobs blob WHERE blob.thread_id = %s AND NOT EXISTS (
        SELECT FROM checkpoints kept
        WHERE kept.thread_id = %s AND kept.checkpoint_ns = blob.checkpoint_ns
        AND kept.checkpoint -> 'channel_versions' ->> blob.channel = blob.version
    )
"""
