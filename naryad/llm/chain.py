"""The chain of models: asks the first provider that can answer, and never shows a token twice."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from enum import StrEnum

import structlog
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage

from naryad.errors import LLMUnavailable
from naryad.i18n import _
from naryad.llm import cache
from naryad.llm.assembly import answers, providers
from naryad.llm.breaker import Breaker, BreakerOpen, BreakerState
from naryad.llm.cache import Cache
from naryad.llm.draft import Draft, Emit, tidy
from naryad.llm.failure import Failure, settled, translated
from naryad.llm.provider import Provider, Request
from naryad.observability import Kind, degraded, operation
from naryad.settings import Settings
from naryad.tooling import Tool

__all__ = ["Chain", "Emit", "Link", "ProviderStatus", "Purpose", "build_chain"]

log = structlog.get_logger()

WAIT_FIRST_S = 0.5
"""Back-off before the first retry; it doubles, with up to as much jitter."""
WAIT_MAX_S = 8.0
"""Longest back-off, and the longest Retry-After that is worth waiting for."""
LONGEST_S = 900.0
"""Longest answer: a stream that gives a token now and then would otherwise never be given up."""


class Purpose(StrEnum):
    """What an answer is for: decides how long it may be reused."""

    TEXT = "text"
    ANALYSIS = "analysis"
    PLAYBOOK = "playbook"


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """One provider as `naryad doctor` shows it.

    Attributes:
        hint: Why it did not answer last time or cannot be used; empty when nothing stands against it.
    """

    name: str
    model: str
    breaker: BreakerState
    hint: str


@dataclass(slots=True)
class Link:
    """One provider of the chain with its breaker and the reason of its last failure."""

    provider: Provider
    breaker: Breaker
    trouble: str = ""


class Chain:
    """Providers in order of preference.

    Args:
        links: The providers; none of them means that every question raises `LLMUnavailable`.
        timeout_s: Seconds within which a provider's first token must come, retries included; also the
            longest gap between two tokens.
        retries: Further attempts at one provider.
        answers: Where answers are kept; None keeps none.
        ttl_s: How long, by purpose; 0 keeps none.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        timeout_s: float = 30,
        retries: int = 3,
        answers: Cache | None = None,
        ttl_s: dict[Purpose, float] | None = None,
    ) -> None:
        self._links, self._timeout_s, self._retries = list(links), timeout_s, retries
        self._answers, self._ttl_s = answers, ttl_s or {}

    @property
    def status(self) -> list[ProviderStatus]:
        """The providers in the order they are asked; sends nothing."""
        return [
            ProviderStatus(
                link.provider.name, link.provider.model, link.breaker.state, link.trouble or link.provider.hint()
            )
            for link in self._links
        ]

    async def check(self) -> list[ProviderStatus]:
        """The providers after a look at each: can it be reached, does it take the key. Costs no tokens."""
        for link in self._links:
            try:
                await settled(link.provider.check())
                link.trouble = ""
            except Failure as failure:
                link.trouble = failure.reason
        return self.status

    async def complete(
        self,
        messages: Sequence[BaseMessage],
        *,
        tools: Sequence[Tool] = (),
        purpose: Purpose = Purpose.TEXT,
        emit: Emit | None = None,
        max_tokens: int | None = None,
    ) -> AIMessage:
        """Ask for the next message of a conversation.

        Args:
            messages: The conversation.
            tools: What the model may call; each call of the answer gets an id made here.
            purpose: Decides how long an answer without tools may be reused.
            emit: Gets the tokens as they come; those after the last reset are the answer's text.
            max_tokens: Longest answer.

        Raises:
            LLMUnavailable: No provider answered.
        """
        request = Request(tidy(messages), tuple(tools), max_tokens)
        ttl_s = 0 if tools else self._ttl_s.get(purpose, 0)
        question = _Question(request, emit)
        for link in self._links:
            if found := await self._remembered(request, link, ttl_s):
                return await question.recall(found, link)
            try:
                answer = await self._ask(link, question)
            except Failure as failure:
                question.troubles.append(f"{link.provider.name}: {failure.reason}")
                log.warning("llm.provider.failed", provider=link.provider.name, reason=failure.reason)
                continue
            link.trouble = ""
            await self._remember(answer, request, link, ttl_s)
            return answer
        degraded()
        raise LLMUnavailable(_("No language model answered ({reasons}).").format(reasons=question.reasons))

    async def close(self) -> None:
        """End child processes and connections."""
        for link in self._links:
            await link.provider.close()
        if self._answers:
            await self._answers.close()

    async def _ask(self, link: Link, question: "_Question") -> AIMessage:
        """Ask one provider, again where that may help and the time to the first token is not used up."""
        import stamina

        budget = _Budget(self._timeout_s)

        def worth_waiting(error: Exception) -> bool | float:
            if not isinstance(error, Failure) or not error.retry or budget.left <= 0:
                return False
            if error.retry_after_s is None:
                return True
            return error.retry_after_s if error.retry_after_s <= min(WAIT_MAX_S, budget.left) else False

        async for attempt in stamina.retry_context(
            on=worth_waiting,
            attempts=self._retries + 1,
            timeout=None,  # the budget's: what a provider needs to get ready is not counted
            wait_initial=WAIT_FIRST_S,
            wait_max=WAIT_MAX_S,
            wait_jitter=WAIT_FIRST_S,
        ):
            with attempt:
                return await self._attempt(link, question, budget)
        raise AssertionError("the retries ended without an answer and without an error")

    async def _attempt(self, link: Link, question: "_Question", budget: "_Budget") -> AIMessage:
        try:
            asked = operation(Kind.MODEL, link.provider.model, provider=link.provider.name)
            with link.breaker.call() as verdict, asked as facts:
                draft = question.draft()
                try:
                    answer = await _streamed(link.provider, question.request, draft, budget)
                except Failure as failure:
                    link.trouble = failure.reason
                    if failure.counts:
                        verdict.failed()
                    await draft.withdraw(failure.reason)
                    raise
                verdict.succeeded()
                facts["usage"], facts["model"] = answer.usage_metadata, answer.response_metadata["model"]
                return answer
        except BreakerOpen:
            raise Failure(link.trouble or "failed before", retry=False, counts=False) from None

    async def _remembered(self, request: Request, link: Link, ttl_s: float) -> str | None:
        if not self._answers or not ttl_s:
            return None
        return await self._answers.get(cache.key(request, link.provider.model))

    async def _remember(self, answer: AIMessage, request: Request, link: Link, ttl_s: float) -> None:
        whole = answer.response_metadata["finish_reason"] == "stop" and not answer.tool_calls
        if self._answers and ttl_s and whole:
            await self._answers.put(cache.key(request, link.provider.model), answer.text, ttl_s)


