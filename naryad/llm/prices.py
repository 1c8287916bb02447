"""What the models cost, as a person wrote it down; no price is better than a wrong one."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from naryad import yaml_model
from naryad.settings import Settings

MILLION = 1_000_000
Price = Annotated[Decimal, Field(ge=0)]


class ModelPrice(BaseModel):
    """The price of a million tokens that go in, and of a million that come out."""

    model_config = ConfigDict(extra="forbid")

    input: Price
    output: Price


class Prices(BaseModel):
    """Prices by the model's name, all in one currency."""

    model_config = ConfigDict(extra="forbid")

    currency: str = Field(pattern="^[A-Z]{3}$")
    models: dict[str, ModelPrice]

    def cost(self, model: str, tokens_in: int, tokens_out: int) -> Decimal | None:
        """What an answer cost; None where the model's price is not known."""
        if price := self.models.get(model):
            return (tokens_in * price.input + tokens_out * price.output) / MILLION
        return None


def load(settings: Settings) -> Prices | None:
    """The named file, else the one in NARYAD_HOME, else none.

    Raises:
        ConfigError: The file is wrong, or the named one is not there.
    """
    own = settings.home / "prices.yaml"
    path = settings.prices or (own if own.exists() else None)
    return yaml_model.load(path, Prices) if path else None
