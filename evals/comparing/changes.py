"""What became of each case between two runs."""

from collections.abc import Iterator
from statistics import fmean
from typing import Literal, TypeAlias

from pydantic import BaseModel

from evals.metrics import epochs_of, passes
from evals.results import Results, Trial

SLOWER, SLOWER_S = 2.0, 1.0
"""A case is listed as slower where it takes so many times as long, and so many seconds more."""
ASKS = 0.5
"""The same of one that asks people so many times more a trial."""
Kind: TypeAlias = Literal["failed", "gone", "asks", "slower", "fixed", "new"]


class Change(BaseModel):
    """What became of one case.

    Attributes:
        kind: `failed` and `fixed`: fewer or more of its epochs passed; `gone` and passed before: it counts as failed.
        before: As it was: epochs passed, seconds, or approvals asked for.
        after: As it is.
        why: The first thing that does not hold now.
    """

    case: str
    kind: Kind
    before: str
    after: str
    why: str = ""


def changes(a: Results, b: Results) -> list[Change]:
    """The changes from `a` to `b`, the gravest kind first; a case that did not change is not among them."""
    order: tuple[Kind, ...] = ("failed", "gone", "asks", "slower", "fixed", "new")
    return sorted(_changes(a, b), key=lambda one: (order.index(one.kind), one.case))


def _changes(a: Results, b: Results) -> Iterator[Change]:
    was, now, old, new = passes(a), passes(b), a.by_case(), b.by_case()
    first, second = epochs_of(a), epochs_of(b)
    for case in was.keys() | now.keys():
        before = f"{was[case]}/{first}" if case in was else "—"
        after = f"{now[case]}/{second}" if case in now else "—"
        why = next((fault for trial in new.get(case, ()) for fault in trial.failures), "")
        kind: Kind
        if case not in was or case not in now:
            yield Change(case=case, kind="gone" if case in was else "new", before=before, after=after, why=why)
            continue
        if (fell := was[case] * second - now[case] * first) != 0:
            kind = "failed" if fell > 0 else "fixed"
            yield Change(case=case, kind=kind, before=before, after=after, why=why)
        asked, asks = (fmean(trial.asks for trial in trials) for trials in (old[case], new[case]))
        if asks >= asked + ASKS and was[case]:  # one that never passed perhaps did not even get to its question
            yield Change(case=case, kind="asks", before=f"{asked:g}", after=f"{asks:g}")
        took, takes = _seconds(old[case]), _seconds(new[case])
        if took and takes >= took * SLOWER and takes - took >= SLOWER_S:
            yield Change(case=case, kind="slower", before=f"{took:.1f}", after=f"{takes:.1f}")


def _seconds(trials: list[Trial]) -> float:
    return fmean(trial.usage.seconds for trial in trials)
