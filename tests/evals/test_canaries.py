"""Canaries: which are played, what they tell, and that they end when they are told to."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest

from evals.canaries import CaseCanaries
from evals.case import found
from naryad.settings import Settings
from naryad.testing.openai_server import OpenAIServer, Reply
from tests.evals.conftest import Write


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, write: Write) -> Path:
    """Suites whose canaries are the first of two."""
    folder = write("canary/01_bird")
    write("own/02_other")
    monkeypatch.setattr("evals.canaries.found", lambda wanted: found(wanted, root=folder))
    return folder


def settings(root: Path, server: OpenAIServer | None = None) -> Settings:
    models: dict[str, Any] = (
        {"NARYAD_MODEL": "openai", "OPENAI_BASE_URL": server.url, "OPENAI_MODEL": "large"} if server else {}
    )
    return Settings(NARYAD_HOME=root.parent / "home", **models)


async def test_a_canary_tells_what_it_found(root: Path, write: Write) -> None:
    """Only cases of its suite are played, with the models of the install; one that cannot be read has failed."""
    write("canary/02_broken", agent="nobody")
    bird, broken = await CaseCanaries(settings(root)).play()
    assert (bird.name, bird.passed, bird.model, bird.why) == ("canary/01_bird", True, "", "")
    assert bird.degraded
    assert (broken.passed, "agent" in broken.why) == (False, True)


async def test_a_canary_tells_who_really_answered(root: Path) -> None:
    """Not who was asked."""
    with await asyncio.to_thread(OpenAIServer, Reply("Mondays.", model="small")) as server:
        (bird,) = await CaseCanaries(settings(root, server)).play()
    assert (bird.model, bird.tokens > 0, bird.degraded) == ("small", True, False)


async def test_canaries_end_when_they_are_told_to(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that hangs holds no server up that is being stopped, and nothing of their worlds remains."""
    worlds = tmp_path / "worlds"
    worlds.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(worlds))
    with await asyncio.to_thread(OpenAIServer, Reply(hold_after=0)) as server:
        patient = settings(root, server).model_copy(update={"llm_timeout_s": 500})
        playing = asyncio.create_task(CaseCanaries(patient).play())
        async with asyncio.timeout(90):
            while not await asyncio.to_thread(server.requests):
                await asyncio.sleep(0.1)
            assert list(worlds.iterdir())
            playing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await playing
    assert list(worlds.iterdir()) == []
