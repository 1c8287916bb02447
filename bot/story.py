"""A run as one growing text: what is done now, and the answer as it is written."""

from naryad.events import Event
from naryad.i18n import _
from naryad.printable import printable

LINES = 6
"""So many of the last steps are shown."""


class Story:
    """What the events since the last answer come to."""

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._written = ""

    @property
    def text(self) -> str:
        """The text as it stands; empty where there is nothing to tell."""
        return "\n\n".join(filter(None, ["\n".join(self._steps[-LINES:]), self._written.strip()]))

    def take(self, event: Event) -> None:
        """Go on by one event."""
        data = event.data
        match event.type:
            case "token":
                self._written += printable(data["text"])
            case "reset":
                self._written = ""
            case "incident.created":
                self._step("🔴 " + data["title"])
            case "tool.started":
                self._step("→ " + data["tool"])
            case "tool.finished" if data["outcome"] != "done":
                self._step(f"✗ {data['tool']}: {data.get('why') or _(data['outcome'])}")
            case "status":
                self._step("· " + data["text"])
            case "approval.requested":
                self._step(_("⏳ Waiting for a decision: {question}").format(question=_(data["question"])))
            case "approval.decided":
                self._step(_("Decision: {status}").format(status=_(data["status"])))
            case "run.failed":
                self._step(_("The run failed and will be tried again: {message}").format(message=data["message"]))
            case "run.finished" if data["outcome"] == "cancelled":
                self._step(_("Cancelled."))

    def _step(self, line: str) -> None:
        self._steps.append(printable(" ".join(line.split()))[:300])
