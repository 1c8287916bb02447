"""Signing in, and the way back in for who forgot the password.

Three wrong passwords lock, first for a minute, then longer. What is locked is the address for strangers: a device that
the account was signed in on before counts its own tries, so that a stranger can lock a person out of no device of
theirs. On a new one they get in by a new password: the letter's code makes it a known device. Tries are counted by
address, so an address without an account locks like any other.
"""

import asyncio
from datetime import timedelta

from sqlmodel import col, delete, select

from naryad.accounts import passwords, second_factor, tokens
from naryad.accounts.accounts import RECOVERY, RESET, Accounts, end_others
from naryad.accounts.attempts import MAILS, PASSWORDS, Counter
from naryad.accounts.devices import SOMEWHERE, Devices, Place
from naryad.accounts.letters import Letters
from naryad.accounts.refusals import NotSignedIn, SecondFactorNeeded
from naryad.accounts.sealing import Seal
from naryad.accounts.tokens import Signer
from naryad.clock import now
from naryad.db.models.account import Account, AccountStatus, ApiKey, Code, Device
from naryad.db.session import Database
from naryad.errors import Refused
from naryad.i18n import _

RESET_LIFE = timedelta(hours=1)
EVEN_S = 0.25
"""How long asking for a new password takes at the least: longer than writing the letter does, where there is one."""


class SigningIn:
    """Tells who is who."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        counter: Counter,
        letters: Letters,
        devices: Devices,
        signer: Signer,
        seal: Seal,
    ) -> None:
        self._database, self._accounts, self._counter = database, accounts, counter
        self._letters, self._devices, self._signer, self._seal = letters, devices, signer, seal

    async def sign_in(
        self, email: str, password: str, code: str = "", *, known: str = "", at: Place = SOMEWHERE
    ) -> tuple[Account, Device, str]:
        """Check a password and, where one is set up, the second factor, and sign a device in with what was checked.

        Args:
            email: The address in its normal form.
            password: The password.
            code: Of the authenticator app, or a recovery code.
            known: What a device holds that was signed in before; of any other the person is told by a letter.
            at: Where it is.

        Returns:
            The account, the device and its first refresh token.

        Raises:
            NotSignedIn: Something is wrong; the same words for an unknown address and a wrong password.
            SecondFactorNeeded: All that is missing is the code.
            TooSoon: It was tried too often, by anybody on an unknown device.
        """
        async with self._database.write() as session:
            found = await self._accounts.find(session, email)
            device = self._signer.known(known, found.id) if found else ""
            key = f"known:{device}" if device else f"address:{email}"
            await self._counter.take(session, key, PASSWORDS)
        right = await passwords.matches(password, found.password_hash if found else None)
        refusal: Refused = NotSignedIn(_("The address, the password or the code is wrong."))
        if found and right:
            async with self._database.write() as session:
                account = await self._accounts.held(session, found.id)
                if account.status is not AccountStatus.ACTIVE:
                    refusal = NotSignedIn(_("This account is disabled: ask an administrator."))
                elif account.totp_secret and not code:
                    refusal = SecondFactorNeeded(_("Send the code of your authenticator app, or a recovery code."))
                    await self._counter.give_back(session, key)
                elif account.password_hash == found.password_hash and (
                    not account.totp_secret or await second_factor.spend(session, account, code, self._seal)
                ):
                    await self._counter.forget(session, key)
                    shown = account.totp_secret is not None
                    opened = await self._devices.add(session, account, at, second_factor=shown, tell=not device)
                    return account, *opened
        raise refusal

    async def forgot(self, email: str) -> None:
        """Send a code for a new password, if the address has an account; in the same time if it has none.

        Raises:
            Refused: No letter can go from here, to whomever.
            TooSoon: A letter was asked for less than a minute ago.
        """
        self._letters.check()
        await asyncio.gather(self._forgot(email), asyncio.sleep(EVEN_S))

    async def _forgot(self, email: str) -> None:
        async with self._database.write() as session:
            await self._counter.take(session, f"mail:reset:{email}", MAILS)
            account = await self._accounts.find(session, email)
            if account and account.status is AccountStatus.ACTIVE:
                code = tokens.opaque()
                await session.exec(delete(Code).where(col(Code.account_id) == account.id, col(Code.purpose) == RESET))
                until = now() + RESET_LIFE
                session.add(Code(account_id=account.id, purpose=RESET, sha256=tokens.digest(code), expires_at=until))
                await self._letters.put(session, email, "account.reset", account.lang, code)

    async def reset(self, code: str, password: str) -> Account:
        """Set a new password by a mailed code: devices, keys and the link to Telegram end; the second factor stays.

        Raises:
            Refused: The code is wrong, used or too old, or the password does not do.
        """
        wrong = Refused(_("This code is wrong, used, or too old; ask for another one."))
        query = select(Code).where(Code.sha256 == tokens.digest(code), Code.purpose == RESET, Code.expires_at > now())
        async with self._database.read() as session:
            if not (await session.exec(query)).first():
                raise wrong
        password_hash = await passwords.hashed(password)
        async with self._database.write() as session:
            row = (await session.exec(query.with_for_update())).first()
            if row is None:
                raise wrong
            account = await self._accounts.held(session, row.account_id)
            account.password_hash, account.totp_pending = password_hash, None
            session.add(account)
            account.telegram_id = None  # whoever had the old password may have linked theirs, and made keys
            await session.exec(delete(ApiKey).where(col(ApiKey.account_id) == account.id))
            await session.exec(delete(Code).where(col(Code.account_id) == account.id, col(Code.purpose) != RECOVERY))
            await end_others(session, account.id)
            await self._counter.forget(session, f"address:{account.email}", f"account:{account.id}")
            await self._letters.put(session, account.email, "account.changed", account.lang)
            await self._accounts.record(session, "password.reset", account.id)
        return account
