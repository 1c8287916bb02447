"""The parts of accounts on a database, with a clock that the test moves and letters that it reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlmodel import col, select

from naryad import clock as real
from naryad import i18n
from naryad.accounts import attempts, devices, passwords, registration, second_factor, security, signing_in
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
from naryad.db.models.delivery import Delivery
from naryad.db.session import Database
from naryad.notify.notifier import Notifier
from naryad.notify.routes import Routes
from naryad.outbox import Outbox
from naryad.settings import Settings

PASSWORD = "correct horse battery"
EMAIL = "anna@example.ru"
MAILING = Settings(
    NARYAD_PUBLIC_URL="https://naryad.example.ru",
    ENABLE_EMAIL_NOTIFICATIONS=True,
    SMTP_HOST="mail",
    SMTP_FROM="naryad@example.ru",
)
GUARD = "guard@example.ru"
"""Whom the routes name for matters of security."""
ROUTES = {"recipients": [{"name": "guard", "email": GUARD}], "routes": [{"kinds": ["security"], "to": ["guard"]}]}


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that are as weak as they can be: nobody attacks them."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    monkeypatch.setattr(passwords, "_nobody", lambda: hasher.hash("nobody"))


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with i18n.speaking("en"):
        yield


@pytest.fixture(autouse=True)
def no_evenness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing_in, "EVEN_S", 0)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self._shift = timedelta()

    def now(self) -> datetime:
        return real.now() + self._shift

    def forward(self, **by: float) -> None:
        self._shift += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (attempts, devices, registration, second_factor, security, signing_in):
        monkeypatch.setattr(module, "now", made.now)
    return made


@dataclass(frozen=True)
class Office:
    """Everything about accounts, on one database."""

    database: Database
    accounts: Accounts
    registrations: Registrations
    signing_in: SigningIn
    security: Security
    devices: Devices
    keys: ApiKeys
    counter: Counter
    signer: Signer

    async def letters(self, email: str = EMAIL) -> list[tuple[str, str]]:
        """Kind and code of every letter to an address, in order."""
        query = select(Delivery).where(Delivery.target == email, Delivery.channel == "email").order_by(col(Delivery.id))
        async with self.database.read() as session:
            return [(row.payload["kind"], row.payload["code"]) for row in (await session.exec(query)).all()]


def office_on(database: Database, key: str = "k" * 48) -> Office:
    """The same as a server makes it."""
    accounts, counter, signer = Accounts(database), Counter(database), Signer(key)
    notifier = Notifier(Outbox(database), Routes.model_validate(ROUTES), MAILING)
    letters, seal = Letters(Outbox(database), MAILING, notifier), Seal(key)
    devices = Devices(database, accounts, letters, signer)
    proving = (database, accounts, counter, letters, devices)
    return Office(
        database,
        accounts,
        Registrations(*proving),
        SigningIn(*proving, signer, seal),
        Security(*proving, seal),
        devices,
        ApiKeys(database, accounts, letters),
        counter,
        signer,
    )


@pytest.fixture
def office(database: Database) -> Office:
    return office_on(database)


Code = Callable[..., str]


@pytest.fixture
def totp(clock: Clock) -> Code:
    """The code that an authenticator app shows."""

    def code(secret: str) -> str:
        import pyotp

        return pyotp.TOTP(secret).at(clock.now())

    return code
