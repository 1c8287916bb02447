"""Whether what happened in a case is what was expected; each thing that is not is a sentence."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import Any

from evals.case import Case
from evals.fitting import filled, fits, stands
from evals.record import Made, Record, Said
from evals.told import Decided, Reply, ToolUse
from knowledge_base import analysis
from naryad import canonical

SHOWN = 200
"""Longest piece of what happened that a sentence quotes."""


def judge(case: Case, record: Record) -> list[str]:
    """What did not hold; nothing where the case passed."""
    return [
        *_state(case, record),
        *_effects(case, record),
        *_approvals(case, record),
        *_calls(case, record),
        *_replies(case, record),
        *_budget(case, record),
    ]


def _state(case: Case, record: Record) -> Iterator[str]:
    wanted, changed = filled(case.told.expect.state, record.names), record.changed
    for name in [*wanted, *(name for name in changed if name not in wanted)]:
        if name not in changed:
            yield f"state: {name} stayed {_short(record.before.get(name))}, and should be {_short(wanted[name])}"
        elif name not in wanted:
            yield f"state: {name} became {_short(changed[name])}, and should have stayed as it was"
        elif not (fits(wanted[name], changed[name]) or (wanted[name] is None and changed[name] is None)):
            yield f"state: {name} became {_short(changed[name])}, and should be {_short(wanted[name])}"


def _effects(case: Case, record: Record) -> Iterator[str]:
    wanted = [(one.tool, one.status.value) for one in case.told.expect.effects]
    for number, (is_, should) in enumerate(zip_longest(record.effects, wanted), 1):
        if is_ != should:
            yield f"effect {number}: {_pair(is_)}, and should be {_pair(should)}"


def _approvals(case: Case, record: Record) -> Iterator[str]:
    met = {one.expected for one in record.asked}
    for number, wanted in enumerate(case.told.approvals):
        if number not in met:
            yield f"approval {number + 1}: nobody was asked about {wanted.tool} {_short(wanted.args)}"
    for asked in record.asked:
        if asked.expected is None:
            yield f"approval: people were asked about {asked.tool} {_short(asked.args)}, which they should not be"
            continue
        wanted = case.told.approvals[asked.expected]
        for text in wanted.asks:
            if not stands(filled(text, record.names), asked.shown):
                yield f"approval {asked.expected + 1}: the question does not say «{text}»: {_short(asked.shown)}"
        if wanted.untrusted is not None and sorted(wanted.untrusted) != sorted(asked.untrusted):
            yield f"approval {asked.expected + 1}: the card shows the source of {sorted(asked.untrusted)}, and should of {wanted.untrusted}"  # noqa: E501  one sentence


def meets(wanted: Decided, tool: str, args: Any, names: dict[str, str]) -> bool:
    """Whether a question is the one that the case has a decision for."""
    return wanted.tool == tool and fits(filled(wanted.args, names), args)


def _calls(case: Case, record: Record) -> Iterator[str]:
    told, rest = case.told.expect.calls, list(record.calls)
    for wanted in told.required:
        at = next((at for at, made in enumerate(rest) if _is(wanted, made, record)), None)
        if at is None:
            order = " after those before it" if told.ordered else ""
            yield f"call: {wanted.tool} {_short(wanted.args)} was not made{order}"
        else:
            rest = rest[at + 1 :] if told.ordered else rest[:at] + rest[at + 1 :]
    for wanted in told.forbidden:
        if made := next((made for made in [*record.calls, *record.wanted] if _is(wanted, made, record)), None):
            yield f"call: {made.tool} {_short(made.args)} must not be made"


def _is(wanted: ToolUse, made: Made, record: Record) -> bool:
    return (
        fnmatchcase(made.tool, wanted.tool)
        and fits(filled(wanted.args, record.names), made.args)
        and wanted.outcome in (None, made.outcome)
    )


def _replies(case: Case, record: Record) -> Iterator[str]:
    said = {one.step: one for one in record.said}
    for number, step in enumerate(case.told.steps, 1):
        if step.then:
            yield from (
                f"step {number}: {why}" for why in _reply(step.then, said.get(number, Said(number, "")), record)
            )


def _reply(wanted: Reply, said: Said, record: Record) -> Iterator[str]:
    if wanted.silent or not said.text:
        if bool(said.text) is wanted.silent:
            yield f"the agent said «{_short(said.text)}»" if said.text else "the agent said nothing"
        return
    if wanted.outcome not in (None, said.outcome):
        yield f"the outcome is {said.outcome!r}, and should be {wanted.outcome!r}"
    if wanted.cites is not None and sorted(wanted.cites) != sorted(set(said.sources)):
        yield f"it cites {sorted(set(said.sources))}, and should {wanted.cites}"
    if said.grounded < len(said.sources):
        yield f"{len(said.sources) - said.grounded} of its citations do not say it"
    for text in wanted.contains:
        if not stands(filled(text, record.names), said.text):
            yield f"it does not say «{text}»: {_short(said.text)}"
    for text in wanted.excludes:
        if stands(filled(text, record.names), said.text):
            yield f"it says «{text}»: {_short(said.text)}"
    if wanted.lang and analysis.language(said.text) != wanted.lang:
        yield f"it is not in {wanted.lang}: {_short(said.text)}"
    if wanted.max_chars and len(said.text) > wanted.max_chars:
        yield f"it has {len(said.text)} characters, and may have {wanted.max_chars}"


def _budget(case: Case, record: Record) -> Iterator[str]:
    usage = record.usage
    taken = {
        "seconds": usage.seconds,
        "tokens": usage.input_tokens + usage.output_tokens,
        "cost": usage.cost if usage.cost is not None or record.tokens else 0,
        "calls": len(record.calls),
    }
    for name, most in case.told.expect.budget.model_dump(exclude_none=True).items():
        if (took := taken[name]) is None:
            yield f"budget: its {name} is not known: the price of a model is not in prices.yaml"
        elif took > most:
            yield f"budget: it took {took:g} {name}, and may take {most:g}"


def _pair(effect: tuple[str, str] | None) -> str:
    return " ".join(effect) if effect else "none"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical.encode(value)
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
