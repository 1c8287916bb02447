"""The infrastructure of one process, made from the settings: database, events, model chain, policy."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from naryad.checkpoints import open_saver
from naryad.db import migrate
from naryad.db.session import Database
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
async def open_runtime(settings: Settings, chain: Chain | None = None) -> AsyncIterator[Runtime]:
    """Open everything, bring the database up to date, and close it all at the end.

    Args:
        settings: Name everything.
        chain: Models in place of those that the settings name.

    Raises:
        ConfigError: A setting or the policy is wrong; nothing was changed.
    """
    rules = PolicyFile(policy_path(settings), settings.zone)
    database, chain = Database(settings.database), chain or build_chain(settings)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(database.close)
        closing.push_async_callback(chain.close)
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        await database.ping()
        await migrate.upgrade(database)
        checkpointer = await closing.enter_async_context(open_saver(settings))
        yield Runtime(settings, database, EventLog(database), chain, rules, checkpointer)


def policy_path(settings: Settings) -> Path:
    """The named policy, else the one in NARYAD_HOME, else the shipped one."""
    own = settings.home / "policy.yaml"
    return settings.policy or (own if own.exists() else policy.DEFAULT)
