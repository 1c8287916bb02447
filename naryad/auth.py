"""Who a person is: the only thing that can decide an approval."""

import os
import pwd
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do; each channel maps its accounts to these."""

    USER = "user"
    MANAGER = "manager"
    MODERATOR = "moderator"
    OPERATOR = "operator"
    ADMIN = "admin"


REPORTED = "system:reported:"
"""Begins the principal of a run on what a person reported: the system's, and theirs where two people are wanted."""

_SAID_WHO = ("account:", "local:", "system:", "monitor:")


def could_be_anybody(principal: str) -> bool:
    """Whether it does not say which account somebody has, as an address or a number: they could be any of ours."""
    return not principal.removeprefix(REPORTED).startswith(_SAID_WHO)


def roles_of(role: Role) -> frozenset[Role]:
    """Everything that an account of this role may act as."""
    return frozenset(Role) if role is Role.ADMIN else frozenset({Role.USER, role})


@dataclass(frozen=True, slots=True)
class Person:
    """An authenticated human being.

    Attributes:
        id: Stable and unique across channels, for example `local:anna`.
        roles: What the person may do.
        second_factor: Whether they showed a second factor a short while ago, on the device that speaks for them.
    """

    id: str
    roles: frozenset[Role]
    second_factor: bool = False


def local_person() -> Person:
    """The operating-system user at this terminal: who can write NARYAD_HOME owns the install.

    By the process's own user id: the environment, which `getpass` would read, may say anything.
    """
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Person(f"local:{name}", frozenset({Role.ADMIN, Role.OPERATOR}))
