"""The trackers that this install copies its tickets to."""

from collections.abc import Sequence

from naryad.settings import Settings
from naryad.ticket_sync import mapping
from naryad.ticket_sync.tracker import Tracker
from tools.jira import tracker as jira
from tools.servicenow import tracker as servicenow


def configured(settings: Settings) -> Sequence[Tracker]:
    """Those that the settings name.

    Raises:
        ConfigError: The company's words for states and priorities are wrong.
    """
    words = mapping.load(settings)
    named = (jira.configured(settings, words.jira), servicenow.configured(settings, words.servicenow))
    return [tracker for tracker in named if tracker]
