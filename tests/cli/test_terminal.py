"""The person at a real terminal: what they may type, and what ends a question."""

import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.may_block
ROOT = Path(__file__).parents[2]
ASK = "import asyncio; from cli import terminal; print('said', asyncio.run(terminal.confirm('Sure?')))"


class Terminal:
    """A process with a terminal of its own, and what it has printed."""

    def __init__(self, *command: str, **variables: str) -> None:
        ours, theirs = pty.openpty()
        # Of a background job with nohup it would inherit that it is deaf to these.
        before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGINT)}
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NARYAD_LANG": "en", "COLUMNS": "80", **variables},
        )
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(theirs)
        self.fd, self.seen = ours, ""

    def until(self, text: str) -> str:
        """Read on until `text` is there."""
        while text not in self.seen:
            self.seen += os.read(self.fd, 4096).decode(errors="replace")
        return self.seen

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        """Read to the end; gives the exit code."""
        while True:
            try:
                more = os.read(self.fd, 4096)
            except OSError:  # Linux says so when the other side of a terminal has closed
                break
            if not more:
                break
            self.seen += more.decode(errors="replace")
        return self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.fd)


@pytest.fixture
def opened() -> Iterator[list[Terminal]]:
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.close()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("y\n", "True"),
        ("Yes \n", "True"),
        ("д\n", "True"),
        ("ДА\n", "True"),
        ("n\n", "False"),
        ("н\n", "False"),
        ("нет\n", "False"),
        ("\n", "False"),
        ("perhaps\ny\n", "True"),
        ("\x04", "None"),
    ],
)
def test_yes_and_no_may_be_typed_in_both_languages(opened: list[Terminal], typed: str, said: str) -> None:
    """Only a clear yes is a yes; Enter is a no, nonsense is asked again, and Ctrl-D answers nothing."""
    opened.append(terminal := Terminal("-c", ASK))
    terminal.until("Sure? [y/N]: ")
    terminal.type(typed)
    assert terminal.end() == 0
    assert f"said {said}" in terminal.seen


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_an_interrupted_chat_ends_with_130(opened: list[Terminal], how: str) -> None:
    """Whatever ends the command, it says so in one line and leaves no traceback."""
    opened.append(terminal := Terminal("-m", "cli.main", "chat", "ops"))
    terminal.until("> ")
    if how == "Ctrl-C":
        terminal.process.send_signal(signal.SIGINT)
    else:
        terminal.process.terminate()
    assert terminal.end() == 130
    assert "Interrupted." in terminal.seen
    assert "Traceback" not in terminal.seen


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_leaves_nothing(opened: list[Terminal], number: signal.Signals) -> None:
    """Ctrl-C, `kill` and a closed window all close the shop: no process and no folder of it is left."""
    with tempfile.TemporaryDirectory() as folder:  # not `tmp_path`: a socket's path must be short
        opened.append(terminal := Terminal("-m", "cli.main", "demo", TMPDIR=folder))
        terminal.until("opening the shop")
        while not (children := psutil.Process(terminal.process.pid).children(recursive=True)):
            time.sleep(0.05)
        terminal.process.send_signal(number)
        assert terminal.end() == 130
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        assert list(Path(folder).iterdir()) == []
