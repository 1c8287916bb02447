"""`naryad model`: local language models."""

from pathlib import Path
from typing import Annotated

import typer

from cli import session, show
from cli.page import App
from naryad.i18n import N_, _

app = App()
Json = Annotated[bool, typer.Option("--json", help=N_("Print JSON, for programs."))]


@app.command("list", help=N_("Models that can be pulled, and those that are here."))
def listed(json: Json = False) -> None:
    """List models."""
    from naryad.llm import models

    here = {found.path.name: found.size for found in models.installed(session.settings().home)}
    sizes = {m.file: m.size for m in models.MODELS} | here
    names = {m.file: m.name for m in models.MODELS}
    found = [{"name": names.get(f, f), "file": f, "bytes": sizes[f], "installed": f in here} for f in sizes]
    if json:
        for row in found:
            show.as_json(row)
        return
    size = _("{n:.1f} GB")
    rows = [(names.get(f, ""), f, size.format(n=sizes[f] / 1e9), _("yes") if f in here else _("no")) for f in sizes]
    show.table([_("Model"), _("File"), _("Size"), _("Here")], rows)


@app.command(help=N_("Download a model; a broken download goes on where it stopped."))
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help=N_("A name from the list, for example qwen3-8b."))],
) -> None:
    """Download one model."""
    path = session.go(_pull(name))
    show.console().print(_("Here: {path}").format(path=path))
    show.console().print(_("To use it, set NARYAD_LOCAL_MODEL={path}").format(path=path))


@app.command(help=N_("Load a model and ask it one question."))
def check(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help=N_("A GGUF file; else the one in NARYAD_LOCAL_MODEL."))
    ] = None,
    json: Json = False,
) -> None:
    """Try one model."""
    session.go(_check(path, json=json))


async def _pull(name: str) -> Path:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from naryad.llm import models

    home, model = session.settings().home, models.find(name)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=show.console(), disable=not show.console().is_terminal) as bar:
        task = bar.add_task(name, total=model.size)
        return await models.pull(name, home, lambda have, whole: bar.update(task, completed=have, total=whole or None))


async def _check(path: Path | None, *, json: bool) -> None:
    from naryad.errors import ConfigError
    from naryad.llm import trial

    settings = session.settings()
    chosen = path or settings.local_model
    if chosen is None:
        text = _("name a GGUF file, or set it; `naryad model pull` downloads one")
        raise ConfigError(text, source="environment", field="NARYAD_LOCAL_MODEL")
    tried = await trial.check(chosen, log_dir=settings.home / "logs")
    if json:
        show.as_json(tried)
        return
    text = _("Loaded in {load:.1f} s, first token after {first:.1f} s, then {speed:.1f} tokens per second.")
    out = show.console()
    out.print(text.format(load=tried.load_s, first=tried.first_token_s, speed=tried.tokens_per_s), style="green")
    out.print(tried.answer, style="dim", markup=False)
