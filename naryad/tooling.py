"""How a tool is declared: a typed async method of a toolset, its risk, and what surrounds its effect."""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic_core import to_jsonable_python

from naryad.canonical import digest

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])
S = TypeVar("S", bound="Toolset")


class Risk(StrEnum):
    """What a call can do to the outside world."""

    READ = "read"
    """No effect."""
    WRITE = "write"
    """Reversible, or inside our own system."""
    DESTRUCTIVE = "destructive"
    """Changes infrastructure, moves money, deletes, mass-mails, or cannot be undone."""


class Settled(StrEnum):
    """What the external system knows of an effect that a crash cut short."""

    HAPPENED = "happened"
    NOT_STARTED = "not_started"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ToolCard:
    """What a declared method says about itself; companions take the method's own arguments.

    Attributes:
        confirm: The operator's question, formatted from the arguments by code.
        preview: What will happen, computed from the real system.
        precondition: Fingerprint of the state that the approval is given for.
        idempotent: Repeating the call with the same arguments changes nothing more.
        reconcile: Asks the system whether the effect with the key took place.
        verify: Whether the effect helped.
        rollback: Undoes the effect; covered by the same approval.
        own: Fields of the answer, by their names anywhere in it, whose values our own systems vouch for: ids, names of
            an inventory; `*` for all. The rest is text that anybody may have written.
        targets: The arguments that say whom or what the effect is about; None for all of them. Of the others only
            links, addresses and accounts are looked at: a model may word a text.
        asked: A regular expression found in the words of whoever asks for this; empty where words cannot tell.
        timeout_s: Seconds after which the call is cut.
        budget_chars: Longest answer the model gets; the rest is read through a handle.
    """

    risk: Risk
    confirm: str = ""
    preview: Callable[..., Awaitable[str]] | None = None
    precondition: Callable[..., Awaitable[str]] | None = None
    idempotent: bool = False
    reconcile: Callable[..., Awaitable[Settled]] | None = None
    verify: Callable[..., Awaitable[bool]] | None = None
    rollback: Callable[..., Awaitable[Any]] | None = None
    own: tuple[str, ...] = ()
    targets: tuple[str, ...] | None = None
    asked: str = ""
    timeout_s: float = 30.0
    budget_chars: int = 8_000


@overload
def tool(
    risk: Literal[Risk.READ], *, own: tuple[str, ...] = (), timeout_s: float = 30.0, budget_chars: int = 8_000
) -> Callable[[F], F]: ...


@overload
def tool(
    risk: Risk,
    *,
    confirm: str,
    preview: Callable[Concatenate[S, P], Awaitable[str]],
    precondition: Callable[Concatenate[S, P], Awaitable[str]],
    idempotent: bool = False,
    reconcile: Callable[Concatenate[S, str, P], Awaitable[Settled]] | None = None,
    verify: Callable[Concatenate[S, P], Awaitable[bool]] | None = None,
    rollback: Callable[Concatenate[S, P], Awaitable[Any]] | None = None,
    own: tuple[str, ...] = (),
    targets: tuple[str, ...] | None = None,
    asked: str = "",
    timeout_s: float = 30.0,
    budget_chars: int = 8_000,
) -> Callable[[Callable[Concatenate[S, P], Awaitable[T]]], Callable[Concatenate[S, P], Awaitable[T]]]: ...


