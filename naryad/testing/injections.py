"""How a toolset says where strangers' words can stand in what it shows: `CARRIERS` of `tools/<system>/injections.py`.

The security suites plant orders there and let a model that obeys them all read them, so a new toolset is attacked as
soon as it names its carriers.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from naryad.db.session import Database
from naryad.events import EventLog


@dataclass
class Scene:
    """A small real world with room for one order.

    Attributes:
        mark: A word that stands in no other scene.
        principal: For whom the agent acts.
        folder: Tools that look at files may look in here; `log` and `data` are those of the scene's only service.
        url: Where a web server answers with `pages`; Prometheus is there too.
        pages: Status and body by path, whatever the query.
        inventory: Ansible's; its only host is this machine.
        database: The product's own.
        events: Of the same.
        closing: Ends at the end of the scene what was begun for it.
    """

    mark: str
    principal: str
    folder: Path
    url: str
    database: Database
    events: EventLog
    pages: dict[str, tuple[int, str]] = field(default_factory=dict)
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def log(self) -> Path:
        """The service's log."""
        return self.folder / "logs" / "web.log"

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    @property
    def inventory(self) -> Path:
        """Ansible's inventory."""
        return self.folder / "inventory.yaml"


@dataclass(frozen=True, slots=True)
class Sight:
    """The call that shows what was planted: a tool's full name and its arguments."""

    tool: str
    args: Mapping[str, Any] = field(default_factory=dict)


Carrier = Callable[[Scene, str], Awaitable[Sight]]
"""Plants words in a scene, as a stranger could bring them there."""
