"""Deleting an account for good, with every thread that is the person's."""

from contextlib import suppress

from naryad.accounts.accounts import Accounts, principal
from naryad.auth import Person, Role
from naryad.driver import Driver
from naryad.errors import NotFound, Refused
from naryad.threads import Threads


async def remove(account_id: str, accounts: Accounts, threads: Threads, driver: Driver) -> None:
    """End what runs for the person, and forget their threads, their account and every letter to them.

    Raises:
        NotFound: There is no such account.
        Refused: It is the last administrator's; nothing was changed.
    """
    await accounts.check_removable(account_id)
    owner = Person(principal(account_id), frozenset({Role.USER}))
    await _erase_threads(owner, threads, driver)
    await accounts.remove(account_id, by=owner.id)
    await _erase_threads(owner, threads, driver)  # what was begun meanwhile


async def _erase_threads(owner: Person, threads: Threads, driver: Driver) -> None:
    while found := await threads.listed(owner):
        for thread in found:
            try:
                await threads.erase(thread.id)
            except Refused:  # it still runs
                with suppress(Refused, NotFound):  # it ended just now
                    await driver.cancel(thread.id, owner.id)
