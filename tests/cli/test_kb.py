"""`naryad kb`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.kb import app
from naryad.errors import NaryadError, NotFound
from tests.cli.conftest import Ran


def _run(*arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


def test_documents_are_pulled_searched_and_compared(tmp_path: Path) -> None:
    """The shipped ones come with `pull`; a question gets passages with their source and a decision."""
    assert len(_run("pull")["added"]) == 30
    answer = _run("search", "забыл пароль, как его сбросить")
    assert answer["known"]
    assert answer["passages"][0]["document_id"] == "password-reset"
    assert "Забыли пароль" in answer["text"]
    assert not _run("search", "какая погода завтра в Париже")["known"]
    assert _run("search", "how do I verify the audit journal", "--audience", "user")["passages"][0]["document_id"] != (
        "audit-journal"
    )
    fax = tmp_path / "fax.txt"
    fax.write_bytes("Факс: наберите девятку.".encode("cp1251"))
    assert _run("ingest", str(fax), "--kind", "howto", "--audience", "operator")["added"] == ["fax.ru"]
    assert "+audience: ['operator']" in _run("diff", "fax")["diff"]
    state = _run("status")
    assert state["documents"] == {"ru": 16, "en": 15}
    assert (state["revision"], state["journal"][0]["document_id"]) == (31, "fax")


def test_a_new_text_never_widens_who_may_read_it(tmp_path: Path) -> None:
    """Without a word about readers they stay; a new document's are told; a document may say them itself."""
    plan = tmp_path / "plan.txt"
    plan.write_text("The first plan.")
    assert _run("ingest", str(plan))["readers"] == {"plan.en": ["everyone"]}
    plan.write_text("The second plan.")
    assert _run("ingest", str(plan), "--audience", "manager")["readers"] == {"plan.en": ["manager"]}
    plan.write_text("The third plan.")
    assert _run("ingest", str(plan), "--kind", "policy")["readers"] == {"plan.en": ["manager"]}
    said = tmp_path / "plan.md"
    said.write_text("---\nid: plan\ntitle: Plan\n---\nThe fourth plan.")
    assert _run("ingest", str(said))["readers"] == {"plan.en": ["manager"]}
    plan.write_text("Тот же план по-русски.")
    assert _run("ingest", str(plan))["readers"] == {"plan.ru": ["manager"]}
    said.write_text("---\nid: plan\ntitle: Plan\naudience: everyone\n---\nThe plan is out.")
    assert _run("ingest", str(said))["readers"] == {"plan.en": ["everyone"]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ingest", "x.md", "--kind", "poem"], "service, faq, case"),
        (["ingest", "x.md", "--audience", "boss"], "everyone, user, manager"),
        (["search", "fax", "--audience", "boss"], "everyone, user, manager"),
        (["search", "fax", "--lang", "de"], "ru, en"),
        (["diff", "fax", "--lang", "de"], "ru, en"),
        (["ingest", "nowhere"], "nowhere"),
        (["search", "fax"], "naryad kb pull"),
        (["diff", "fax"], "'fax'"),
    ],
)
def test_a_wrong_word_is_answered_by_the_right_ones(
    naryad: Callable[..., Ran], arguments: list[str], told: str
) -> None:
    """The known names are listed, and an empty base says how to fill it."""
    ran = naryad("kb", *arguments)
    assert ran.code in (1, 2)
    assert told in ran.err


def test_a_refused_document_is_an_error_with_its_reason(tmp_path: Path) -> None:
    """Exit is not zero, and the report names file and reason; an unknown document is not found."""
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF trash")
    done = CliRunner().invoke(app, ["ingest", str(bad), "--json"])
    assert isinstance(done.exception, NaryadError)
    assert list(json.loads(done.stdout)["refused"]) == [str(bad)]
    with pytest.raises(NotFound):
        _run("diff", "nothing")
