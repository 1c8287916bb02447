"""What people call each other."""

from sqlmodel import Session

from naryad.db.models.account import Account


def name_of(session: Session, principal: str) -> str:
    """What people call somebody; empty where that is not known: an address is not for everybody."""
    account = session.get(Account, principal.removeprefix("account:"))
    return account.name if account else ""
