"""Every test runs alone: its own NARYAD_HOME, none of the machine's settings, no blocking call in the event loop."""

import os
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest
import structlog
from blockbuster import BlockBuster

from naryad import i18n
from naryad.db import migrate
from naryad.settings import Settings
from tests.migrated import by_copy
from tests.needs import PREFIX

OURS = ["agents", "bot", "cli", "graphs", "knowledge_base", "lab", "naryad", "server", "tools"]
# Calls that wait for somebody else. Reading a small local file is quicker than handing it to a thread, and a lock that
# is held for microseconds would make the tests flaky: neither is watched.
WAITING = ("time.sleep", "socket.", "ssl.", "sqlite3.", "os.read", "builtins.input")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--thorough", action="store_true", help="search everything, not a sample that fits into minutes")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(AtOnce(config))


class AtOnce:
    """Tells a failure when it happens: a long run that is cut short shows no summary."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and terminal and not hasattr(self._config, "workerinput"):
            terminal.write_line(f"\n{report.when} of {report.nodeid} failed:\n{report.longreprtext[-1500:]}")


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether a long search looks everywhere, or at a sample."""
    return bool(pytestconfig.getoption("thorough"))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a NARYAD_HOME of its own, and hide the developer's variables and `.env` from it."""
    known = {field.alias for field in Settings.model_fields.values()}
    for name in list(os.environ):
        if name in known or name.startswith(("NARYAD_", "OPENAI_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("NARYAD_HOME", str(home))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return home


@pytest.fixture(autouse=True)
def language_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command or another test chose in this process is not chosen here."""
    monkeypatch.setattr(i18n, "_chosen", ContextVar("language", default=""))


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A command under test sends the logs to its stderr, which is closed when the next test logs."""
    # By default an exception is drawn with the source around it: seconds of work for each.
    structlog.configure([structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the SQLite database is that others are copies of."""
    return tmp_path_factory.mktemp("template") / "naryad.db"


@pytest.fixture(autouse=True)
def migrated_once(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a new SQLite database as a copy of one that the migrations made."""
    monkeypatch.setattr(migrate, "upgrade", by_copy(migrate.upgrade, template))


@pytest.fixture(scope="session")
def blocking_calls() -> BlockBuster:
    """The watch over the event loop: a call of ours that would make it wait raises `BlockingError`."""
    watch = BlockBuster(OURS)
    watch.functions = {name: call for name, call in watch.functions.items() if name.startswith(WAITING)}
    return watch


@pytest.fixture(autouse=True)
def event_loop_stays_free(request: pytest.FixtureRequest, blocking_calls: BlockBuster) -> Iterator[None]:
    """Watch every test, except one marked `may_block`."""
    if request.node.get_closest_marker("may_block"):
        yield
        return
    blocking_calls.activate()
    yield
    blocking_calls.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test must not skip because a server is missing, or a green run would prove nothing.

    The tests of the tiny real model may: building it can take longer than CI has.
    """
    report = yield
    if not item.get_closest_marker("tinymodel"):
        _no_missing_server(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    _no_missing_server(report)
    return report


def _no_missing_server(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not (os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple)):
        return
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if reason.startswith(PREFIX):
        report.outcome = "failed"
        report.longrepr = f"{reason}: this must be installed in CI"
