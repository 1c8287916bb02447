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

    UNCONFIRMED = "unconfirmed"
    ACTIVE = "active"
    DISABLED = "disabled"


class Account(SQLModel, table=True):
    """One person. `email` is stored in lower case; `telegram_id` is the numeric id of the linked person.

    `totp_step` is the last time step whose code was used: a code is good once.
    """

    id: str = Field(default_factory=new_id, primary_key=True)
    email: str = Field(unique=True)
    name: str = ""
    password_hash: str
    role: Role = Field(default=Role.USER, sa_type=text_enum(Role))
    status: AccountStatus = Field(default=AccountStatus.UNCONFIRMED, sa_type=text_enum(AccountStatus))
    lang: str = "ru"
    failures: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    totp_secret: str | None = None
    totp_step: int = 0
    telegram_id: int | None = Field(default=None, unique=True, sa_type=BigInteger)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Code(SQLModel, table=True):
    """A one-time code that was sent to a person: for an e-mail address, a new password, or a Telegram link."""

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    purpose: str
    sha256: str = Field(unique=True)
    sent_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class Device(SQLModel, table=True):
    """One signed-in device: a family of refresh tokens of which only the last is good."""

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    label: str = ""
    address: str = ""
    refresh_sha256: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    used_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class SpentToken(SQLModel, table=True):
    """A refresh token that was exchanged already: using it again means that it was stolen."""

    __tablename__ = "spent_token"

    sha256: str = Field(primary_key=True)
    device_id: str = Field(foreign_key="device.id", index=True, ondelete="CASCADE")


class ApiKey(SQLModel, table=True):
    """A key for a machine: shown once, kept as a digest, good for its scopes."""

    __tablename__ = "api_key"

    id: str = Field(default_factory=new_id, primary_key=True)
    account_id: str = Field(foreign_key="account.id", index=True)
    name: str
    sha256: str = Field(unique=True)
    scopes: list[str] = Field(default_factory=list, sa_type=Json)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
