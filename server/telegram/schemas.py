"""What Telegram sends: only the id matters here, the bot reads the rest."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Update(BaseModel):
    """One update, with whatever it holds."""

    model_config = ConfigDict(extra="allow")

    update_id: Annotated[int, Field(ge=0, lt=2**53, strict=True)]
