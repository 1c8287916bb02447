"""`naryad model`: local language models."""

from pathlib import Path
from typing import Annotated

import typer

from cli import session, show
from naryad.i18n import _

app = typer.Typer()
Json = Annotated[bool, typer.Option("--json", help=_("For programs."))]


@app.command("list", help=_("Models that can be pulled, and those that are here."))
def listed(json: Json = False) -> None:
    """List models."""
    from naryad.llm import models

    here = {found.path.name: found for found in models.installed(session.settings().home)}
    if json:
        known = {
            m.file: {"name": m.name, "file": m.file, "bytes": m.size, "installed": m.file in here}
            for m in models.MODELS
        }
        others = {name: {"name": name, "file": name, "bytes": f.size, "installed": True} for name, f in here.items()}
        for row in {**others, **known}.values():
            show.as_json(row)
        return
    rows = [(m.name, m.file, f"{m.size / 1e9:.1f} GB", _("yes") if m.file in here else _("no")) for m in models.MODELS]
    show.table([_("Model"), _("File"), _("Size"), _("Here")], rows)


@app.command(help=_("Download a model; a broken download goes on where it stopped."))
def pull(name: Annotated[str, typer.Argument(help=_("A name from the list, for example qwen3-8b."))]) -> None:
    """Download one model."""
    path = session.go(_pull(name))
    show.console().print(_("Here: {path}").format(path=path))
    show.console().print(_("To use it, set NARYAD_LOCAL_MODEL={path}").format(path=path))


@app.command(help=_("Load a model and ask it one question."))
def check(
    path: Annotated[Path | None, typer.Argument(help=_("A GGUF file; else the one in NARYAD_LOCAL_MODEL."))] = None,
    json: Json = False,
) -> None:
    """Try one model."""
    session.go(_check(path, json=json))


async def _pull(name: str) -> Path:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from naryad.llm import models

    home = session.settings().home
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=show.console()) as bar:
        task = bar.add_task(name)
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
