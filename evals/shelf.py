"""Where the results of runs are kept, and how one is named."""

from pathlib import Path

from naryad.errors import ConfigError, NotFound
from naryad.i18n import _

BASELINES = Path(__file__).parent / "baselines"
"""What a change of the product is compared with, a file of each model; they ship with it."""


class Shelf:
    """The results of one install: `<home>/evals/<id>.json`."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "evals"

    def path_of(self, name: str) -> Path:
        """The file of a run.

        Args:
            name: A path, an id or the end of one, `newest`, or `baseline` (of the model `none`) or `baseline:MODEL`.

        Raises:
            NotFound: There is no such file.
            ConfigError: The end of an id is that of several.
        """
        kind, _colon, model = name.partition(":")
        if kind == "baseline":
            return BASELINES / f"{model or 'none'}.json"
        if name == "newest":
            return self.newest()
        if name.endswith(".json") or "/" in name:
            return Path(name)
        found = [path for path in self.listed() if name and path.stem.endswith(name)]
        if len(found) > 1:
            raise ConfigError(_("{number} runs end so: write more of the id").format(number=len(found)), source=name)
        if not found:
            raise NotFound(_("No run {name} in {folder}.").format(name=repr(name), folder=self.folder))
        return found[0]

    def listed(self) -> list[Path]:
        """All files, the newest first: ids sort by time."""
        return sorted(self.folder.glob("[!.]*.json"), reverse=True)

    def newest(self) -> Path:
        """The last run's file.

        Raises:
            NotFound: There is none yet.
        """
        if not (found := self.listed()):
            raise NotFound(_("No results in {folder} yet: naryad evals run makes some.").format(folder=self.folder))
        return found[0]
