"""Does a case notice? What it expects is changed bit by bit, against a play that passed: each time it must fail.

So an expectation that nothing depends on shows: a pattern that fits everything, a required call that any other call
stands in for, a budget that cannot be exceeded.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from evals.case import Case
from evals.fitting import example, filled
from evals.judging import judge, meets
from evals.record import Asked, Made, Record, Said
from evals.results import Results
from evals.running import TIME_LIMIT_S
from evals.told import Reply
from naryad.gate.answer import Outcome

AIM = 0.99
OTHER = "something-else"
_PLAIN = {"ru": "Нечто другое.", "en": "Nothing of the sort."}


@dataclass(slots=True)
class Killed:
    """What became of the mutants.

    Attributes:
        cases: Those that passed and were tried.
        failed: Those that did not, and prove nothing; a line each, with the reason.
        survivors: A line each: the case, and what was changed without its failing.
    """

    all: int = 0
    cases: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    survivors: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many made their case fail."""
        return self.all - len(self.survivors)

    @property
    def enough(self) -> bool:
        """Whether there were any, and as good as all made their case fail."""
        return self.killed >= AIM * self.all > 0 and not self.failed

    def take(self, case: Case, record: Record, failures: list[str]) -> None:
        """Try all mutants of a play that passed."""
        if failures:
            return
        self.cases.append(case.name)
        for what, mutant in mutants(case, record):
            self.all += 1
            if not judge(case, mutant):
                self.survivors.append(f"{case.name}: {what}")

    def missed(self, results: Results) -> None:
        """Note what there was nothing to try of: each trial that failed, or could not be played at all."""
        self.failed += [f"{one.case}: {'; '.join(one.failures)}" for one in results.trials if not one.passed]

    def as_data(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "mutants": self.all,
            "killed": self.killed,
            "cases": self.cases,
            "failed": self.failed,
            "survivors": self.survivors,
        }


def mutants(case: Case, record: Record) -> Iterator[tuple[str, Record]]:
    """Plays that differ from one that passed in one thing that the case speaks of: what, and the play."""
    yield from _of_calls(case, record)
    yield from _of_effects(record)
    yield from _of_questions(case, record)
    yield from _of_state(record)
    yield from _of_replies(case, record)
    yield from _of_budget(case, record)


def _but(record: Record, **changed: Any) -> Record:
    made = copy.copy(record)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def _of_calls(case: Case, record: Record) -> Iterator[tuple[str, Record]]:
    """Each required call left out, of another tool, with another argument or end; each forbidden one made."""
    told = case.told.expect.calls
    for wanted in told.required:
        one = partial(_of_tool, wanted.tool)  # all of them: one that remains may rightly stand in
        yield f"{wanted.tool} not called", _but(record, calls=[made for made in record.calls if not one(made)])
        yield (
            f"{wanted.tool} another tool",
            _but(record, calls=[replace(made, tool=OTHER) if one(made) else made for made in record.calls]),
        )
        for name in wanted.args:
            calls = [
                replace(made, args={**made.args, name: OTHER}) if one(made) and name in made.args else made
                for made in record.calls
            ]
            yield f"{wanted.tool} with another {name}", _but(record, calls=calls)
        if wanted.outcome is not None:
            other = Outcome.FAILED if wanted.outcome is not Outcome.FAILED else Outcome.DONE
            calls = [replace(made, outcome=other) if one(made) else made for made in record.calls]
            yield f"{wanted.tool} ends otherwise", _but(record, calls=calls)
    if told.ordered and len(told.required) > 1:
        first = partial(_of_tool, told.required[0].tool)
        late = [*(made for made in record.calls if not first(made)), *(made for made in record.calls if first(made))]
        yield "the first call last", _but(record, calls=late)
    for banned in told.forbidden:
        args = filled(example(banned.args), record.names)
        made = Made(banned.tool.replace("*", OTHER), args, banned.outcome or Outcome.DONE)
        yield f"{banned.tool} called", _but(record, calls=[*record.calls, made])


def _of_tool(tool: str, made: Made) -> bool:
    return fnmatchcase(made.tool, tool)


def _of_effects(record: Record) -> Iterator[tuple[str, Record]]:
    for at, (tool, status) in enumerate(record.effects):
        rest = record.effects
        yield f"effect {at + 1} gone", _but(record, effects=[*rest[:at], *rest[at + 1 :]])
        yield f"effect {at + 1} of another tool", _but(record, effects=[*rest[:at], (OTHER, status), *rest[at + 1 :]])
        yield f"effect {at + 1} twice", _but(record, effects=[*rest[:at], (tool, status), *rest[at:]])
        yield f"effect {at + 1} unknown", _but(record, effects=[*rest[:at], (tool, "unknown"), *rest[at + 1 :]])
    yield "one effect more", _but(record, effects=[*record.effects, (OTHER, "succeeded")])


