"""The infrastructure of one process, made from the settings: database, events, model chain, policy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from naryad.checkpoints import open_saver
from naryad.db import migrate
from naryad.db.session import Database
from naryad.errors import ConfigError
from naryad.events import EventLog
from naryad.gate import policy
from naryad.gate.policy import PolicyFile
from naryad.llm.chain import Chain, build_chain
from naryad.settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every part of one process shares; closed by `open_runtime`."""

    settings: Settings
    database: Database
    events: EventLog
    chain: Chain
    policy: PolicyFile
    checkpointer: "BaseCheckpointSaver[str]"


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Open everything, bring the database up to date, and close it all at the end.

    Raises:
        ConfigError: A setting or the policy is wrong; nothing was changed.
    """
    rules = PolicyFile(policy_path(settings), settings.zone)
    if not settings.database.startswith(("sqlite+aiosqlite://", "postgresql+psycopg://")):
        raise ConfigError("must be a sqlite:// or postgresql:// URL", source="environment", field="DATABASE_URL")
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database)
    chain = build_chain(settings)
    try:
        await database.ping()
        await migrate.upgrade(database)
        async with open_saver(settings) as checkpointer:
            yield Runtime(settings, database, EventLog(database), chain, rules, checkpointer)
    finally:
        await chain.close()
        await database.close()


def policy_path(settings: Settings) -> Path:
    """The named policy, else the one in NARYAD_HOME, else the shipped one."""
    own = settings.home / "policy.yaml"
    return settings.policy or (own if own.exists() else policy.DEFAULT)
