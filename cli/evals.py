"""`naryad evals`: how well the agents do, and whether they still do."""

import asyncio
import json as json_text
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import evals_results, evals_security, evals_trend, session, show
from cli.page import App
from naryad.errors import ConfigError, NotFound
from naryad.i18n import N_, _, ngettext
from naryad.printable import printable

if TYPE_CHECKING:
    from evals.case import Broken, Case
    from evals.mutation import Killed
    from evals.results import Results, Trial

app = App()
app.command(help=N_("Set one run beside another, and say what is worse."))(evals_results.compare)
app.command(help=N_("The figures of a run."))(evals_results.summary)
app.command(help=N_("A page of HTML of one run or several."))(evals_results.report)
app.command(help=N_("Attack the gate with orders in what agents read."))(evals_security.security)
app.command(help=N_("How the agents do in production, and whether they got worse."))(evals_trend.trend)

Suites = Annotated[list[str] | None, typer.Argument(metavar="[SUITE…]", help=N_("Suites or cases; else all of them."))]
ModelName = Annotated[
    str, typer.Option("--model", "-m", help=N_("none, scripted, replay, openai:NAME, local:FILE or chain."))
]
Tag = Annotated[list[str] | None, typer.Option("--tag", "-t", help=N_("Only cases with this tag."))]
Json = Annotated[bool, typer.Option("--json", help=N_("As JSON."))]


@app.command(help=N_("Play cases, and say which passed."))
def run(
    suites: Suites = None,
    model: ModelName = "none",
    epochs: Annotated[int, typer.Option(min=1, max=100, help=N_("How often each case is played."))] = 1,
    parallel: Annotated[int, typer.Option(min=1, max=32, help=N_("How many are played at once."))] = 2,
    tag: Tag = None,
    record: Annotated[Path | None, typer.Option(help=N_("Folder for cassettes of what the model decides."))] = None,
    keep: Annotated[Path | None, typer.Option(help=N_("Folder for the worlds of cases that failed."))] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help=N_("Where the results are written to."))] = None,
    json: Json = False,
) -> None:
    """Exit code 1 where a case failed."""
    work = _run(suites or [], model, epochs, parallel, tag or [], record, keep, output, json=json)
    raise typer.Exit(session.go(work))


async def _run(
    suites: list[str],
    name: str,
    epochs: int,
    parallel: int,
    tags: list[str],
    record: Path | None,
    keep: Path | None,
    output: Path | None,
    *,
    json: bool,
) -> int:
    from evals.case import Broken
    from evals.models import Model
    from evals.results import check_place
    from evals.running import Run

    base, model = session.settings(), Model.named(name, record)
    cases = [case for case in _chosen(suites, tags) if isinstance(case, Broken) or model.plays(case)]
    if not cases:
        raise ConfigError(_("none of these cases is meant for {model}").format(model=name), source="--model")
    if not json:
        text = _("Cases: {number}, epochs: {epochs}, model: {model} …")
        show.console().print(text.format(number=len(cases), epochs=epochs, model=name), style="dim")
    running = Run(base, model, progress=_said if not json else lambda _trial: None, keep=keep)
    path = base.home / "evals"
    await check_place(output or path / "run.json")
    try:
        results = await running(cases, epochs=epochs, parallel=parallel, logs=path / "logs")
    except asyncio.CancelledError:
        results = running.results(epochs)
        results.interrupted = True
        if not results.trials:
            raise session.Interrupted(_("Interrupted before the first case ended; nothing was written.")) from None
        text = _("Interrupted after {number} trials; what they came to is in {path}.")
        place = output or path / f"{results.id}.json"
        await results.save(place)
        raise session.Interrupted(text.format(number=len(results.trials), path=place)) from None
    place = output or path / f"{results.id}.json"
    await results.save(place)
    failed = [trial for trial in results.trials if not trial.passed]
    if json:
        show.as_json(results.model_dump(mode="json"))
    else:
        _sum_up(results, place)
    return int(bool(failed) or not results.trials)


@app.command("list", help=N_("The cases there are."))
def list_(suites: Suites = None, tag: Tag = None, json: Json = False) -> None:
    """With what they are for."""
    from evals.case import Broken

    session.settings()
    cases = _chosen(suites or [], tag or [])
    if json:
        show.as_json([_facts(case) for case in cases])
        return
    for case in cases:
        if isinstance(case, Broken):
            show.console().print(printable(f"{case.name}  {case.why}"), style="red", markup=False)
        else:
            told = case.told
            line = f"{case.name:34} {' '.join(told.models):16} {' '.join(told.tags):22} {told.title}"
            show.console().print(printable(line), markup=False, highlight=False)


@app.command(help=N_("One case: its file, or its JSON schema."), name="show")
def show_(
    case: Annotated[str | None, typer.Argument(metavar="CASE")] = None,
    schema: Annotated[bool, typer.Option("--schema", help=N_("The JSON schema of cases, for editors."))] = False,
) -> None:
    """As it stands."""
    from evals import case as cases

    session.settings()
    if schema:
        sys.stdout.write(json_text.dumps(cases.schema(), indent=2) + "\n")
        return
    if not case:
        raise ConfigError(_("name a case, or say --schema"), source="CASE")
    for one in cases.found([case]):
        if isinstance(one, cases.Broken):
            raise ConfigError(one.why, source=one.name)
        sys.stdout.write(printable((one.folder / cases.FILE).read_text(encoding="utf-8")) + "\n")


