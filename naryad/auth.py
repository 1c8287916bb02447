"""Who a person is: the only thing that can decide an approval."""

import getpass
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do; each channel maps its accounts to these."""

    USER = "user"
    MANAGER = "manager"
    MODERATOR = "moderator"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Person:
    """An authenticated human being.

    Attributes:
        id: Stable and unique across channels, for example `local:anna`.
        roles: What the person may do.
    """

    id: str
    roles: frozenset[Role]


def local_person() -> Person:
    """The operating-system user at this terminal: who can write NARYAD_HOME owns the install."""
    return Person(f"local:{getpass.getuser()}", frozenset({Role.ADMIN, Role.OPERATOR}))
