"""Registration: an account comes to be when who reads its address says so, and never tells anybody else."""

from datetime import timedelta

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from naryad.accounts import passwords, tokens
from naryad.accounts.accounts import Accounts
from naryad.accounts.attempts import MAILS, Counter
from naryad.accounts.devices import SOMEWHERE, Devices, Place
from naryad.accounts.letters import Letters
from naryad.clock import now
from naryad.db.models.account import Account, Device, Registration
from naryad.db.session import Database
from naryad.errors import NotFound, Refused
from naryad.i18n import _

LIFE = timedelta(hours=24)


class Registrations:
    """Takes registrations, sends their codes, and makes accounts of them."""

    def __init__(
        self, database: Database, accounts: Accounts, counter: Counter, letters: Letters, devices: Devices
    ) -> None:
        self._database, self._accounts, self._counter, self._letters = database, accounts, counter, letters
        self._devices = devices

    async def register(self, email: str, password: str, name: str = "", *, lang: str = "ru") -> str:
        """Take a registration and send its code to the address; all goes the same way where that has an account.

        Args:
            email: The address in its normal form.
            password: The password that the account shall have.
            name: How the person is called.
            lang: The language of the letter, and then of the account.

        Returns:
            The registration's id, by which another letter can be asked for.

        Raises:
            Refused: The password does not do, or no letter can go from here.
            TooSoon: A letter was sent to this address less than a minute ago.
        """
        row = Registration(
            id=tokens.opaque(),
            email=email,
            name=name,
            password_hash=await passwords.hashed(password),
            lang=lang,
            sha256="",
            expires_at=now() + LIFE,
        )
        async with self._database.write() as session:
            await session.exec(delete(Registration).where(col(Registration.expires_at) < now()))
            await self._send(session, row)
        return row.id

    async def resend(self, registration_id: str) -> None:
        """Send another code, which makes the one before worthless.

        Raises:
            NotFound: There is no such registration, or it was confirmed.
            Refused: No letter can go from here.
            TooSoon: A letter was sent to this address less than a minute ago.
        """
        async with self._database.write() as session:
            row = await session.get(Registration, registration_id, with_for_update=True)
            if row is None or row.expires_at <= now():
                raise NotFound(_("There is no such registration: register again."))
            await self._send(session, row)

    async def confirm(self, code: str, password: str, at: Place = SOMEWHERE) -> tuple[Account, Device, str]:
        """Make the account and sign it in; returns it with its device and the first refresh token.

        The password is asked for again: anybody can register anybody's address with a password of their own, and
        whoever then opens the letter must not give them an account under that address.

        Raises:
            Refused: The code is wrong, used or too old, or it belongs to another password.
        """
        query = select(Registration).where(Registration.sha256 == tokens.digest(code))
        async with self._database.read() as session:
            row = (await session.exec(query)).first()
        right = await passwords.matches(password, row.password_hash if row and row.expires_at > now() else None)
        if row is None or not right:
            raise Refused(_("The code is wrong, used or too old, or the password is not the one of your registration."))
        account = Account(email=row.email, name=row.name, password_hash=row.password_hash, lang=row.lang)
        async with self._database.write() as session:
            if not await self._accounts.add(session, account):
                raise Refused(_("{email} has an account already.").format(email=row.email))
            await session.exec(delete(Registration).where(col(Registration.email) == row.email))
            await self._counter.forget(session, f"mail:register:{row.email}")
            device, refresh = await self._devices.add(session, account, at, second_factor=False, tell=False)
        return account, device, refresh

    async def _send(self, session: AsyncSession, row: Registration) -> None:
        self._letters.check()
        await self._counter.take(session, f"mail:register:{row.email}", MAILS)
        code = tokens.opaque()
        row.sha256 = tokens.digest(code)
        session.add(row)
        known = await self._accounts.find(session, row.email)
        if known:
            await self._letters.put(session, row.email, "account.exists", known.lang)
        else:
            await self._letters.put(session, row.email, "account.confirm", row.lang, code)
