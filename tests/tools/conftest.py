"""How a test calls a tool: through its own argument model and with a permit, as the gate does."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import pytest

from naryad.tooling import Toolset, permit
from tools.ansible.client import AnsibleClient
from tools.ansible.tools import AnsibleTools


class CallTool(Protocol):
    def __call__(
        self,
        toolset: Toolset,
        name: str,
        /,
        *,
        effect: str = "",
        progress: Callable[[str], None] | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, Any]: ...


@pytest.fixture
def call() -> CallTool:
    """Validate the arguments strictly, then run the tool once under a permit."""

    async def run(
        toolset: Toolset,
        name: str,
        /,
        *,
        effect: str = "",
        progress: Callable[[str], None] | None = None,
        **kwargs: Any,
    ) -> Any:
        tool = next(tool for tool in toolset.tools() if tool.name == name)
        model = tool.arguments.model_validate(kwargs)
        arguments = {field: getattr(model, field) for field in tool.arguments.model_fields}
        with permit(tool, arguments, effect=effect, progress=progress):
            return await tool.method(tool.owner, **arguments)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "managed").mkdir()
    return tmp_path / "managed"


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.ini"
    path.write_text("localhost ansible_connection=local db_password=hunter2\n")
    return path


@pytest.fixture
def client(tmp_path: Path, inventory: Path) -> AnsibleClient:
    return AnsibleClient(inventory, home=tmp_path / "ansible")


@pytest.fixture
def ansible(client: AnsibleClient) -> AnsibleTools:
    return AnsibleTools(client)
