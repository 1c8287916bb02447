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
from naryad.accounts.sealing import Seal
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
from naryad.llm import prices
from naryad.mail.mail import Mail, open_mail
from naryad.notify.notifications import Notifications, open_notifications
from naryad.observability import traced, watched
from naryad.outbox import Outbox
from naryad.reports.archive import Archive
from naryad.scheduler.scheduler import Scheduler
from naryad.sentinel.canary import Canaries
from naryad.sentinel.recorder import Recorder
from naryad.settings import Settings
from naryad.threads import Threads
from server.health.checks import Health
from server.jobs.works import archive_of, works
from server.limits import Limiter, Streams
from server.metrics import versions
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
    streams: Streams
    outbox: Outbox
    notifications: Notifications
    inbox: Inbox
    mail: Mail
    intake: Intake
    silences: Silences
    watch: Watch
    health: Health
    meters: Meters
    host_history: HostHistory
    archive: Archive
    scheduler: Scheduler
    recorder: Recorder

    @property
    def settings(self) -> Settings:
        """What configures the install."""
        return self.crew.runtime.settings


@asynccontextmanager
async def open_parts(
    settings: Settings, crew_of: OpenCrew = open_crew, canaries: Canaries | None = None
) -> AsyncIterator[Parts]:
    """Open the crew and everything around it.

    Args:
        settings: What configures the install.
        crew_of: Opens the crew; a plugin's author, or a test, may have another.
        canaries: Plays cases with a known good end on a schedule.

    Raises:
        ConfigError: A setting or a file is wrong; nothing was changed.
    """
    meters = Meters(prices.load(settings))
    async with AsyncExitStack() as around:
        await around.enter_async_context(traced(settings))
        around.enter_context(watched(meters.watch))
        crew = await around.enter_async_context(crew_of(settings))
        meters.know(versions.of_crew(crew))
        made = {agent: version.made for agent, version in meters.versions.items()}
        database = crew.runtime.database
        driver = Driver(crew.runs, most=settings.workers)
        key, *before = secrets_of(settings)
        signer, seal, accounts, outbox = Signer(key), Seal(key, *before), Accounts(database), Outbox(database)
        await seal.renew(database)
        notifications = await open_notifications(settings, database, crew.runtime.events, outbox)
        letters = Letters(outbox, settings, notifications.notifier)
        devices = Devices(database, accounts, letters, signer)
        proving = (database, accounts, Counter(database), letters, devices)
        stands_on = {service.name: service.depends_on for service in load_catalogue(settings).services}
        alerting = (database, crew.runtime.events, Surroundings(stands_on), Response.of(settings))
        archive = archive_of(crew)
        try:
            yield Parts(
                crew=crew,
                driver=driver,
                threads=Threads(database, crew.runtime.events, crew.runtime.checkpointer),
                accounts=accounts,
                registrations=Registrations(*proving),
                signing_in=SigningIn(*proving, signer, seal),
                security=Security(*proving, seal),
                devices=devices,
                keys=ApiKeys(database, accounts, letters),
                signer=signer,
                limiter=Limiter(settings),
                streams=Streams(settings.streams),
                outbox=outbox,
                notifications=notifications,
                inbox=Inbox(database, bot_id(settings)),
                mail=open_mail(settings, crew.tickets, outbox, driver),
                intake=Intake(*alerting),
                silences=Silences(database),
                watch=Watch(*alerting),
                health=Health(crew),
                meters=meters,
                host_history=HostHistory(),
                archive=archive,
                scheduler=Scheduler(database, works(crew, archive, outbox, made=made, canaries=canaries)),
                recorder=Recorder(database, made),
            )
        finally:
            await driver.close()


def secrets_of(settings: Settings) -> list[str]:
    """The key of the install, then those it had before: NARYAD_SECRET, or one made in NARYAD_HOME."""
    given = [each.get_secret_value() for each in (settings.secret, settings.secret_before) if each]
    file = settings.home / "secret"
    if not settings.secret and not file.exists():
        made = file.with_name(f"secret.{new_id()}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48), encoding="ascii")
        with suppress(FileExistsError):  # another process was faster
            os.link(made, file)
        made.unlink()
    kept = [file.read_text(encoding="ascii").strip()] if file.exists() else []
    return given + kept if settings.secret else kept + given


async def _of(connection: HTTPConnection) -> Parts:  # async, or FastAPI would call it in a thread
    parts: Parts = connection.app.state.parts
    return parts


Using = Annotated[Parts, Depends(_of)]
"""The parts, as an endpoint's argument."""