class _Question:
    """One call of `complete`: what is asked, and the attempts at it so far."""

    def __init__(self, request: Request, emit: Emit | None) -> None:
        self.request, self._emit = request, emit
        self.troubles: list[str] = []
        self._attempts = 0

    @property
    def reasons(self) -> str:
        return "; ".join(self.troubles) or _("none is configured")

    def draft(self) -> Draft:
        self._attempts += 1
        return Draft(self._attempts, self._emit)

    async def recall(self, text: str, link: Link) -> AIMessage:
        """Give an answer that was kept, as if it had just been said."""
        draft = self.draft()
        await draft.add(AIMessageChunk(content=text, response_metadata={"finish_reason": "stop"}))
        return await draft.finish(provider=link.provider.name, model=link.provider.model, cached="yes")


class _Budget:
    """The time that is left to a provider's first token."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._until - time.monotonic()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._until += time.monotonic() - began


async def _streamed(provider: Provider, request: Request, draft: Draft, budget: _Budget) -> AIMessage:
    with budget.standing_still():
        await settled(provider.ready())
    stream = provider.stream(request, first_token_s=max(budget.left, 0.001))
    try:
        async with asyncio.timeout(LONGEST_S), aclosing(translated(stream)) as chunks:
            async for chunk in chunks:
                await draft.add(chunk)
    except TimeoutError:
        raise Failure("the answer does not end", retry=False, counts=True) from None
    return await draft.finish(provider=provider.name, model=provider.model)


def build_chain(settings: Settings, asked: Sequence[Provider] | None = None) -> Chain:
    """Put the chain together as the settings say; imports and starts nothing heavy.

    Args:
        settings: Say how long is waited, how often is tried and what is kept.
        asked: Providers in place of those that the settings name.

    Raises:
        ConfigError: A script file is wrong, or a library that a setting needs is not installed.
    """
    links = [
        Link(provider, Breaker(settings.breaker_failures, settings.breaker_timeout_s, settings.breaker_successes))
        for provider in (providers(settings) if asked is None else asked)
    ]
    return Chain(
        links,
        timeout_s=settings.llm_timeout_s,
        retries=settings.llm_max_retries,
        answers=answers(settings),
        ttl_s={
            Purpose.TEXT: settings.cache_ttl_text_s,
            Purpose.ANALYSIS: settings.cache_ttl_analysis_s,
            Purpose.PLAYBOOK: settings.cache_ttl_playbook_s,
        },
    )
