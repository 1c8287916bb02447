"""A storm of alerts, and by the rules' own words, computed in the simplest way, what must come of it."""

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

CATALOGUE = {"web": ["api"], "api": ["db"], "mail": ["queue"], "db": [], "queue": [], "muted": []}
RELATED = {
    "web": {"web", "api", "db"}, "api": {"web", "api", "db"}, "db": {"web", "api", "db"},
    "mail": {"mail", "queue"}, "queue": {"mail", "queue"},
}  # fmt: skip
OLD = 12


@dataclass(frozen=True)
class Episode:
    """One alert, from its begin to its end; `end` is None where it still fires at the last."""

    name: str
    service: str
    host: str
    begin: datetime
    end: datetime | None

    @property
    def labels(self) -> dict[str, str]:
        given = {"alertname": self.name, "service": self.service, "node": self.host, "severity": "critical"}
        return {name: value for name, value in given.items() if value}

    def told(self, *, resolved: bool) -> dict[str, Any]:
        """As Alertmanager says it."""
        end = self.end.isoformat() if resolved and self.end else "0001-01-01T00:00:00Z"
        return {
            "status": "resolved" if resolved else "firing",
            "labels": self.labels,
            "annotations": {},
            "startsAt": self.begin.isoformat(),
            "endsAt": end,
            "generatorURL": "",
            "fingerprint": f"fp-{self.name}-{self.service}-{self.host}",
        }


def episodes(dice: random.Random, zero: datetime) -> list[Episode]:
    """Steady, flapping, related, unrelated, old, silenced, and a minute that is a storm."""
    found = []

    def add(name: str, at: float, lasts: float | None, service: str = "", host: str = "") -> None:
        begin = zero + timedelta(minutes=at)
        end = None if lasts is None else begin + timedelta(minutes=lasts)
        found.append(Episode(name, service, host, begin, end))

    for number in range(60):  # the shop's services, now and then
        add(f"S{number}", dice.uniform(0, 0.9), dice.choice([None, 0.1, 0.2]), dice.choice(["web", "api", "db"]))
    for number in range(6):  # flapping
        for turn in range(8):
            add(f"F{number}", turn * 0.25, 0.1, service=f"flap{number}")
    for number in range(OLD):  # an hour ago, twice each: the later soon after the earlier, or long after
        add(f"O{number}", -70, 10, service=f"old{number}")
        add(f"O{number}", -50 if number % 2 else -30, 5, service=f"old{number}")
    for number in range(40):  # the storm
        add(f"X{number}", 3 + dice.uniform(0, 0.9), dice.choice([None, 0.05]), service=f"storm{number}")
    for number in range(5):
        add(f"M{number}", dice.uniform(0, 1), None, service="muted")
        add(f"H{number}", dice.uniform(0, 1), 0.3, host=f"h{number % 2}")
        add(f"Q{number}", dice.uniform(0, 1), 0.5, dice.choice(["mail", "queue"]))
    return found


def deliveries(dice: random.Random, given: list[Episode], messages: int) -> list[list[dict[str, Any]]]:
    """Every begin and end at least once, many twice, in no order, some in one request."""
    told = [episode.told(resolved=False) for episode in given]
    told += [episode.told(resolved=True) for episode in given if episode.end]
    told += [dice.choice(told) for _ in range(messages - len(told))]
    dice.shuffle(told)
    parts = []
    while told:
        size = dice.randint(1, 6)
        parts.append(told[:size])
        told = told[size:]
    return parts


def expected(given: list[Episode]) -> dict[frozenset[Episode], bool]:
    """Each incident by its episodes, with whether it is over at the end."""
    loud = [episode for episode in given if episode.service != "muted"]
    places = defaultdict(set)
    for episode in loud:
        places[_minute(episode)].add(episode.service or episode.host)
    storms = {minute for minute, found in places.items() if len(found) > 20}
    group = {episode: {episode} for episode in loud}
    for one, other in combinations(loud, 2):
        if group[one] is not group[other] and _linked(one, other, storms):
            group[one] |= group[other]
            for episode in group[other]:
                group[episode] = group[one]
    return {frozenset(episodes): all(episode.end for episode in episodes) for episodes in group.values()}


def flaps(given: list[Episode]) -> set[str]:
    """The names of the alerts that change six times within ten minutes."""
    changes: defaultdict[str, list[datetime]] = defaultdict(list)
    for episode in given:
        changes[episode.name] += [moment for moment in (episode.begin, episode.end) if moment]
    return {
        name
        for name, moments in changes.items()
        if any(b - a <= timedelta(minutes=10) for a, b in zip(sorted(moments), sorted(moments)[5:], strict=False))
    }


def _minute(episode: Episode) -> datetime:
    return episode.begin.replace(second=0, microsecond=0)


def _linked(one: Episode, other: Episode, storms: set[datetime]) -> bool:
    related = other.service in RELATED.get(one.service, {one.service}) if one.service else False
    same = related or (one.host != "" and one.host == other.host)
    if same and abs(one.begin - other.begin) <= timedelta(minutes=5):
        return True
    if {_minute(one), _minute(other)} <= storms and abs(_minute(one) - _minute(other)) <= timedelta(minutes=1):
        return True
    first, second = sorted((one, other), key=lambda episode: episode.begin)
    again = first.end and timedelta() <= second.begin - first.end <= timedelta(minutes=15)
    return bool(again and (first.name, first.service, first.host) == (second.name, second.service, second.host))
