"""Who decides in a case: `none`, `scripted[:FILE]`, `replay[:FOLDER]`, `openai:NAME`, `local:FILE`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.case import GATED, Case
from evals.cassette import Replay, Taping
from naryad.errors import ConfigError
from naryad.i18n import _
from naryad.llm.assembly import providers
from naryad.llm.chain import Chain, build_chain
from naryad.llm.provider import Provider
from naryad.llm.scripted import ScriptedProvider
from naryad.settings import Settings

PART = ".part"
KINDS = ("none", "scripted", "replay", "openai", "local", "chain")


@dataclass(frozen=True, slots=True)
class Model:
    """One way to decide.

    Attributes:
        kind: One of `KINDS`; `chain` is whatever the settings of this install name.
        what: The model's name, the file of the script or the model, or the folder of the cassettes; may be empty for
            `scripted` and `replay`: then it is the case's own.
        record: Where cassettes are written to, as `<suite>/<nn_name>.jsonl`, each once its case has passed.
    """

    kind: str
    what: str = ""
    record: Path | None = None

    @classmethod
    def named(cls, text: str, record: Path | None = None) -> "Model":
        """The model of a name.

        Raises:
            ConfigError: There is no such kind, or a name is missing.
        """
        kind, _colon, what = text.partition(":")
        if kind not in KINDS or (kind in ("openai", "local") and not what):
            names = "none, scripted[:FILE], replay[:FOLDER], openai:NAME, local:FILE, chain"
            raise ConfigError(_("there is no model {text!r}; there are {names}").format(text=text, names=names),
                              source="--model")  # fmt: skip
        if record and kind in ("none", "replay"):
            raise ConfigError(_("there is nothing to record where no model decides"), source="--record")
        return cls(kind, what, record)

    @property
    def must_answer(self) -> bool:
        """Whether what is done without a model is not what was asked for."""
        return self.kind in ("openai", "local")

    def plays(self, case: Case) -> bool:
        """Whether a case is meant for it: a script or a cassette is of some cases only."""
        return self.kind not in GATED or self.kind in case.told.models

    def begin(self, case: Case) -> None:
        """A case is played anew: what was recorded of it half goes."""
        if self.record:
            self._file(case, self.record).with_suffix(PART).unlink(missing_ok=True)

    def keep(self, case: Case) -> None:
        """A case was played, and passed: what was recorded of it is its cassette."""
        if self.record and (part := self._file(case, self.record).with_suffix(PART)).exists():
            part.replace(self._file(case, self.record))

    def chain(self, case: Case, settings: Settings, names: Mapping[str, str]) -> tuple[Chain, Replay | None]:
        """The models of one trial; the cassette is given out to be looked at after the end.

        Args:
            case: What is played.
            settings: Of the trial's own install.
            names: What the values of its world are called.

        Raises:
            ConfigError: A script, a cassette or a setting is wrong.
        """
        asked = self._asked(case, settings, names)
        if self.record:
            asked = [Taping(one, self._file(case, self.record).with_suffix(PART), names) for one in asked]
        return build_chain(settings, asked), next((one for one in asked if isinstance(one, Replay)), None)

    def changes(self) -> dict[str, Any]:
        """What it changes of an install's settings."""
        match self.kind:
            case "openai":
                return {"model": "openai", "openai_model": self.what}
            case "local":
                return {"model": "local", "local_model": Path(self.what)}
            case "chain":
                return {}
        return {"model": "none"}

    def _file(self, case: Case, folder: Path) -> Path:
        return folder / f"{case.name}.jsonl"

    def _asked(self, case: Case, settings: Settings, names: Mapping[str, str]) -> list[Provider]:
        match self.kind:
            case "none":
                return []
            case "scripted":
                return [ScriptedProvider.load(Path(self.what) if self.what else case.script)]
            case "replay":
                return [Replay(self._file(case, Path(self.what)) if self.what else case.cassette, names)]
        return providers(settings)
