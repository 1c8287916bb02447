"""Which words of a tracker are which of ours; a company's own stand in NARYAD_HOME/trackers.yaml."""

from pydantic import BaseModel, ConfigDict, Field

from naryad import yaml_model
from naryad.db.models.ticket import Priority
from naryad.settings import Settings
from naryad.ticket_sync.tracker import State

Words = list[str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JiraWords(_Strict):
    """Names as the project's workflow has them: of several the first that there is a way to is taken.

    A status that is none of these counts by its category: `done` is resolved, every other is open.
    """

    issue_type: str = "Task"
    statuses: dict[State, Words] = {
        State.OPEN: ["In Progress", "To Do", "Open", "Reopened", "В работе", "К выполнению", "Открыт"],
        State.WAITING: ["Waiting for customer", "Pending", "On Hold", "Ожидание клиента", "Ожидание"],
        State.RESOLVED: ["Resolved", "Done", "Решено", "Готово"],
        State.CLOSED: ["Closed", "Закрыто", "Закрыт"],
    }
    priorities: dict[Priority, Words] = {
        Priority.CRITICAL: ["Highest", "Blocker", "Critical"],
        Priority.HIGH: ["High", "Major"],
        Priority.MEDIUM: ["Medium", "Normal"],
        Priority.LOW: ["Low", "Lowest", "Minor", "Trivial"],
    }


class ServiceNowWords(_Strict):
    """Values of the choice lists of incidents; a priority is set by impact and urgency, 1 to 3."""

    statuses: dict[State, Words] = {
        State.OPEN: ["2", "1"],
        State.WAITING: ["3"],
        State.RESOLVED: ["6"],
        State.CLOSED: ["7", "8"],
    }
    hold_reason: str = "1"
    close_code: str = "Solution provided"
    impact_and_urgency: dict[Priority, tuple[str, str]] = {
        Priority.CRITICAL: ("1", "1"),
        Priority.HIGH: ("1", "2"),
        Priority.MEDIUM: ("2", "2"),
        Priority.LOW: ("3", "3"),
    }
    priorities: dict[Priority, Words] = {
        Priority.CRITICAL: ["1"],
        Priority.HIGH: ["2"],
        Priority.MEDIUM: ["3"],
        Priority.LOW: ["4", "5"],
    }


class Mapping(_Strict):
    """Everything that can be said of the trackers."""

    jira: JiraWords = Field(default_factory=JiraWords)
    servicenow: ServiceNowWords = Field(default_factory=ServiceNowWords)


def load(settings: Settings) -> Mapping:
    """The company's words, else the usual ones.

    Raises:
        ConfigError: The file is wrong.
    """
    path = settings.home / "trackers.yaml"
    return yaml_model.load(path, Mapping) if path.exists() else Mapping()
