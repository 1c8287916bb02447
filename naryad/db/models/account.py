"""Accounts and everything by which a person proves who they are; secrets are kept as digests."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from naryad.auth import Role
from naryad.clock import new_id, now
from naryad.db.types import Json, UtcDateTime, text_enum


class AccountStatus(StrEnum):
    """Whether an account may be used."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Account(SQLModel, table=True):
    """One person, whose address was confirmed; `email` is in its normal form.

    `totp_pending` is a second factor that was not confirmed yet, `totp_step` the last time step whose code was used:
    a code is good once. `telegram_id` is the numeric id of the linked person.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    email: str = Field(unique=True)
    name: str = ""
    password_hash: str
    role: Role = Field(default=Role.USER, sa_type=text_enum(Role))
    status: AccountStatus = Field(default=AccountStatus.ACTIVE, sa_type=text_enum(AccountStatus))
    lang: str = "ru"
    totp_secret: str | None = None
    totp_pending: str | None = None
    totp_step: int = 0
    telegram_id: int | None = Field(default=None, unique=True, sa_type=BigInteger)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Registration(SQLModel, table=True):
    """What somebody wants an account to be, until who reads that address confirms it; `id` is theirs alone."""

    id: str = Field(primary_key=True)
    email: str = Field(index=True)
    name: str
    password_hash: str
    lang: str
    sha256: str = Field(unique=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Code(SQLModel, table=True):
    """A one-time code that was given to a person: for a new password, for a Telegram link, or to recover."""

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    purpose: str
    sha256: str = Field(unique=True)
    sent_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Attempts(SQLModel, table=True):
    """How often something was tried of late that may not be tried at will; `sha256` is the digest of what by whom."""

    sha256: str = Field(primary_key=True)
    count: int = 0
    last_at: datetime = Field(default_factory=now, index=True, sa_type=UtcDateTime)
    wait_until: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Device(SQLModel, table=True):
    """One signed-in device: a family of refresh tokens, of which only the one of this `generation` is good."""

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    label: str = ""
    address: str = ""
    generation: int = 0
    second_factor_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    used_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A key for a machine: shown once, kept as a digest, good for its scopes."""

    __tablename__ = "api_key"

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    name: str
    sha256: str = Field(unique=True)
    scopes: list[str] = Field(default_factory=list, sa_type=Json)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
