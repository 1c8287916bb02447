"""The issues of one project, and the words of its workflow."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
STATUSES = {
    "To Do": "new",
    "In Progress": "indeterminate",
    "Waiting for customer": "indeterminate",
    "Done": "done",
    "Closed": "done",
}


@dataclass
class Comment:
    """A comment; `hidden` from customers."""

    id: str
    author: str
    body: str
    created: datetime
    hidden: bool = False


@dataclass
class Issue:
    """An issue."""

    id: str
    key: str
    summary: str
    description: str
    priority: str
    labels: list[str]
    created: datetime
    updated: datetime
    status: str = "To Do"
    comments: list[Comment] = field(default_factory=list)


@dataclass
class World:
    """Everything that the simulator knows.

    Attributes:
        project: The key of the only project.
        cloud: Whether it is Jira Cloud, which finds by tokens, or Data Center, which finds by numbers.
        statuses: What the workflow has; every status is reached from every other.
        with_priority: Whether the project's screen has a priority.
        unindexed: Issues that no search finds yet.
    """

    project: str = "HELP"
    cloud: bool = True
    statuses: dict[str, str] = field(default_factory=lambda: dict(STATUSES))
    with_priority: bool = True
    issues: dict[str, Issue] = field(default_factory=dict)
    unindexed: set[str] = field(default_factory=set)
    ahead: timedelta = timedelta()
    made: int = 0

    def now(self) -> datetime:
        """The time on its clock."""
        return datetime.now(UTC) + self.ahead

    def number(self) -> str:
        """The next id."""
        self.made += 1
        return str(10_000 + self.made)

    def named(self, name: str) -> Issue | None:
        """An issue by its key or its id."""
        return self.issues.get(name) or next((one for one in self.issues.values() if one.id == name), None)

    def create(self, fields: dict[str, Any]) -> Issue:
        """Make an issue."""
        moment, key = self.now(), f"{self.project}-{len(self.issues) + 1}"
        priority = (fields.get("priority") or {}).get("name", "Medium")
        issue = Issue(
            id=self.number(),
            key=key,
            summary=fields["summary"],
            description=fields.get("description") or "",
            priority=priority,
            labels=list(fields.get("labels", [])),
            created=moment,
            updated=moment,
        )
        self.issues[key] = issue
        return issue

    def say(self, key: str, author: str, body: str, *, hidden: bool = False) -> Comment:
        """Somebody comments."""
        issue, moment = self.issues[key], self.now()
        comment = Comment(self.number(), author, body, moment, hidden)
        issue.comments.append(comment)
        issue.updated = moment
        return comment

    def move(self, key: str, status: str) -> None:
        """Somebody takes a step of the workflow."""
        self.issues[key].status, self.issues[key].updated = status, self.now()

    def rank(self, key: str, priority: str) -> None:
        """Somebody sets the priority."""
        self.issues[key].priority, self.issues[key].updated = priority, self.now()
