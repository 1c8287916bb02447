"""What the telephony tells of a call, and what becomes of it."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

TEXT_CHARS = 16_000
Number = Annotated[str, StringConstraints(pattern=r"^\+?[0-9*#]{1,32}$")]


class Call(BaseModel):
    """One call.

    Attributes:
        id: The telephony's own number of the call: the same one again changes nothing.
        caller: Who called; empty where the number is hidden.
        called: What they called.
        duration_s: How long they talked, in seconds.
        missed: Whether nobody answered: somebody is to call back.
        operator: Who answered.
        transcript: What was said, to a person or to a machine.
        recording_url: Where the recording lies. It is written down, never opened.
    """

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
    caller: Annotated[str, StringConstraints(pattern=r"^(\+?[0-9*#]{1,32})?$")] = ""
    called: Number
    started_at: AwareDatetime
    duration_s: float = Field(0, ge=0, le=7 * 86_400)
    missed: bool = False
    operator: str = Field("", max_length=200)
    transcript: str = Field("", max_length=TEXT_CHARS)
    recording_url: Annotated[str, StringConstraints(pattern=r"^(https?://[\x21-\x7e]{1,1990})?$")] = ""


class Written(BaseModel):
    """The ticket of a call, and the thread where an agent reads what was said, if it does."""

    ticket: str
    number: int
    thread: str | None
