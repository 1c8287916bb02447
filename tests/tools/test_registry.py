"""The registry builds what is configured, opens no more files than it must, and says what does not work."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from knowledge_base import runbooks
from knowledge_base.services import Catalogue, Service
from naryad.errors import ToolFailed
from naryad.settings import Settings
from tests.tools.conftest import CallTool
from tools import registry
from tools.ansible.allowlist import review
from tools.ansible.modules import DEFAULT_MODULES


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(NARYAD_HOME=tmp_path / "home")


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.ini"
    path.write_text("localhost ansible_connection=local\n")
    return path


def names(settings: Settings, catalogue: Catalogue, home: Path) -> set[str]:
    return {tool.name for toolset in registry.build(settings, catalogue, home=home) for tool in toolset.tools()}


def test_only_configured_systems_have_tools(settings: Settings, tmp_path: Path, inventory: Path) -> None:
    """Without settings there are no Prometheus and no Ansible tools; with them all have a schema and a text."""
    few = names(settings, Catalogue(), tmp_path)
    assert {name.partition("_")[0] for name in few} == {"host", "probe"}
    full = settings.model_copy(
        update={"prometheus_url": SecretStr("http://127.0.0.1:1"), "ansible_inventory": inventory}
    )
    toolsets = registry.build(full, Catalogue(), home=tmp_path)
    tools = [tool for toolset in toolsets for tool in toolset.tools()]
    assert {tool.name.partition("_")[0] for tool in tools} == {"host", "probe", "prometheus", "ansible"}
    for tool in tools:
        function = tool.schema["function"]
        assert function["description"]
        assert all(field.get("description") for field in function["parameters"]["properties"].values()), tool.name


async def test_the_catalogue_opens_its_own_places_only(call: CallTool, settings: Settings, tmp_path: Path) -> None:
    """Logs, data and configurations of services can be looked at, their neighbours and secrets cannot."""
    app, data = tmp_path / "app", tmp_path / "data"
    for folder in (app, data):
        folder.mkdir()
    for name in ("app.log", "app.log.1", "app.conf", "secret.key"):
        (app / name).write_text("text\n")
    (tmp_path / "other.log").write_text("text\n")
    service = Service(
        name="app", unit="app", process="app", log=app / "app.log", config=app / "app.conf", data_dir=data
    )
    host = registry.build(settings, Catalogue(services=[service]), home=tmp_path)[0]
    for name in ("app.log", "app.log.1", "app.conf"):
        assert (await call(host, "host_log_tail", path=str(app / name)))["lines"] == ["text"]
    assert (await call(host, "host_file", path=str(app / "secret.key")))["exists"]
    for path in (app / "secret.key", tmp_path / "other.log", Path("/etc/passwd")):
        with pytest.raises(ToolFailed):
            await call(host, "host_log_tail", path=str(path))


async def test_a_configuration_in_a_system_folder_opens_only_itself(call: CallTool, settings: Settings) -> None:
    """`/etc/hostname` as a configuration does not open `/etc`."""
    service = Service(name="app", unit="app", process="app", config=Path("/etc/hostname"))
    host = registry.build(settings, Catalogue(services=[service]), home=settings.home)[0]
    assert (await call(host, "host_file", path="/etc/hostname"))["exists"]
    with pytest.raises(ToolFailed, match="outside"):
        await call(host, "host_file", path="/etc/passwd")


async def test_checks_say_what_to_do(settings: Settings, tmp_path: Path) -> None:
    """Unconfigured, broken: each has its own hint, and nothing raises."""
    assert [(c.name, c.configured, c.reachable) for c in await registry.checks(settings)] == [
        ("prometheus", False, None),
        ("ansible", False, None),
        ("jira", False, None),
        ("servicenow", False, None),
    ]
    nobody, secret = "http://127.0.0.1:1", SecretStr("secret")
    broken = settings.model_copy(
        update={
            "prometheus_url": SecretStr(nobody),
            "ansible_inventory": tmp_path / "nowhere",
            "jira_url": nobody,
            "jira_token": secret,
            "jira_project": "HELP",
            "servicenow_url": nobody,
            "servicenow_password": secret,
        }
    )
    found = await registry.checks(broken)
    assert [(c.configured, c.reachable) for c in found] == [(True, False)] * 4
    assert all(c.hint for c in found)


@pytest.mark.slow
@pytest.mark.parametrize(("text", "works"), [("localhost ansible_connection=local\n", True), ("[all\nx\n", False)])
async def test_ansible_reads_the_inventory_itself(settings: Settings, inventory: Path, text: str, works: bool) -> None:
    """Whether an inventory is right is Ansible's to say."""
    inventory.write_text(text)
    _, ansible, *_others = await registry.checks(settings.model_copy(update={"ansible_inventory": inventory}))
    assert ansible.reachable is works


@pytest.mark.parametrize("book", runbooks.load([runbooks.SHIPPED]), ids=lambda book: book.id)
def test_shipped_runbooks_pass_the_allow_list(book: runbooks.Runbook) -> None:
    """What we ship we may also run."""
    assert book.remedy is not None
    given = dict.fromkeys(book.remedy.variables, "x")
    assert review(book.remedy.playbook, given, DEFAULT_MODULES, {"service_manager"})[1] == []
