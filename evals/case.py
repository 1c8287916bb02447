"""Cases in their folders: found by name, and read with whatever is wrong named by its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.told import Decided, Done, File, ToolUse
from evals.uses import misuse
from naryad import yaml_model
from naryad.errors import ConfigError, NotFound
from naryad.gate.answer import Outcome
from naryad.i18n import _
from naryad.tooling import Tool

SUITES = Path(__file__).parent / "suites"
FILE = "case.yaml"
GATED = ("none", "scripted", "replay")
"""Kinds of models that decide the same each time."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case in its folder; `name` is `<suite>/<nn_name>`."""

    name: str
    folder: Path
    told: File

    @property
    def script(self) -> Path:
        """What a model says in it, for `--model scripted`."""
        return (self.folder / self.told.script).resolve()

    @property
    def cassette(self) -> Path:
        """What a model once said in it, for `--model replay`."""
        return self.folder / "cassette.jsonl"

    def wrong(self, why: str, *field: int | str) -> ConfigError:
        """What is wrong with a field of its file."""
        path = self.folder / FILE
        return ConfigError(why, source=path, line=yaml_model.line(path, field), field=".".join(map(str, field)))

    def check_tools(self, known: Mapping[str, Tool]) -> None:
        """Look whether there is every tool that it speaks of, and whether it can have such arguments.

        Raises:
            ConfigError: It cannot; names the file, the line and the field.
        """
        expect = self.told.expect
        places: dict[tuple[str, ...], Sequence[ToolUse | Decided | Done]] = {
            ("approvals",): self.told.approvals,
            ("expect", "effects"): expect.effects,
            ("expect", "calls", "required"): expect.calls.required,
            ("expect", "calls", "forbidden"): expect.calls.forbidden,
        }
        for field, uses in places.items():
            for number, use in enumerate(uses):
                if isinstance(use, ToolUse) and use.outcome is Outcome.INVALID:
                    continue  # what must be refused may be made up
                args = {} if isinstance(use, Done) else use.args
                for place, why in misuse(use.tool, args, known):
                    raise self.wrong(why, *field, number, *place)


@dataclass(frozen=True, slots=True)
class Broken:
    """A case that cannot be read; it counts as failed."""

    name: str
    why: str


def schema() -> dict[str, Any]:
    """The JSON schema of a case's file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **File.model_json_schema()}


def load(folder: Path) -> Case:
    """Read one case.

    Raises:
        ConfigError: Its file is wrong; names the file, the line and the field.
    """
    path = folder / FILE
    case = Case(f"{folder.parent.name}/{folder.name}", folder, yaml_model.load(path, File))
    world = case.told.world
    if world.fault is not None:
        from lab.faults import NAMES

        if world.fault not in NAMES:
            raise case.wrong(f"there is no fault {world.fault!r}; there are {', '.join(NAMES)}", "world", "fault")
    for number, planted in enumerate(world.planted):
        from lab.layout import PROGRAMS

        if planted.log not in PROGRAMS:
            raise case.wrong(f"there is no log {planted.log!r}; there are {', '.join(PROGRAMS)}",
                             "world", "planted", number, "log")  # fmt: skip
    if world.policy and not (folder / world.policy).is_file():
        raise case.wrong(f"there is no file {world.policy!r}", "world", "policy")
    return case


def found(wanted: Sequence[str] = (), *, root: Path = SUITES) -> list[Case | Broken]:
    """The cases of the named suites, or of all; a name may be of a suite, or of a case in it.

    Each folder in a suite's is a case: one whose file is missing, or is called otherwise, is broken.

    Raises:
        NotFound: There is nothing of such a name; says what there is.
    """
    folders = sorted(path for path in root.glob("[!._]*/[!._]*") if path.is_dir())
    names = {f"{folder.parent.name}/{folder.name}": folder for folder in folders}
    for one in wanted:
        if not any(_named(one, name) for name in names):
            suites = ", ".join(sorted({name.partition("/")[0] for name in names}))
            raise NotFound(_("There is no suite or case {name!r}; there are the suites {suites}.").format(
                name=one, suites=suites))  # fmt: skip
    return [
        _read(name, folder) for name, folder in names.items() if not wanted or any(_named(one, name) for one in wanted)
    ]


def _named(wanted: str, name: str) -> bool:
    suite, _slash, case = name.partition("/")
    return wanted in (name, suite, f"{suite}/{case.partition('_')[0]}")


def _read(name: str, folder: Path) -> Case | Broken:
    try:
        return load(folder)
    except ConfigError as error:
        return Broken(name, error.message)
