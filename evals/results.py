"""What a run of the suites came to: one file of JSON a run, made of trials."""

import asyncio
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from naryad import faults
from naryad.clock import new_id, now
from naryad.errors import ConfigError

DETERMINISTIC = ("none", "scripted", "replay")
"""Kinds of models that decide the same each time: whatever fails with them and did not before was broken."""


async def check_place(path: Path) -> None:
    """Look whether results can be written to a place: before they are made.

    Raises:
        ConfigError: They cannot.
    """

    def touch() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):
            pass

    try:
        await asyncio.to_thread(touch)
    except OSError as error:
        raise ConfigError(f"cannot be written ({error.strerror})", source=path) from error


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Usage(_Strict):
    """What a trial took.

    Attributes:
        seconds: From the first stimulus to the last answer, without the building of the world.
        cost: In the currency of prices.yaml; None where a price is not known.
    """

    seconds: float = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


class Trial(_Strict):
    """One epoch of one case.

    Attributes:
        case: `<suite>/<nn_name>`, for example `ops/01_crash`.
        epoch: From 1.
        failures: What did not hold, a sentence each; empty where it passed.
        broken: Whether it could not be played to its end or judged; it counts as failed.
        asks: Approvals that people were asked for.
        calls: Tool calls of models; of those `invalid_calls` named no tool on offer or had wrong arguments.
        citations: Sources that the answers cite; of those `grounded` really say it.
        degraded: Whether the agent did without a model.
        models: The models that really answered, by the names under which they did.
    """

    case: str
    epoch: int = 1
    agent: str
    tags: list[str] = []
    passed: bool
    failures: list[str] = []
    broken: bool = False
    asks: int = 0
    calls: int = 0
    invalid_calls: int = 0
    citations: int = 0
    grounded: int = 0
    degraded: bool = False
    models: list[str] = []
    usage: Usage = Usage()


class Results(_Strict):
    """One run of some suites on one model.

    Attributes:
        model: As it was asked for: `none`, `scripted:FILE`, `replay:FILE`, `openai:NAME`, `local:FILE`.
        release: The version of the product.
        prompts: Digest of all prompts.
        epochs: How often each case was played.
        interrupted: Whether it was ended before every case was played.
    """

    id: str = Field(default_factory=new_id)
    at: datetime = Field(default_factory=now)
    model: str
    release: str = ""
    prompts: str = ""
    epochs: int = 1
    interrupted: bool = False
    trials: list[Trial] = []

    @property
    def deterministic(self) -> bool:
        """Whether the same again must come to the same."""
        return self.model.partition(":")[0] in DETERMINISTIC

    def by_case(self) -> dict[str, list[Trial]]:
        """The trials of each case, by epoch."""
        found: dict[str, list[Trial]] = {}
        for trial in sorted(self.trials, key=lambda one: (one.case, one.epoch)):
            found.setdefault(trial.case, []).append(trial)
        return found

    async def save(self, path: Path) -> None:
        """Write the file; one that is there is replaced whole or not at all.

        Raises:
            ConfigError: It cannot be written.
        """
        text = self.model_dump_json(indent=1) + "\n"

        def write() -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_text(text, encoding="utf-8")
            part.replace(path)

        try:
            await asyncio.to_thread(write)
        except OSError as error:
            raise ConfigError(f"cannot be written ({error.strerror})", source=path) from error

    @classmethod
    async def load(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ConfigError: It is absent or not such a file; names the field.
        """
        try:
            return cls.model_validate_json(await asyncio.to_thread(path.read_bytes))
        except OSError as error:
            raise ConfigError(f"cannot be read ({error.strerror})", source=path) from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            raise ConfigError(faults.explained(first), source=path, field=field) from error
