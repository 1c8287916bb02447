"""Deleting an account for good, with every thread that is the person's."""

from contextlib import suppress
from functools import partial

from naryad.accounts.accounts import Accounts, principal
from naryad.auth import Person, Role
from naryad.driver import Driver
from naryad.errors import NotFound, Refused
from naryad.mail import removal as mail
from naryad.threads import Threads
from naryad.tickets.asking import MAIL
from naryad.tickets.attachments import Attachments
from naryad.tickets.removal import erase

TRIES = 10
"""How often one thread is ended before it is given up: whoever writes there all the time could go on for ever."""


async def remove(
    account_id: str, accounts: Accounts, threads: Threads, driver: Driver, attachments: Attachments
) -> None:
    """End what runs for the person, and forget their threads, their account, and every message from, to or about them.

    Of their tickets every word and file goes; what is left counts, and names nobody.

    Raises:
        NotFound: There is no such account.
        Refused: It is the last administrator's; nothing was changed. Or a thread does not end: the rest can be
            forgotten later.
    """
    await accounts.check_removable(account_id)
    owner, email = principal(account_id), (await accounts.get(account_id)).email

    async def forget() -> None:
        for who in (owner, f"{MAIL}{email}"):
            await _erase_threads(Person(who, frozenset({Role.USER})), threads, driver)
        await attachments.tickets.database.transact(partial(mail.erase, attachments.tickets.database, email))
        await erase(attachments, owner, email)

    await forget()
    await accounts.remove(account_id, by=owner)
    await forget()  # what was begun meanwhile


async def _erase_threads(owner: Person, threads: Threads, driver: Driver) -> None:
    while found := await threads.listed(owner):
        for thread in found:
            await _erase_thread(thread.id, owner, threads, driver)


async def _erase_thread(thread_id: str, owner: Person, threads: Threads, driver: Driver) -> None:
    for left in reversed(range(TRIES)):
        try:
            await threads.erase(thread_id, handed_over=True)
        except Refused:  # it still runs
            if not left:
                raise
            with suppress(Refused, NotFound):  # it ended just now
                await driver.cancel(thread_id, owner.id)
        else:
            return
