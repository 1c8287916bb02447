"""The rules by which alerts become incidents, and their limits.

An *episode* is one alert from its begin to its end: a fingerprint and a `starts_at`. Telling it again changes nothing,
in whatever order the begin and the end are told; the first end that is told holds. An episode counts from the moment
it was told as firing; the end of one that never was is kept, and makes no incident. A later episode of a fingerprint
ends the earlier ones. An episode that a silence covers when it is told makes no incident; when the silence is over and
it still fires, it does.

Two episodes are *linked* when any of these holds:

1. They are related, and begin within `WINDOW` of each other. Related: the same place, the same host, or one's service
   stands on the other's, directly or not, by the catalogue. The place is the service that the labels name, else the
   host, else the alert's name. Loopback addresses name no host.
2. They have one fingerprint, and the later begins within `REOPEN` after the told end of the earlier.
3. Both count in a storm, in the same minute or in two minutes in a row. A minute is a storm when episodes of more than
   `STORM_PLACES` places count in it. An episode counts in the minute of its begin, or in that of its receipt when it
   was received more than `LATE` away from its begin.

An incident holds exactly the episodes that are linked, directly or through others. No link ever goes away, and which
there are does not depend on the order of telling: so neither do the incidents. Where an episode links two incidents,
one takes the alerts of the other over: rather one that is not resolved, whose run has begun, the older one.

An incident is as grave as its gravest episode. It is flapping for `QUIET` after the last of `FLAP_CHANGES` begins and
ends of one fingerprint within `FLAP_WINDOW`. An episode that still fires opens its resolved incident again; so does
one that is told to fire, later than `REOPEN` after its incident was resolved. An incident is resolved by itself when
all its alerts have been over for `CALM`, it is not flapping, and no run of an agent goes on there.

The Ops agent is started `SETTLE` after an incident was opened, once, and once more each time it is opened again while
not flapping; not where every alert is over by then.

Of an incident's alerts the first `TOLD` are told in the feed one by one; after them only each doubling of their number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

WINDOW = timedelta(minutes=5)
REOPEN = timedelta(minutes=15)
STORM_PLACES = 20
LATE = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)
FLAP_CHANGES = 6
FLAP_WINDOW = QUIET = timedelta(minutes=10)
CALM = timedelta(seconds=10)
SETTLE = timedelta(seconds=3)
TOLD = 20

_HOST_LABELS = ("host", "hostname", "node", "nodename", "instance")


@dataclass(frozen=True)
class Surroundings:
    """What the company's catalogue says of its services.

    Attributes:
        depends_on: What each service stands on.
    """

    depends_on: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def related(self, service: str) -> set[str]:
        """The service itself, all that it stands on, and all that stand on it, directly or not."""
        above: dict[str, list[str]] = {}
        for upper, lowers in self.depends_on.items():
            for lower in lowers:
                above.setdefault(lower, []).append(upper)
        return _reached(service, self.depends_on) | _reached(service, above)

    def carries_others(self, service: str) -> bool:
        """Whether another service stands on this one."""
        return any(service in lowers for lowers in self.depends_on.values())


def host_of(labels: Mapping[str, str]) -> str:
    """The host that the labels name, without its port; empty where there is none, or a loopback address."""
    told = next((labels[name] for name in _HOST_LABELS if labels.get(name)), "")
    try:
        host = urlsplit(told if "//" in told else f"//{told}").hostname or ""
    except ValueError:
        host = told.lower()
    try:
        return "" if ip_address(host).is_loopback else host
    except ValueError:
        return "" if host == "localhost" else host


def place_of(labels: Mapping[str, str]) -> str:
    """What the alert is about."""
    if service := labels.get("service"):
        return f"service:{service}"
    if host := host_of(labels):
        return f"host:{host}"
    return f"alert:{labels.get('alertname', '')}"


def minute_of(starts_at: datetime, received_at: datetime) -> datetime:
    """The minute in which an episode counts for a storm."""
    counted = starts_at if abs(received_at - starts_at) <= LATE else received_at
    return counted.replace(second=0, microsecond=0)


def flapping_until(changes: Iterable[datetime]) -> datetime | None:
    """Until when a fingerprint with these begins and ends counts as flapping; None when it never did."""
    ordered = sorted(changes)
    runs = zip(ordered, ordered[FLAP_CHANGES - 1 :], strict=False)
    return max((last + QUIET for first, last in runs if last - first <= FLAP_WINDOW), default=None)


def _reached(start: str, ways: Mapping[str, Sequence[str]]) -> set[str]:
    found, ahead = {start}, [start]
    while ahead:
        new = set(ways.get(ahead.pop(), ())) - found
        found |= new
        ahead += new
    return found