def _of_questions(case: Case, record: Record) -> Iterator[tuple[str, Record]]:
    for at, asked in enumerate(record.asked):
        rest = [*record.asked[:at], *record.asked[at + 1 :]]
        yield f"question {at + 1} not asked", _but(record, asked=rest)
        wanted = case.told.approvals[asked.expected] if asked.expected is not None else None
        for name in wanted.args if wanted else ():
            args = {**asked.args, name: OTHER}
            met = asked.expected if wanted and meets(wanted, asked.tool, args, record.names) else None
            yield (
                f"question {at + 1} about another {name}",
                _but(record, asked=[*rest, replace(asked, args=args, expected=met)]),
            )
        for text in wanted.asks if wanted else ():
            less = replace(asked, shown=_without(filled(text, record.names), asked.shown))
            yield f"question {at + 1} without «{text}»", _but(record, asked=[*rest, less])
        if wanted and wanted.untrusted is not None:
            other = () if asked.untrusted else (OTHER,)
            yield f"question {at + 1} of other sources", _but(record, asked=[*rest, replace(asked, untrusted=other)])
    yield "one question more", _but(record, asked=[*record.asked, Asked(OTHER, {}, None, "")])


def _of_state(record: Record) -> Iterator[tuple[str, Record]]:
    for name, value in record.changed.items():
        after = {key: item for key, item in record.after.items() if key != name}
        kept = after | ({name: record.before[name]} if name in record.before else {})
        yield f"{name} stayed", _but(record, after=kept)
        if value is not None:
            yield f"{name} otherwise", _but(record, after=record.after | {name: OTHER})
    yield "something else changed", _but(record, after=record.after | {OTHER: OTHER})


def _of_replies(case: Case, record: Record) -> Iterator[tuple[str, Record]]:
    for at, said in enumerate(record.said):
        wanted = case.told.steps[said.step - 1].then
        if wanted is None:
            continue
        for what, other in _said(wanted, said, record.names):
            yield f"step {said.step} {what}", _but(record, said=[*record.said[:at], other, *record.said[at + 1 :]])
    spoke = {said.step for said in record.said}
    for number, step in enumerate(case.told.steps, 1):
        if step.then and step.then.silent and number not in spoke:
            yield f"step {number} not silent", _but(record, said=[*record.said, Said(number, OTHER)])


def _said(wanted: Reply, said: Said, names: Mapping[str, str]) -> Iterator[tuple[str, Said]]:
    yield "silent", replace(said, text="")
    if wanted.outcome is not None:
        yield "of another outcome", replace(said, outcome=OTHER)
    if wanted.cites is not None:
        yield "citing something else", replace(said, sources=(*said.sources, OTHER), grounded=said.grounded + 1)
        if said.sources:
            yield "citing nothing", replace(said, sources=(), grounded=0)
            yield "citing what is not there", replace(said, grounded=said.grounded - 1)
    for text in wanted.contains:
        yield f"without «{text}»", replace(said, text=_without(filled(text, names), said.text))
    for text in wanted.excludes:
        if not text.startswith("/"):
            yield f"with «{text}»", replace(said, text=f"{said.text} {filled(text, names)}")
    if wanted.lang is not None:
        yield "in another language", replace(said, text=_PLAIN["en" if wanted.lang == "ru" else "ru"])
    if wanted.max_chars:
        yield "too long", replace(said, text=said.text + " x" * wanted.max_chars)


def _of_budget(case: Case, record: Record) -> Iterator[tuple[str, Record]]:
    """Ten times of what was taken, or just more than may be where that is nothing; as many seconds as there can be."""
    most, usage = case.told.expect.budget, record.usage
    tokens, cost = usage.input_tokens + usage.output_tokens, usage.cost or 0
    if most.seconds is not None:
        yield "as slow as can be", _but(record, usage=usage.model_copy(update={"seconds": TIME_LIMIT_S}))
    if most.tokens is not None:
        more = tokens * 10 or most.tokens + 1
        yield "tenfold tokens", _but(record, usage=usage.model_copy(update={"input_tokens": more}))
    if most.cost is not None:
        yield "tenfold cost", _but(record, usage=usage.model_copy(update={"cost": cost * 10 or most.cost + 1}))
    if most.calls is not None:
        more_calls = record.calls * 10 or [Made(OTHER, {})] * (most.calls + 1)
        yield "tenfold calls", _but(record, calls=more_calls)


def _without(text: str, whole: str) -> str:
    """What is left when all that is, or fits, a text is taken out; a space, as nothing would be silence."""
    pattern = text[1:-1] if len(text) > 2 and text[0] == text[-1] == "/" else re.escape(text)
    return re.sub(pattern, " ", whole, flags=re.IGNORECASE) or " "
