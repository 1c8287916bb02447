"""What the endpoints work with, made once for a process."""

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from agents.registry import Crew, load_catalogue, open_crew
from naryad.accounts.accounts import Accounts
from naryad.accounts.api_keys import ApiKeys
from naryad.accounts.attempts import Counter
from naryad.accounts.devices import Devices
from naryad.accounts.letters import Letters
from naryad.accounts.registration import Registrations
from naryad.accounts.security import Security
from naryad.accounts.signing_in import SigningIn
from naryad.accounts.tokens import Signer
from naryad.alerts.intake import Intake
from naryad.alerts.response import Response
from naryad.alerts.rules import Surroundings
from naryad.alerts.silences import Silences
from naryad.alerts.watch import Watch
from naryad.clock import new_id
from naryad.driver import Driver
from naryad.inbox import Inbox, bot_id
from naryad.notify.notifications import Notifications, open_notifications
from naryad.observability import traced, watched
from naryad.outbox import Outbox
from naryad.settings import Settings
from naryad.threads import Threads
from server.health.checks import Health
from server.limits import Limiter
from server.metrics.meters import Meters
from tools.host.history import HostHistory

OpenCrew = Callable[[Settings], AbstractAsyncContextManager[Crew]]


@dataclass(frozen=True, slots=True)
class Parts:
    """The crew, and what only a server needs."""

    crew: Crew
    driver: Driver
    threads: Threads
    accounts: Accounts
    registrations: Registrations
    signing_in: SigningIn
    security: Security
    devices: Devices
    keys: ApiKeys
    signer: Signer
    limiter: Limiter
    outbox: Outbox
    notifications: Notifications
    inbox: Inbox
    intake: Intake
    silences: Silences
    watch: Watch
    health: Health
    meters: Meters
    host_history: HostHistory

    @property
    def settings(self) -> Settings:
        """What configures the install."""
        return self.crew.runtime.settings


@asynccontextmanager
async def open_parts(settings: Settings, crew_of: OpenCrew = open_crew) -> AsyncIterator[Parts]:
    """Open the crew and everything around it.

    Args:
        settings: What configures the install.
        crew_of: Opens the crew; a plugin's author, or a test, may have another.

    Raises:
        ConfigError: A setting or a file is wrong; nothing was changed.
    """
    meters = Meters()
    async with AsyncExitStack() as around:
        await around.enter_async_context(traced(settings))
        around.enter_context(watched(meters.watch))
        crew = await around.enter_async_context(crew_of(settings))
        database = crew.runtime.database
        driver = Driver(crew.runs, most=settings.workers)
        signer, accounts, outbox = Signer(secret(settings)), Accounts(database), Outbox(database)
        proving = (database, accounts, Counter(database), Letters(outbox, settings.public_url))
        stands_on = {service.name: service.depends_on for service in load_catalogue(settings).services}
        alerting = (database, crew.runtime.events, Surroundings(stands_on), Response.of(settings))
        try:
            yield Parts(
                crew=crew,
                driver=driver,
                threads=Threads(database, crew.runtime.events, crew.runtime.checkpointer),
                accounts=accounts,
                registrations=Registrations(*proving),
                signing_in=SigningIn(*proving, signer),
                security=Security(*proving),
                devices=Devices(database, signer),
                keys=ApiKeys(database, accounts),
                signer=signer,
                limiter=Limiter(settings),
                outbox=outbox,
                notifications=await open_notifications(settings, database, crew.runtime.events, outbox),
                inbox=Inbox(database, bot_id(settings)),
                intake=Intake(*alerting),
                silences=Silences(database),
                watch=Watch(*alerting),
                health=Health(crew),
                meters=meters,
                host_history=HostHistory(),
            )
        finally:
            await driver.close()


def secret(settings: Settings) -> str:
    """The key of the install: NARYAD_SECRET, or one made at the first start and kept in NARYAD_HOME."""
    if settings.secret:
        return settings.secret.get_secret_value()
    file = settings.home / "secret"
    if not file.exists():
        made = file.with_name(f"secret.{new_id()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48), encoding="ascii")
        with suppress(FileExistsError):  # another process was faster
            os.link(made, file)
        made.unlink()
    return file.read_text(encoding="ascii").strip()


def _of(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


Using = Annotated[Parts, Depends(_of)]
"""The parts, as an endpoint's argument."""
