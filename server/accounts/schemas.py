"""What the endpoints of accounts take and answer."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from naryad.accounts import addresses
from naryad.accounts.api_keys import Scope
from naryad.accounts.passwords import MAX_LENGTH, MIN_LENGTH
from naryad.auth import Role
from naryad.db.models.account import AccountStatus
from naryad.i18n import _

Address = Annotated[
    str,
    Field(max_length=addresses.LONGEST, json_schema_extra={"format": "email"}),
    AfterValidator(addresses.normal),
]
NewPassword = Annotated[str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH)]
Password = Annotated[str, Field(max_length=MAX_LENGTH)]
Token = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Lang = Literal["ru", "en"]


class Request(BaseModel):
    """A request says what it may and nothing else: no role, no status, no id."""

    model_config = ConfigDict(extra="forbid")


class NewRegistration(Request):
    """Who wants an account; its role is a user's."""

    email: Address
    password: NewPassword
    name: Name = ""
    lang: Lang = "ru"


class Registered(BaseModel):
    """The answer to every registration, whether the address has an account or not."""

    registration: str
    """Asks for another letter."""
    resend_after: int
    """Seconds."""


class Resend(Request):
    """Which registration wants another letter."""

    registration: Token


class Confirmation(Request):
    """The letter's code, and the password of the registration."""

    code: Token
    password: Password


class Credentials(Request):
    """What signs a person in; `code` is of the authenticator app, or a recovery code."""

    email: Address
    password: Password
    code: str = Field("", max_length=100)


class Forgotten(Request):
    """Whose password was forgotten."""

    email: Address


class Reset(Request):
    """A new password, by the letter's code."""

    code: Token
    password: NewPassword


class PasswordChange(Request):
    """The password, and the one that shall replace it."""

    old: Password
    new: NewPassword


class Proof(Request):
    """The password, and the second factor's code where one is set up."""

    password: Password
    code: str = Field("", max_length=100)


class JustPassword(Request):
    """The password."""

    password: Password


class JustCode(Request):
    """A code of the authenticator app, or a recovery code."""

    code: Token


class Profile(BaseModel):
    """One's own account."""

    id: str
    email: str
    name: str
    role: Role
    lang: str
    second_factor: bool
    telegram: bool
    created_at: datetime


class ProfileChange(Request):
    """What a person may change about themselves; what is left out stays."""

    name: Name | None = None
    lang: Lang | None = None


class SignedIn(BaseModel):
    """An access token; the refresh token comes as a cookie that no script can read."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Seconds."""
    account: Profile


class DeviceView(BaseModel):
    """One signed-in device."""

    id: str
    label: str
    address: str
    second_factor: bool
    current: bool
    created_at: datetime
    used_at: datetime


class SecondFactorSecret(BaseModel):
    """The secret, and the link that an authenticator app reads as a QR code."""

    secret: str
    link: str


class RecoveryCodes(BaseModel):
    """Each is good once, instead of the app's code; they are never shown again."""

    codes: list[str]


class NewKey(Proof):
    """A key for a machine, and the proof that its owner makes it: it lasts longer than a token that was stolen."""

    name: Annotated[Name, Field(min_length=1)]
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_in_days: int | None = Field(None, ge=1, le=3650)


class KeyView(BaseModel):
    """A key, without the key itself."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None


class IssuedKey(KeyView):
    """A new key: the only time that it is shown."""

    key: str


class User(BaseModel):
    """An account, as administrators see it."""

    id: str
    email: str
    name: str
    role: Role
    status: AccountStatus
    lang: str
    second_factor: bool
    telegram: bool
    created_at: datetime


class UserChange(Request):
    """What an administrator changes; what is left out stays."""

    role: Role | None = None
    disabled: bool | None = None

    @model_validator(mode="after")
    def _something(self) -> "UserChange":
        if self.role is None and self.disabled is None:
            raise ValueError(_("name a role, or whether the account is disabled"))
        return self


class Users(BaseModel):
    """One page; `next` asks for the one after, and is empty at the end."""

    users: list[User]
    next: str
