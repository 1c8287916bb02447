"""A call whose tool is known and whose arguments are valid."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from naryad import canonical
from naryad.behalf import Behalf, on_behalf
from naryad.errors import OutcomeUnknown, ToolFailed
from naryad.gate.answer import Call, Caller
from naryad.i18n import _
from naryad.tooling import Tool

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What would run, for whom.

    Attributes:
        arguments: As the tool's method takes them.
        args_json: Their canonical spelling; `sha256` is its digest.
        asked_sha256: Digest of what the model asked for; differs from `sha256` after an edit.
    """

    tool: Tool
    call: Call
    caller: Caller
    arguments: BaseModel
    args_json: str
    sha256: str
    asked_sha256: str

    @property
    def kwargs(self) -> dict[str, Any]:
        """The arguments by name."""
        return {name: getattr(self.arguments, name) for name in type(self.arguments).model_fields}

    @property
    def plain(self) -> dict[str, Any]:
        """The arguments as JSON."""
        return self.arguments.model_dump(mode="json")

    def behalf(self) -> AbstractContextManager[None]:
        """Let what runs inside know whom it serves."""
        return on_behalf(Behalf(self.caller.agent, self.caller.thread_id, self.caller.principal))

    def changed(self, args: Mapping[str, Any]) -> "Request":
        """The same call with the arguments that a person put in place of the model's."""
        return prepare(self.tool, self.call, self.caller, args, asked_sha256=self.asked_sha256)

    def question(self) -> str:
        """The operator's question in one line; a read tool that the policy asks about has none of its own."""
        if not self.tool.card.confirm:
            return f"{self.tool.name} {self.args_json}"
        return _(self.tool.card.confirm).format(**self.plain)

    async def companion(self, name: str, *before: Any) -> Any:
        """Call one of the tool's companions (preview, precondition, …) with its time limit.

        Raises:
            ToolFailed: It failed, broke or took too long.
        """
        companion = getattr(self.tool.card, name)
        if companion is None:
            return None
        try:
            async with asyncio.timeout(self.tool.card.timeout_s):
                with self.behalf():
                    return await companion(self.tool.owner, *before, **self.kwargs)
        except ToolFailed:
            raise
        except TimeoutError as error:
            text = f"{self.tool.name}: {name} took longer than {self.tool.card.timeout_s:g} s"
            raise OutcomeUnknown(text) from error
        except Exception as bug:  # a tool's own bug must not end the agent's run
            log.exception("tool.companion.broke", tool=self.tool.name, companion=name)
            raise OutcomeUnknown(f"{self.tool.name}: {name} broke ({type(bug).__name__})") from bug


def prepare(tool: Tool, call: Call, caller: Caller, args: Mapping[str, Any], *, asked_sha256: str = "") -> Request:
    """Validate arguments strictly.

    Raises:
        ToolFailed: They do not fit the tool; the message is for the model.
    """
    try:
        # Through JSON, so that strictness is JSON's: an enum or a date may be spelled as text, a number may not.
        arguments = tool.arguments.model_validate_json(to_json(dict(args)))
        args_json = canonical.encode(arguments.model_dump(mode="json"))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ToolFailed(f"Wrong arguments for {tool.name}: {field}: {first['msg']}") from None
    except ValueError as error:
        raise ToolFailed(f"Wrong arguments for {tool.name}: {error}") from None
    sha256 = canonical.digest(arguments.model_dump(mode="json"))
    return Request(tool, call, caller, arguments, args_json, sha256, asked_sha256 or sha256)
