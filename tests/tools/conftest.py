"""How a test calls a tool: through its own argument model and with a permit, as the gate does."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import pytest

from naryad.tooling import Toolset, permit


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
