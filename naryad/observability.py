"""How the product is watched from outside: logs, and what its agents, models and tools do, as metrics and spans."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from naryad.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from naryad.settings import Settings

TRACES = "/v1/traces"
SEND_S = 5
"""How long a collector may take; what it does not take is lost."""


class Kind(StrEnum):
    """What is done, by the name that OpenTelemetry's GenAI conventions have for it."""

    AGENT = "invoke_agent"
    MODEL = "chat"
    TOOL = "execute_tool"


@dataclass(slots=True)
class Operation:
    """Something that takes time.

    Attributes:
        kind: What it is.
        name: The agent, the model or the tool.
        facts: What is known of it, at its end more than at its beginning; never a prompt, an argument or a result.
        error: The kind of the error that ended it; empty for none.
        agent: Whose run it belongs to, or is; empty outside of runs.
        aside: Whether it is no work of the company's, such as a canary's; its figures would falsify the others.
    """

    kind: Kind
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    agent: str = ""
    aside: bool = False


_run: ContextVar[Operation | None] = ContextVar("run", default=None)
"""The run that goes on here: what models and tools do inside it is its agent's."""
_aside: ContextVar[bool] = ContextVar("aside", default=False)
Watch = Callable[[Operation], AbstractContextManager[None]]
_watches: list[Watch] = []
"""Who watches this process: whoever opens a server puts its own in, and takes them out at its end."""


@contextmanager
def operation(kind: Kind, name: str, **facts: Any) -> Iterator[dict[str, Any]]:
    """Do something under the eyes of whoever watches; gives out its facts, to be added to."""
    around = _run.get()
    agent = name if kind is Kind.AGENT else around.agent if around else ""
    seen = Operation(kind, name, facts, agent=agent, aside=_aside.get())
    with ExitStack() as watching:
        if kind is Kind.AGENT:
            watching.callback(_run.reset, _run.set(seen))
        for watch in _watches:
            watching.enter_context(watch(seen))
        try:
            yield seen.facts
        except BaseException as error:
            seen.error = type(error).__name__
            raise
        finally:
            if kind is Kind.MODEL and around:
                used = (seen.facts.get("usage") or {}).get("total_tokens", 0)
                around.facts["tokens"] = around.facts.get("tokens", 0) + used


def degraded() -> None:
    """Note that the run that goes on here must do without a model."""
    if run := _run.get():
        run.facts["degraded"] = True


@contextmanager
def aside() -> Iterator[None]:
    """What is done in the block, and in tasks begun in it, is no work of the company's."""
    token = _aside.set(True)
    try:
        yield
    finally:
        _aside.reset(token)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let somebody watch inside the block."""
    _watches.append(watch)
    try:
        yield
    finally:
        _watches.remove(watch)


@asynccontextmanager
async def traced(settings: "Settings") -> AsyncIterator[None]:
    """Send spans to OTEL_EXPORTER_OTLP_ENDPOINT inside the block; nothing where it is not set.

    Raises:
        ConfigError: It is set, and the library is not installed.
    """
    if not settings.otlp_endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        text = "needs pip install 'naryad[otel]'"
        raise ConfigError(text, source="environment", field="OTEL_EXPORTER_OTLP_ENDPOINT") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "naryad"}))
    exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint.rstrip("/") + TRACES, timeout=SEND_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        with watched(spans(provider.get_tracer("naryad"))):
            yield
    finally:
        await asyncio.to_thread(provider.shutdown)  # it sends what is left


def spans(tracer: "Tracer") -> Watch:
    """A watch that makes a span of every operation, a child of the one around it."""
    from opentelemetry.trace import SpanKind, Status, StatusCode

    kinds = {Kind.MODEL: SpanKind.CLIENT}

    @contextmanager
    def watch(seen: Operation) -> Iterator[None]:
        kind = kinds.get(seen.kind, SpanKind.INTERNAL)
        with tracer.start_as_current_span(
            f"{seen.kind} {seen.name}",
            kind=kind,
            attributes=_attributes(seen),
            record_exception=False,  # its message may quote what nobody outside may read
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            finally:
                span.set_attributes(_attributes(seen))
                if seen.error:
                    span.set_attribute("error.type", seen.error)
                    span.set_status(Status(StatusCode.ERROR))

    return watch


def _attributes(seen: Operation) -> Mapping[str, Any]:
    facts = seen.facts
    usage = facts.get("usage") or {}
    named: dict[Kind, dict[str, Any]] = {
        Kind.AGENT: {"gen_ai.agent.name": seen.name},
        Kind.MODEL: {"gen_ai.request.model": seen.name, "gen_ai.provider.name": facts.get("provider")},
        Kind.TOOL: {"gen_ai.tool.name": seen.name, "gen_ai.tool.type": "function"},
    }
    told = {
        "gen_ai.operation.name": seen.kind.value,
        **named[seen.kind],
        "gen_ai.conversation.id": facts.get("thread"),
        "gen_ai.tool.call.id": facts.get("call"),
        "gen_ai.response.model": facts.get("model"),
        "gen_ai.usage.input_tokens": usage.get("input_tokens"),
        "gen_ai.usage.output_tokens": usage.get("output_tokens"),
        "naryad.outcome": facts.get("outcome"),
        "naryad.tool.risk": facts.get("risk"),
    }
    return {name: value for name, value in told.items() if value is not None}


def quiet_logs(wanted: str = "") -> None:
    """Logs go to stderr, from warnings up; NARYAD_LOG=info or debug shows more. Secrets are masked.

    Args:
        wanted: The level, once the settings are read: it may stand in `.env`.
    """
    import logging

    import structlog

    from naryad import masking

    def mask(_logger: Any, _method: str, event: Any) -> Any:
        return masking.in_value(dict(event), masking.secrets)

    level = getattr(logging, (wanted or os.environ.get("NARYAD_LOG", "warning")).upper(), logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True),
            structlog.processors.format_exc_info,
            mask,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