@app.command(help=N_("Change what a case expects bit by bit, and see whether it fails each time."))
def mutate(suites: Suites = None, model: ModelName = "none", parallel: int = 2, json: Json = False) -> None:
    """Exit code 1 where fewer than 99 of 100 changes are noticed, or a case does not pass."""
    raise typer.Exit(session.go(_mutate(suites or [], model, parallel, json=json)))


async def _mutate(suites: list[str], name: str, parallel: int, *, json: bool) -> int:
    from evals.case import found
    from evals.models import Model
    from evals.mutation import Killed
    from evals.running import Run

    killed = Killed()
    running = Run(session.settings(), Model.named(name), progress=lambda _trial: None, look=killed.take)
    killed.missed(await running(found(suites), parallel=parallel))
    if json:
        show.as_json(killed.as_data())
    else:
        _tell_killed(killed)
    return int(not killed.enough)


def _tell_killed(killed: "Killed") -> None:
    for line in killed.survivors:
        show.console().print(printable(f"  {line}"), style="yellow", markup=False)
    for line in killed.failed:
        text = _("Not tried, for it does not pass: {case}")
        show.console().print(printable(text.format(case=line)), style="red", markup=False)
    text = _("{killed} of {all} changes were noticed, in {cases} cases.")
    show.console().print(text.format(killed=killed.killed, all=killed.all, cases=len(killed.cases)))


@app.command(help=N_("Play the fast cases with the models that decide the same each time, beside the baseline."))
def gate(
    accept: Annotated[bool, typer.Option("--accept", help=N_("Make what passes now the baseline."))] = False,
    parallel: Annotated[int, typer.Option(min=1, max=32, help=N_("How many are played at once."))] = 2,
    json: Json = False,
) -> None:
    """Exit code 1 where something is worse than the baseline, or a case would not notice a change."""
    raise typer.Exit(session.go(_gate(parallel, accept=accept, json=json)))


async def _gate(parallel: int, *, accept: bool, json: bool) -> int:
    from evals import baseline
    from evals.case import found
    from evals.mutation import Killed

    base, began = session.settings(), time.monotonic()
    if not accept:
        baseline.there()
    runs, told, killed = [], {}, Killed()
    progress = _said if not json else lambda _trial: None
    playing = baseline.played(base, found(), progress=progress, look=killed.take, parallel=parallel)
    async for results in playing:
        runs.append(results)
        killed.missed(results)
        if not accept:
            made = told[results.model] = await baseline.against(results)
            for reason in made.reasons if not json else []:
                show.console().print(printable(f"{results.model}: {reason}"), style="bold red", markup=False)
    if accept:
        await baseline.accept(runs)
    if json:
        compared = {model: made.model_dump(mode="json") for model, made in told.items()}
        seconds = round(time.monotonic() - began, 1)
        show.as_json({"compared": compared, "mutation": killed.as_data(), "seconds": seconds})
    else:
        _tell_killed(killed)
        number = sum(len(results.trials) for results in runs)
        text = (
            _("{number} trials in {minutes:.1f} min; the baseline is renewed.")
            if accept
            else _("{number} trials in {minutes:.1f} min beside the baseline.")
        )
        minutes = (time.monotonic() - began) / 60
        show.console().print(text.format(number=number, minutes=minutes), style="bold")
    return int(any(made.blocks for made in told.values()) or not killed.enough)


def _chosen(suites: list[str], tags: list[str]) -> "list[Case | Broken]":
    """The cases of the suites that have one of the tags."""
    from evals.case import Broken, found

    cases = found(suites)
    if chosen := [case for case in cases if not tags or _tagged(case, tags)]:
        return chosen
    known = sorted({tag for case in cases if not isinstance(case, Broken) for tag in case.told.tags})
    raise NotFound(_("No case has such a tag; there are {tags}.").format(tags=", ".join(known)))


def _tagged(case: "Case | Broken", tags: list[str]) -> bool:
    told = getattr(case, "told", None)
    return told is None or bool(set(tags) & set(told.tags))  # what cannot be read may have any tag


def _facts(case: "Case | Broken") -> dict[str, object]:
    from evals.case import Broken

    if isinstance(case, Broken):
        return {"case": case.name, "broken": case.why}
    told = case.told
    return {"case": case.name, "title": told.title, "agent": told.agent, "tags": told.tags, "models": told.models}


def _said(trial: "Trial") -> None:
    mark, style = ("✔", "green") if trial.passed else ("✘", "red")
    again = f" ({trial.epoch})" if trial.epoch > 1 else ""
    line = f"{mark} {trial.case}{again}  {trial.usage.seconds:.1f} s"
    show.console().print(line, style=style, markup=False, highlight=False)
    for failure in trial.failures:
        show.console().print(printable(f"    {failure}"), markup=False, highlight=False)


def _sum_up(results: "Results", place: Path) -> None:
    passed, number = sum(trial.passed for trial in results.trials), len(results.trials)
    text = ngettext("{passed} of {number} trial passed.", "{passed} of {number} trials passed.", number)
    show.console().print(text.format(passed=passed, number=number), style="bold")
    show.console().print(_("Results: {path}").format(path=place), style="dim", soft_wrap=True)
