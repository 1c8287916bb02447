"""`naryad users`: accounts made and changed at the terminal, the password never in an argument."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import Ran

pytestmark = pytest.mark.may_block
Naryad = Callable[..., Ran]
PASSWORD = "correct horse battery\n"


def test_accounts_are_made_listed_and_changed(naryad: Naryad) -> None:
    """Each step told as JSON; the last administrator stays one, and the audit knows who it was."""
    added = naryad("users", "add", "Anna@Example.ru", "--role", "admin", "--name", "Anna", "--json", stdin=PASSWORD)
    assert added.code == 0, added.err
    [anna] = added.lines
    assert (anna["email"], anna["role"], anna["status"]) == ("anna@example.ru", "admin", "active")
    assert naryad("users", "add", "boris@example.ru", stdin=PASSWORD).code == 0
    assert naryad("users", "role", "boris@example.ru", "operator", "--json").lines[0]["role"] == "operator"
    assert naryad("users", "disable", "boris@example.ru", "--json").lines[0]["status"] == "disabled"
    last = naryad("users", "disable", "anna@example.ru")
    assert (last.code, "last administrator" in last.err) == (1, True)
    assert [one["email"] for one in naryad("users", "list", "--search", "boris", "--json").lines] == [
        "boris@example.ru"
    ]
    assert naryad("users", "enable", "boris@example.ru").out == "boris@example.ru: operator, active.\n"
    audit = naryad("audit", "show").out
    assert audit.count("account.created") == 2
    assert "example.ru" not in audit


def test_what_is_wrong_is_one_line(naryad: Naryad) -> None:
    """A short password, an address twice, a role or an account that is not there."""
    assert naryad("users", "add", "anna@example.ru", stdin=PASSWORD).code == 0
    for arguments, stdin, code in (
        (("add", "boris@example.ru"), "short\n", 1),
        (("add", "anna@example.ru"), PASSWORD, 1),
        (("add", "anna"), PASSWORD, 1),
        (("role", "anna@example.ru", "root"), "", 2),
        (("disable", "nobody@example.ru"), "", 2),
    ):
        ran = naryad("users", *arguments, stdin=stdin)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (code, "", 1), ran.err
