"""The world that a case is played in: an install of its own with people, documents and, where wanted, a shop."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from agents.registry import Crew, open_crew
from evals import state, tracker
from evals.bare import Bare
from evals.case import Case
from evals.cassette import Replay
from evals.models import Model
from evals.record import Made
from evals.told import PEOPLE
from evals.uses import fit
from knowledge_base.base import KnowledgeBase
from knowledge_base.services import Catalogue
from knowledge_base.settings import SHIPPED
from lab import faults, probes
from lab.jira.server import Simulator, simulator
from lab.monitor import Monitor
from lab.shop import Shop
from naryad.auth import Person, roles_of
from naryad.db import migrate
from naryad.db.models.account import Account
from naryad.db.session import Database
from naryad.errors import NaryadError
from naryad.gate.answer import Answer, Call, Caller, Outcome
from naryad.llm.chain import Chain
from naryad.settings import Settings
from naryad.testing.counter import CounterTools
from naryad.tooling import Tool
from tools import registry

LANGUAGES = ("ru", "en")
NOWHERE = "http://127.0.0.1:9"
MODELS = ("model", "openai_api_key", "openai_base_url", "openai_model", "local_model", "llm_timeout_s",
          "llm_max_retries", "enable_llm_fallback")  # fmt: skip
"""The settings that a world takes over from the install: where models are. All else is its own."""


@dataclass
class Open:
    """A world in which a case is being played.

    Attributes:
        names: What the values of this world are called in the case: `web` is the address of the shop's front.
        calls: What the agent called, in order, by the thread and the call's id; also tools that were not offered.
        wanted: What models called, in order, whatever became of it.
        left: Questions that were left open: nobody is asked them again.
        known: Whose index a new process takes over; it would make the same again.
    """

    case: Case
    model: Model
    home: Path
    shop: Shop | None
    jira: Simulator | None
    counter: CounterTools | None
    settings: Settings
    names: dict[str, str]
    calls: dict[tuple[str, str], Made] = field(default_factory=dict)
    wanted: list[Made] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    known: KnowledgeBase | None = None
    replay: Replay | None = None
    crew: Crew = field(init=False)
    _process: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def monitor(self) -> Monitor:
        """What watches the shop."""
        assert self.shop
        return Monitor(self.shop)

    @property
    def tools(self) -> dict[str, Tool]:
        """Those that are here, and those of other installs: what must not be called may be one of them."""
        other = Bare(NARYAD_HOME=self.home, PROMETHEUS_URL=NOWHERE, ANSIBLE_INVENTORY=self.home / "inventory")
        shipped = [tool for toolset in registry.build(other, Catalogue(), home=self.home) for tool in toolset.tools()]
        return {tool.name: tool for tool in shipped} | dict(self.crew.gate.tools)

    async def restart(self) -> None:
        """End the process, if one runs, and begin the next."""
        await self._process.aclose()
        if self.replay is None:
            chain, self.replay = self.model.chain(self.case, self.settings, self.names)
            self._hear(chain)
        else:  # the cassette goes on where it is
            chain = self.crew.runtime.chain
        more = [self.counter] if self.counter else []
        self.crew = await self._process.enter_async_context(open_crew(self.settings, chain=chain, more=more))
        if self.known:
            self.crew.knowledge.take_over(self.known)
        self._listen()

    async def close(self) -> None:
        """End the process."""
        await self._process.aclose()

    async def snapshot(self) -> dict[str, Any]:
        """The state of everything that a case may speak of, by name."""
        await self.copy()
        found = await self.crew.runtime.database.look(state.rows) | (tracker.state(self.jira) if self.jira else {})
        if self.counter:
            found |= {
                f"counter.{number}": line.partition(" ")[2] for number, line in enumerate(self.counter.effects, 1)
            }
        return found | (await state.of_shop(self.shop) if self.shop else {})

    async def copy(self) -> None:
        """Bring the tracker, if there is one, into step with the tickets."""
        if self.jira:
            await tracker.settle(self.settings, self.crew.tickets)

    async def meanwhile(self, what: str) -> None:
        """Somebody does something to the shop, `start web` or `stop store`, or the process is restarted."""
        if what == "restart":
            await self.restart()
            return
        assert self.shop
        verb, _space, service = what.partition(" ")
        await (self.shop.supervisor.start if verb == "start" else self.shop.supervisor.stop)(service)

    def _hear(self, chain: Chain) -> None:
        """Note every call where a model makes it: one of a tool that was not offered never comes to the gate."""
        complete = chain.complete

        async def noting(messages: Sequence[BaseMessage], *, tools: Sequence[Tool] = (), **more: Any) -> AIMessage:
            reply = await complete(messages, tools=tools, **more)
            offered = {tool.name: tool for tool in tools}
            for call in reply.tool_calls:
                tool = offered.get(call["name"])
                valid = tool is not None and fit(tool, call["args"])
                made = Made(call["name"], call["args"], None if valid else Outcome.INVALID)
                self.wanted.append(made)
                if tool is None:
                    self.calls["", call["id"] or ""] = made
            return reply

        chain.complete = noting  # type: ignore[method-assign]  # nobody else has this chain

    def _listen(self) -> None:
        """Note every call that comes to the gate: what the model wanted is told apart from what became of it."""
        gate, advance = self.crew.gate, self.crew.gate.advance

        async def noting(call: Call, caller: Caller, *, run: bool = True) -> Any:
            step = await advance(call, caller, run=run)
            outcome = step.outcome if isinstance(step, Answer) else None
            self.calls[caller.thread_id, call.id] = Made(call.name, dict(call.args), outcome)
            return step

        gate.advance = noting  # type: ignore[method-assign]  # nobody else has this gate


def person(name: str) -> Person:
    """Somebody of `PEOPLE`."""
    return Person(f"account:{name}", roles_of(PEOPLE[name]))


@dataclass(frozen=True, slots=True)
class Template:
    """What worlds begin with, made once: it takes seconds.

    Attributes:
        empty: A database without rows, to be copied.
        filled: One with the shipped documents, and their index in memory.
    """

    empty: Path
    filled: Path
    known: KnowledgeBase


async def template(folder: Path) -> Template:
    """Make what worlds begin with."""
    empty, filled = folder / "empty.db", folder / "filled.db"
    database = Database(f"sqlite+aiosqlite:///{empty}", power_safe=False)
    try:
        await migrate.upgrade(database)
    finally:
        await database.close()
    await asyncio.to_thread(shutil.copy, empty, filled)
    database = Database(f"sqlite+aiosqlite:///{filled}", power_safe=False)
    try:
        known = KnowledgeBase(database)
        await _ingest(known, [SHIPPED / lang for lang in LANGUAGES])
    finally:
        await database.close()
    return Template(empty, filled, known)


@asynccontextmanager
async def opened(case: Case, model: Model, base: Settings, start: Template, folder: Path) -> AsyncIterator[Open]:
    """Build the world of a case, and let nothing of it remain.

    Args:
        case: What is to be played.
        model: Who decides.
        base: Where the models are; everything else is the world's own.
        start: What it begins with; see `template`.
        folder: For the world's files.

    Raises:
        ConfigError: A script, a cassette or a document is wrong.
    """
    told, home = case.told.world, folder / "home"
    home.mkdir()
    await asyncio.to_thread(shutil.copy, start.filled if told.documents else start.empty, home / "naryad.db")
    if told.policy:
        shutil.copy(case.folder / told.policy, home / "policy.yaml")
    async with AsyncExitStack() as closing:
        shop = await closing.enter_async_context(Shop(folder / "shop")) if told.kind == "shop" else None
        jira = await closing.enter_async_context(simulator()) if told.tracker == "jira" else None
        bare = Bare(**_settings(home, told.lang, shop), **(tracker.settings(jira) if jira else {}))
        settings = bare.model_copy(update={name: getattr(base, name) for name in MODELS} | model.changes())
        counter = CounterTools(home / "counter") if told.counter else None
        world = Open(case, model, home, shop, jira, counter, settings, _names(home, shop))
        world.known = start.known if told.documents else None
        model.begin(case)
        closing.push_async_callback(world.close)
        await world.restart()
        await _furnish(world)
        yield world


async def breakdown(world: Open) -> None:
    """Let happen what the case says has happened before its first step."""
    told = world.case.told.world
    if world.shop and told.fault:
        await faults.inject(told.fault, world.shop)
        async with probes.client() as http:
            while await probes.works(world.shop, http):  # noqa: ASYNC110  # a leak takes its time to show
                await asyncio.sleep(0.1)
    for planted in told.planted:
        assert world.shop
        text = "".join(f"{line}\n" for line in planted.lines)
        with world.shop.layout.log(planted.log).open("a", encoding="utf-8") as log:
            log.write(text)


def _settings(home: Path, lang: str, shop: Shop | None) -> dict[str, Any]:
    known: dict[str, Any] = {"NARYAD_HOME": home, "NARYAD_LANG": lang, "ENABLE_CACHING": False}
    if shop:
        known |= {
            "NARYAD_SERVICES": shop.services, "ANSIBLE_INVENTORY": shop.inventory, "ANSIBLE_LIBRARY": shop.library
        }  # fmt: skip
    return known


def _names(home: Path, shop: Shop | None) -> dict[str, str]:
    if shop is None:
        return {"home": str(home)}
    ports = {f"port.{name}": str(port) for name, port in shop.layout.ports.items()}
    urls = {name: shop.url(name) for name in shop.layout.ports}
    return {"shop": str(shop.home), "home": str(home), **urls, **ports}


async def _furnish(world: Open) -> None:
    """People, and what is known."""
    async with world.crew.runtime.database.write() as session:
        session.add_all(
            Account(id=name, email=f"{name}@example.ru", password_hash="-", role=role) for name, role in PEOPLE.items()
        )
    own = world.case.folder / "documents"
    if own.is_dir():
        await _ingest(world.crew.knowledge, [own])
        world.known = world.crew.knowledge


async def _ingest(known: KnowledgeBase, paths: Sequence[Path]) -> None:
    """Take documents in and index them."""
    taken = await known.ingest(paths, "evals")
    if taken.refused:
        raise NaryadError(f"documents were refused: {taken.refused}")
    await known.refresh()
