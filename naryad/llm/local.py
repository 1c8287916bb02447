"""A model of our own: a GGUF file in a llama.cpp child process, spoken to as an OpenAI-compatible server."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pydantic_core
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.messages.tool import tool_call_chunk

from naryad import prompts
from naryad.llm import local_tools
from naryad.llm.failure import Failure
from naryad.llm.local_server import LocalServer
from naryad.llm.local_tools import BadAnswer
from naryad.llm.openai import OpenAIProvider
from naryad.llm.provider import Request

REPAIRS = 2
"""Further tries when the model's JSON is not a valid turn."""
MAX_TOKENS = 1024
"""Longest answer where the caller names no limit: the server's own default is the whole context."""
COLD_S = 300.0
"""Longest wait for the first token. A CPU needs minutes to read a long prompt for the first time, and a second once
its beginning is known; so a working server is waited for, while one that hangs is noticed by `LIFE_SIGN_S`."""
LIFE_SIGN_S = 10.0
"""How often, and for how long, the server is asked for a sign of life while it answers."""
FRAME_TOKENS = 8
"""What a chat template puts around one message, generously."""
QUEUE = 8
"""Requests that may wait for the one slot; at a CPU's pace more would wait longer than people do."""


class LocalProvider:
    """One of `naryad.llm.provider.Provider`; answers one request at a time.

    Args:
        path: The GGUF file.
        log: Where the server's output goes.
        gap_s: Longest gap between two tokens.
        context: Tokens that prompt and answer may have together.
    """

    name = "local"

    def __init__(self, path: Path, *, log: Path, gap_s: float = 30, context: int = 8192) -> None:
        self.model = path.name
        self.server = LocalServer(path, log_file=log, context=context)
        self._gap_s = gap_s
        self._slot = asyncio.Lock()
        self._waiting = 0
        self._http: OpenAIProvider | None = None

    def hint(self) -> str:
        """What keeps it from being used."""
        return self.server.hint()

    async def ready(self) -> None:
        """Start the server where it does not run, and load the model: seconds to a minute.

        Raises:
            Failure: It cannot be started.
        """
        await self.server.ready()
        if self._http is None or self._http.base_url != self.server.url:
            if self._http:
                await self._http.close()
            self._http = OpenAIProvider(
                model="local", base_url=self.server.url, api_key=self.server.key, timeout_s=self._gap_s, direct=True
            )
        await self._http.ready()

    async def stream(self, request: Request, *, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
        """Stream the next message; see `Provider`. The first token has `COLD_S` seconds once the slot is free.

        Raises:
            Failure: The server cannot be used, its queue is full, or the model found no valid answer.
        """
        if self._waiting >= QUEUE:
            raise Failure("is busy: its queue is full", retry=False, counts=False)
        self._waiting += 1
        try:
            await self._slot.acquire()
        finally:
            self._waiting -= 1
        try:
            await self.ready()
            assert self._http is not None
            turn = _tool_turn if request.tools else _text_turn
            await self._must_fit(request)
            patience_s = max(first_token_s, COLD_S)
            async with self._watched(), aclosing(turn(self._http, request, patience_s)) as chunks:
                async for chunk in chunks:
                    chunk.response_metadata.pop("model_name", None)  # its file names it, whatever the server calls it
                    yield chunk
            self.server.worked()
        finally:
            self._slot.release()

    async def _must_fit(self, request: Request) -> None:
        """The server breaks the connection over a prompt that is too long, which would look like its death."""
        messages = local_tools.conversation(request.messages, request.tools)
        count = await self.server.count("\n".join(message.text for message in messages))
        if count + FRAME_TOKENS * (len(messages) + 1) >= self.server.context:
            reason = f"the conversation has {count} tokens, too many for {self.server.context}"
            raise Failure(reason, retry=False, counts=False)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """End the server when it hangs, so that its stream breaks."""

        async def watch() -> None:
            while True:
                await asyncio.sleep(LIFE_SIGN_S)
                await self.server.end_if_stuck(LIFE_SIGN_S)

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()

    async def check(self) -> None:
        """Look whether it could be started; does not load the model.

        Raises:
            Failure: It could not.
        """
        if hint := self.hint():
            raise Failure(hint, retry=False, counts=False)

    async def close(self) -> None:
        """End the child process."""
        if self._http:
            await self._http.close()
            self._http = None
        await self.server.close()


async def _text_turn(http: OpenAIProvider, request: Request, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
    spoken = Request(local_tools.conversation(request.messages, ()), max_tokens=request.max_tokens or MAX_TOKENS)
    async with aclosing(http.stream(spoken, first_token_s=first_token_s)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _tool_turn(http: OpenAIProvider, request: Request, first_token_s: float) -> AsyncGenerator[AIMessageChunk]:
    """Let the model write one JSON object; its answer is passed on while it is written."""
    messages = local_tools.conversation(request.messages, request.tools)
    extra = {"response_format": {"type": "json_object", "schema": local_tools.schema(request.tools)}}
    for _attempt in range(REPAIRS + 1):
        spoken = Request(messages, max_tokens=request.max_tokens or MAX_TOKENS)
        written, shown, ending = "", "", ""
        async with aclosing(http.stream(spoken, first_token_s=first_token_s, extra=extra)) as chunks:
            async for chunk in chunks:
                written += chunk.text
                ending = chunk.response_metadata.get("finish_reason") or ending
                answer = _answer_so_far(written)
                if len(answer) > len(shown):
                    yield AIMessageChunk(content=answer[len(shown) :])
                    shown = answer
        if not ending:
            return  # it broke off: the chain sees no finish_reason
        if shown and ending == "length":
            yield AIMessageChunk(content="", response_metadata={"finish_reason": ending})
            return
        try:
            said = local_tools.read(written, request.tools)
        except BadAnswer as problem:
            if shown:
                raise Failure("wrote more than its answer", retry=True, counts=False) from None
            repair = prompts.load("local", "repair").render(problem=problem)
            messages = (*messages, AIMessage(written), HumanMessage(repair))
            continue
        if isinstance(said, str):
            yield AIMessageChunk(content=said[len(shown) :], response_metadata={"finish_reason": "stop"})
        else:
            call = tool_call_chunk(name=said[0], args=json.dumps(said[1]), id=None, index=0)
            yield AIMessageChunk(content="", tool_call_chunks=[call], response_metadata={"finish_reason": "tool_calls"})
        return
    raise Failure("found no valid tool call", retry=False, counts=False)


def _answer_so_far(written: str) -> str:
    """The text of a final answer that is still being written; empty for a tool call."""
    try:
        said = pydantic_core.from_json(written, allow_partial="trailing-strings")
    except ValueError:
        return ""
    answer = said.get("answer") if isinstance(said, dict) and len(said) == 1 else None
    return answer if isinstance(answer, str) else ""
