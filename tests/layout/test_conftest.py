"""What every test gets without asking: isolation, a watched event loop, and no silent skip in CI."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from blockbuster import BlockingError

from naryad import db
from naryad.settings import Settings
from tests.layout.guards import ROOT

SKIPPING = """
    import pytest
    from tests.needs import needs, needs_package

    def test_server():
        needs("no-such-server")

    @pytest.mark.tinymodel
    def test_model():
        needs_package("no_such_model")

    def test_other():
        pytest.skip("not on this platform")

    @pytest.mark.xfail(reason="needs more work", strict=True)
    def test_expected():
        assert False
"""


def _run_in(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str) -> pytest.RunResult:
    pytester.makeconftest("from tests.conftest import *")
    pytester.makeini("[pytest]\nmarkers = tinymodel\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CI", ci)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_a_missing_server_fails_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI a test that needs a missing server fails; the local model's tests and other skips stay skips."""
    pytester.makepyfile(SKIPPING)
    result = _run_in(pytester, monkeypatch, "true")
    result.assert_outcomes(failed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*needs no-such-server: this must be installed in CI*"])


def test_a_file_that_skips_itself_fails_in_ci(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same holds for a file that skips as a whole."""
    pytester.makepyfile("import pytest\npytest.skip('needs no-such-server', allow_module_level=True)")
    _run_in(pytester, monkeypatch, "true").assert_outcomes(errors=1)


def test_a_missing_server_skips_elsewhere(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine the same tests skip."""
    pytester.makepyfile(SKIPPING)
    _run_in(pytester, monkeypatch, "").assert_outcomes(skipped=3, xfailed=1)


def test_the_machines_settings_are_hidden(alone: Path, tmp_path: Path) -> None:
    """A test sees neither the developer's variables nor a `.env`, and writes into a folder of its own."""
    names = {field.alias for field in Settings.model_fields.values()} - {"NARYAD_HOME"}
    assert names & set(os.environ) == set()
    assert Settings().home == alone
    assert alone.is_relative_to(tmp_path)
    assert not Path(".env").exists()


async def test_waiting_in_the_event_loop_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of ours that sleeps in the event loop is stopped; in a thread it may."""
    code = compile("def wait(sleep):\n    sleep(0)\n", db.__file__, "exec")
    ours: dict[str, object] = {}
    exec(code, ours)
    wait = ours["wait"]
    assert callable(wait)
    with pytest.raises(BlockingError, match=r"time\.sleep"):
        wait(time.sleep)
    await asyncio.to_thread(wait, time.sleep)


@pytest.mark.may_block
async def test_a_marked_test_may_wait() -> None:
    """The mark `may_block` takes the watch away."""
    assert time.sleep.__module__ != "blockbuster.blockbuster"
