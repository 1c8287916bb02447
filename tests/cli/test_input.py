"""Wrong input: one clear line that names file, line and field, exit code 2, nothing changed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

pytestmark = pytest.mark.may_block
Naryad = Callable[..., Ran]


def refused(ran: Ran, *words: str) -> None:
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err


def test_an_unknown_fault_is_named_with_those_there_are(naryad: Naryad) -> None:
    """The list of faults is in the message."""
    refused(naryad("demo", "--fault", "gremlins"), "gremlins", "crash", "port-conflict")


def test_an_unknown_agent_is_named_with_those_there_are(naryad: Naryad) -> None:
    """The list of agents is in the message."""
    refused(naryad("run", "oops", "hello"), "oops", "ops")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("policy.yaml", "version: 1\nrules:\n  - name: a\n    action: maybe\n", ["policy.yaml:4", "rules.0.action"]),
        ("policy.yaml", "version: 1\nrules: [\n", ["policy.yaml:"]),
        ("services.yaml", "services:\n  - {name: web}\n", ["services.yaml:2", "services.0.unit"]),
        ("runbooks/own.yaml", "id: own\nalerts: 3\n", ["own.yaml:2", "alerts"]),
        (
            "runbooks/own.yaml",
            "id: own\nalerts: [{alertname: A}]\ndiagnose:\n  - {id: a, tool: b, expect: 'a <<< 1'}\n",
            ["own.yaml:4", "JMESPath"],
        ),
    ],
)
def test_a_malformed_file_is_named_with_line_and_field(
    naryad: Naryad, alone: Path, file: str, text: str, words: list[str]
) -> None:
    """What a person wrote wrongly is shown where it stands, and no database is made."""
    path = alone / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    refused(naryad("approvals", "list"), *words)
    assert not (alone / "naryad.db").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NARYAD_LANG", "fr"),
        ("MAX_RETRIES", "many"),
        ("NARYAD_TIMEZONE", "Mars/Olympus"),
        ("NARYAD_SECRET", "a-short-guess"),
        ("DATABASE_URL", "mysql://x"),
    ],
)
def test_a_wrong_setting_is_named(naryad: Naryad, name: str, value: str) -> None:
    """The variable is named, and its value, which may be a secret, is not repeated."""
    ran = naryad("incidents", "list", **{name: value})
    refused(ran, name)
    assert "Input should" not in ran.err  # Pydantic's words, which are English only


def test_a_wrong_line_of_the_env_file_is_named(naryad: Naryad) -> None:
    """A value in `.env` is reported with its line."""
    Path(".env").write_text("# settings\nCB_TIMEOUT=soon\n", encoding="utf-8")
    refused(naryad("incidents", "list"), ".env:2", "CB_TIMEOUT")


def test_an_env_file_in_another_encoding_is_named(naryad: Naryad) -> None:
    """`.env` is UTF-8; one that is not is no traceback."""
    Path(".env").write_bytes("NARYAD_HOME=/тут".encode("cp1251"))
    refused(naryad("incidents", "list"), ".env", "UTF-8")


@pytest.mark.parametrize(
    "command", [["approvals", "show", "0000"], ["incidents", "show", "0000"], ["approvals", "approve", "zzzz"]]
)
def test_an_unknown_id_is_refused(naryad: Naryad, command: list[str]) -> None:
    """An id that is not there is said to be not there."""
    refused(naryad(*command), command[-1])


def test_a_thread_that_is_not_there_is_refused(naryad: Naryad) -> None:
    """Continuing needs a thread."""
    refused(naryad("run", "ops", "--thread", "none"), "none")