def tool(risk: Risk, **parts: Any) -> Callable[[Any], Any]:
    """Declare a method of a toolset as a tool; see `ToolCard` for what each part means.

    `reconcile` gets the effect's key before the method's own arguments. A tool that is neither
    idempotent nor reconcilable is reported as unknown after a crash and never run again.

    Raises:
        TypeError: At import, when a tool above READ lacks its question, preview or precondition.
    """
    card = ToolCard(risk, **parts)
    if risk is not Risk.READ:
        missing = [part for part in ("confirm", "preview", "precondition") if not getattr(card, part)]
        if missing:
            raise TypeError(f"a {risk.value} tool must declare {', '.join(missing)}")

    def declare(fn: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        _check(fn, card)

        @wraps(fn)
        async def only_through_the_gate(self: Toolset, /, **kwargs: Any) -> Any:
            permitted = _permit.get()
            _permit.set(None)
            if permitted != (f"{self.prefix}_{fn.__name__}", digest(to_jsonable_python(kwargs))):
                raise PermissionError(f"{fn.__name__} was called without the gate")
            return await fn(self, **kwargs)

        only_through_the_gate.__tool_card__ = card  # type: ignore[attr-defined]
        return only_through_the_gate

    return declare


def _check(fn: Callable[..., Any], card: ToolCard) -> None:
    """What would otherwise fail when a model calls the tool or a person is asked fails at import."""
    parameters = list(inspect.signature(fn).parameters.values())[1:]
    if not inspect.iscoroutinefunction(fn):
        raise TypeError(f"{fn.__name__} must be `async def`; a blocking library runs in a thread")
    if not fn.__doc__:
        raise TypeError(f"{fn.__name__} needs a docstring: it is what the model sees")
    if bare := [p.name for p in parameters if p.annotation is p.empty]:
        raise TypeError(f"{fn.__name__} has arguments without a type: {', '.join(bare)}")
    named = {*re.findall(r"{(\w+)", card.confirm), *(card.targets or ())}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)  # of a foreign tool, described by its own schema
    if (unknown := named - {p.name for p in parameters}) and not takes_any:
        raise TypeError(
            f"the question or targets of {fn.__name__} name unknown arguments: {', '.join(sorted(unknown))}"
        )
    re.compile(card.asked)


class Toolset:
    """Base of an integration's tools; subclasses hold its client."""

    prefix: str

    def tools(self) -> "list[Tool]":
        """List the declared tools, bound to this instance, in the order of their declaration.

        Raises:
            TypeError: A subclass overrides a tool without declaring it anew.
        """
        names = dict.fromkeys(
            name for cls in reversed(type(self).__mro__) for name, member in vars(cls).items() if _card(member)
        )
        members = {name: getattr(type(self), name) for name in names}
        if bare := [name for name, member in members.items() if not _card(member)]:
            raise TypeError(f"{type(self).__name__} overrides {', '.join(bare)} without @tool")
        return [Tool(f"{self.prefix}_{name}", _card(member), self, member) for name, member in members.items()]


def _card(member: Any) -> Any:
    return getattr(member, "__tool_card__", None)


@dataclass(frozen=True)
class Tool:
    """One callable tool. Only `naryad.gate` may run it."""

    name: str
    card: ToolCard
    owner: Toolset
    method: Callable[..., Awaitable[Any]]

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The arguments as a strict model: no unknown fields, no coercion."""
        described = {p.arg_name: p.description for p in self._doc.params}
        hints = get_type_hints(inspect.unwrap(self.method), include_extras=True)
        fields: dict[str, Any] = {}
        for name, parameter in list(inspect.signature(self.method).parameters.items())[1:]:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (hints[name], Field(default, description=described.get(name)))
        config = ConfigDict(strict=True, extra="forbid")
        return create_model(self.name, __config__=config, **fields)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The tool as an OpenAI function, with the docstring as its description."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("title", None)
        text = "\n\n".join(filter(None, [self._doc.short_description, self._doc.long_description]))
        return {
            "type": "function",
            "function": {"name": self.name, "description": text, "parameters": parameters},
        }

    @cached_property
    def _doc(self) -> docstring_parser.Docstring:
        return docstring_parser.parse_from_object(inspect.unwrap(self.method))


_permit: ContextVar[tuple[str, str] | None] = ContextVar("permit", default=None)
_effect_key: ContextVar[str] = ContextVar("effect_key", default="")


_progress: ContextVar[Callable[[str], None]] = ContextVar("progress", default=lambda _text: None)


@contextmanager
def permit(
    tool: Tool, arguments: dict[str, Any], *, effect: str = "", progress: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Let exactly one call of exactly these arguments through. Only `naryad.gate.gate` may use it.

    Args:
        effect: The effect's key, which the tool reads with `effect_key()`.
        progress: Takes the tool's `progress` lines; may be called from any thread.
    """
    tokens: list[tuple[ContextVar[Any], Token[Any]]] = [
        (_permit, _permit.set((tool.name, digest(to_jsonable_python(arguments))))),
        (_effect_key, _effect_key.set(effect)),
        (_progress, _progress.set(progress or _progress.get())),
    ]
    try:
        yield
    finally:
        for variable, token in tokens:
            variable.reset(token)


def effect_key() -> str:
    """Key of the effect that runs now: stable over retries and restarts, unique to one approval."""
    return _effect_key.get()


def progress() -> Callable[[str], None]:
    """The present call's progress line: tells watchers what a long tool does now; safe from any thread."""
    return _progress.get()
