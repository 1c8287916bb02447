"""Help and errors of usage: in the reader's language, in one line, with exit code 2."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.main import main
from tests.cli.conftest import Ran

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command in this process: nothing here gets as far as an event loop."""

    def call(*arguments: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        printed = capsys.readouterr()
        assert ended.value.code is None or isinstance(ended.value.code, int)
        return Ran(ended.value.code or 0, printed.out, printed.err)

    return call


@pytest.mark.parametrize(
    "command", ["", "demo", "run", "chat", "doctor", "approvals approve", "incidents", "audit show", "model pull", "db"]
)
def test_help_speaks_russian_throughout(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Headings, arguments and options are translated: no line of a page is English prose."""
    monkeypatch.setenv("NARYAD_LANG", "ru")
    page = run(*command.split(), "--help")
    assert (page.code, page.err) == (0, "")
    assert "Использование: naryad" in page.out
    prose = [line for line in page.out.splitlines() if re.search("[a-z]{3,} [a-z]{3,} [a-z]{2,}", line)]
    assert [line for line in prose if not CYRILLIC.search(line) and not line.startswith("Использование")] == []


def test_help_names_arguments_options_and_defaults(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is needed, what may be given, and what holds when it is not."""
    monkeypatch.setenv("NARYAD_LANG", "en")
    page = run("approvals", "approve", "-h").out
    assert "Usage: naryad approvals approve [OPTIONS] ID" in page
    assert "--resume, --no-resume" in page
    assert "[50]" in run("approvals", "list", "--help").out
    assert re.search(r"Commands:\n  list +\S", run("incidents", "--help").out)


def test_without_a_command_the_help_is_shown_as_an_error(run: Callable[..., Ran]) -> None:
    """A script that forgot its command does not go on as if all were well."""
    ran = run()
    assert (ran.code, ran.out) == (2, "")
    assert "doctor" in ran.err


@pytest.mark.parametrize("line", ["NARYAD_LANG=en", "export NARYAD_LANG='en'  # mine", 'NARYAD_LANG = "en"'])
def test_the_language_of_the_env_file_holds_for_help_and_usage(naryad: Callable[..., Ran], line: str) -> None:
    """`.env` is looked at before the settings are read; a variable of the environment wins over it."""
    Path(".env").write_text(f"# settings\n{line}\n", encoding="utf-8")
    assert "Usage: naryad" in naryad("--help", lang=None).out
    assert "There is no command" in naryad("frobnicate", lang=None).err
    assert "Использование: naryad" in naryad("--help", lang="ru").out


@pytest.mark.parametrize(
    ("arguments", "english", "russian"),
    [
        ("frobnicate", "There is no command frobnicate.", "Команды frobnicate нет."),
        ("aproval", "There is no command aproval; perhaps 'approvals'?", "может быть, 'approvals'?"),
        ("demo --faul x", "There is no option --faul; perhaps --all, --fault?", "Параметра --faul нет"),
        ("demo -x", "There is no option -x.", "Параметра -x нет."),
        ("demo --fault", "The option --fault needs a value.", "Параметру --fault нужно значение."),
        ("demo --yes=1", "The option --yes takes no value.", "У параметра --yes нет значения."),
        ("demo one two", "Too much: one two.", "Лишнее: one two."),
        ("run", "AGENT is missing.", "Не хватает аргумента"),
        ("users add a@b.ru --role boss", "--role: boss is not one of these: 'user', 'manager'", "--role: boss"),
        ("run ops", "Say what you want", "Скажите, что нужно"),
        ("approvals show", "ID is missing.", "Не хватает аргумента ID."),
        ("audit show --limit 0", "--limit: at least 1.", "--limit: не меньше 1."),
        ("audit show --limit 99999", "--limit: at most 10000.", "--limit: не больше 10000."),
        ("audit show --limit x", "--limit: a whole number, please.", "--limit: нужно целое число."),
        ("audit verify --head abc", "A hash has 64 digits", "Хеш — это 64 знака"),
    ],
)
def test_wrong_usage_is_one_line(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, arguments: str, english: str, russian: str
) -> None:
    """It names what is wrong, in both languages, and says where to read on."""
    for lang, expected in (("en", english), ("ru", russian)):
        monkeypatch.setenv("NARYAD_LANG", lang)
        ran = run(*arguments.split())
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
        assert expected in ran.err
