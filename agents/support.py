"""Who reads what: the audiences of a principal, as the knowledge base names them."""

from naryad.auth import Role, local_person, roles_of
from naryad.db.models.account import Account, AccountStatus
from naryad.db.session import Database

ACCOUNT = "account:"


async def audience_of(database: Database, principal: str) -> frozenset[str]:
    """The roles of the account that a principal is; strangers, such as `mail:…`, are nobody in particular.

    Whoever is at this terminal owns the install and reads all; another name of the sort proves nothing.
    """
    if principal == local_person().id:
        return frozenset(Role)
    if not principal.startswith(ACCOUNT):
        return frozenset()
    account = await database.look(lambda session: session.get(Account, principal.removeprefix(ACCOUNT)))
    return roles_of(account.role) if account and account.status is AccountStatus.ACTIVE else frozenset()
