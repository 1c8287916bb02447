"""What the link's endpoints answer."""

from pydantic import BaseModel


class Linked(BaseModel):
    """Whether the account is linked to a person on Telegram."""

    linked: bool


class LinkCode(BaseModel):
    """A one-time code, to be sent to the bot as `/start CODE`."""

    code: str
    expires_in: int
    """Seconds."""
