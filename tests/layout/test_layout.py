"""The rules of the layout hold for every file, and each rule can tell."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from sysconfig import get_path

import pytest

from tests.layout import guards
from tests.layout.guards import PACKAGES, ROOT


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]
    # A source archive has no git: take what lies in our folders.
    found = [file for name in guards.TOP_LEVEL for file in (ROOT / name).rglob("*") if file.is_file()]
    return [str(file.relative_to(ROOT)) for file in found if "__pycache__" not in file.parts]


FILES = _tracked()
CODE = [path for path in FILES if path.endswith(".py") and path.split("/")[0] in PACKAGES]
ALL_CODE = [path for path in FILES if path.endswith(".py")]


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_only_its_own_client_imports_a_vendors_library() -> None:
    """A vendor's library is imported in one place per system."""
    assert [fault for path in CODE for fault in guards.foreign_vendors(path, _read(path))] == []


def test_only_the_gate_runs_a_tool() -> None:
    """Nothing but the gate takes a permit or a tool's method."""
    assert [fault for path in CODE for fault in guards.ways_around_the_gate(path, _read(path))] == []


def test_clients_stay_with_their_tools() -> None:
    """Nobody speaks to an external system past its tools."""
    assert [fault for path in CODE for fault in guards.foreign_clients(path, _read(path))] == []


def test_files_stay_short() -> None:
    """A file holds one concept, in about 300 lines at most."""
    assert [fault for path in ALL_CODE for fault in guards.too_long(path, _read(path))] == []


def test_top_level_names_are_not_nested() -> None:
    """No folder inside a package is named like a top-level one."""
    assert [fault for path in FILES if not path.startswith("tests/") for fault in guards.nested_names(path)] == []


def test_modules_are_named_for_a_concept() -> None:
    """There is no `utils` and no `helpers`."""
    assert [fault for path in ALL_CODE for fault in guards.nameless(path)] == []


def test_nothing_points_out_of_the_clone() -> None:
    """No file names a path of somebody's machine."""
    faults = []
    for path in FILES:
        if path == "uv.lock" or path.endswith((".mo", ".png", ".gif", ".ico", ".gguf")):
            continue
        faults += guards.elsewhere(path, _read(path))
    assert faults == []


@pytest.mark.parametrize(
    ("guard", "path", "source"),
    [
        (guards.foreign_vendors, "graphs/ops/graph.py", "import ansible_runner"),
        (guards.foreign_vendors, "tools/ansible/tools.py", "def f():\n    from ansible_runner import run"),
        (guards.foreign_vendors, "naryad/gate/gate.py", "import psutil"),
        (guards.foreign_vendors, "naryad/llm/local.py", "import llama_cpp.server"),
        (guards.ways_around_the_gate, "graphs/tool_loop.py", "from naryad.tooling import permit"),
        (guards.ways_around_the_gate, "graphs/tool_loop.py", "from naryad import tooling\ntooling.permit(t, {})"),
        (guards.ways_around_the_gate, "naryad/gate/approvals.py", "await tool.method(owner)"),
        (guards.foreign_clients, "graphs/ops/graph.py", "from tools.host.client import HostClient"),
        (guards.foreign_clients, "tools/ansible/tools.py", "import tools.host.client"),
        (guards.foreign_clients, "cli/doctor.py", "def f():\n    from tools.host import client"),
        (guards.too_long, "cli/main.py", "\n" * 301),
        (guards.elsewhere, "README.md", "see /wor" + "k/main/x"),
        (guards.elsewhere, "README.md", "see ../share" + "d/spec/x"),
    ],
)
def test_a_guard_sees_what_it_guards_against(guard: object, path: str, source: str) -> None:
    """Each rule finds a file that breaks it."""
    assert callable(guard)
    assert len(guard(path, source)) == 1


@pytest.mark.parametrize(
    ("guard", "path", "source"),
    [
        (guards.foreign_vendors, "tools/ansible/client.py", "import ansible_runner"),
        (guards.foreign_vendors, "lab/world.py", "import psutil"),
        (guards.ways_around_the_gate, "naryad/gate/gate.py", "from naryad.tooling import permit"),
        (guards.ways_around_the_gate, "server/audit.py", "log(request.method)"),
        (guards.foreign_clients, "tools/host/tools.py", "from tools.host.client import HostClient"),
        (guards.foreign_clients, "tools/registry.py", "from tools.host.client import HostClient"),
        (guards.too_long, "cli/main.py", "\n" * 300),
        (guards.elsewhere, "README.md", "team/work/main, framework/x, https://example.org/work"),
    ],
)
def test_a_guard_lets_the_rest_be(guard: object, path: str, source: str) -> None:
    """No rule cries at what it allows."""
    assert callable(guard)
    assert guard(path, source) == []


def test_the_guards_of_names_see_what_they_guard_against() -> None:
    """A nested top-level name and a nameless module are found, and ordinary ones are not."""
    assert guards.nested_names("naryad/tools/x.py")
    assert guards.nested_names("tools/host/client.py") == []
    assert guards.nameless("naryad/utils.py")
    assert guards.nameless("naryad/helpers/text.py")
    assert guards.nameless("naryad/canonical.py") == []


def test_our_import_names_are_ours_alone() -> None:
    """No dependency installs a package of one of our top-level names, which would shadow ours or be shadowed."""
    owners = packages_distributions()
    site = Path(get_path("purelib"))
    taken = {name: set(owners.get(name, [])) - {"naryad"} for name in PACKAGES}
    assert {name: dists for name, dists in taken.items() if dists} == {}
    assert [name for name in taken if (site / name).exists() or (site / f"{name}.py").exists()] == []


def test_our_tests_are_the_ones_imported() -> None:
    """A dependency ships a package named `tests`; ours comes first because it is a package too."""
    assert Path(sys.modules["tests"].__file__ or "") == ROOT / "tests" / "__init__.py"


def test_every_package_is_checked_and_shipped() -> None:
    """A new top-level package is known to the wheel, to mypy and to the import contracts."""
    project = tomllib.loads(_read("pyproject.toml"))["tool"]
    present = {path.split("/")[0] for path in CODE}
    assert present <= set(project["mypy"]["files"])
    assert present - {"bench"} <= set(project["importlinter"]["root_packages"])
    shipped = set(project["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert present - {"bench", "evals"} <= shipped


def test_every_integration_is_held_apart() -> None:
    """A new integration is named in the contract that keeps integrations from importing each other."""
    contracts = tomllib.loads(_read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    apart = next(contract["modules"] for contract in contracts if contract["id"] == "integrations")
    present = {path.split("/")[1] for path in CODE if path.startswith("tools/") and path.count("/") > 1}
    assert sorted(apart) == [f"tools.{system}" for system in sorted(present)]


HEAVY = [
    "langchain_core",
    "langgraph",
    "openai",
    "sqlmodel",
    "sqlalchemy",
    "ansible",
    "prometheus_api_client",
    "pandas",
]


@pytest.mark.skipif(not (ROOT / "cli" / "main.py").exists(), reason="there is no command yet")
def test_help_loads_no_heavy_library() -> None:
    """`naryad --help` answers at once, because it loads nothing that only work needs."""
    code = (
        "import json, sys, cli.main\n"
        "sys.argv = ['naryad', '--help']\n"
        "try: cli.main.main()\n"
        "except SystemExit as end: print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert not exit_code
    assert "naryad" in done.stdout
    assert [name for name in HEAVY if name in loaded] == []
