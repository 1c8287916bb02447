"""Any OpenAI-compatible server: OpenAI, vLLM, Ollama."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk
from pydantic import SecretStr

from naryad.llm.provider import Request, paced

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI

CHECK_S = 5.0
"""Longest wait for a sign of the server when nothing is asked of the model."""


class OpenAIProvider:
    """A model behind the OpenAI chat-completions protocol. One of `naryad.llm.provider.Provider`.

    Args:
        model: Name of the model at the server.
        base_url: Address up to `/v1`.
        api_key: None for servers that ask for none.
        timeout_s: Longest gap between two chunks.
        official: OpenAI itself; others know the older name of the token limit only.
        direct: Ignore the environment's proxies.
    """

    def __init__(
        self,
        *,
        model: str,
        base_url: str,
        api_key: SecretStr | None = None,
        timeout_s: float = 30,
        official: bool = False,
        direct: bool = False,
        name: str = "openai",
    ) -> None:
        self.name, self.model = name, model
        self.base_url, self._api_key = base_url, api_key
        self._timeout_s, self._official, self._direct = timeout_s, official, direct
        self._client: ChatOpenAI | None = None

    def hint(self) -> str:
        """Nothing is known before the first question."""
        return ""

    async def ready(self) -> None:
        """Import and build the client: about a second, so in a thread and only when it is needed."""
        if self._client is None:
            self._client = await asyncio.to_thread(self._connect)

    async def stream(
        self, request: Request, *, first_token_s: float, extra: dict[str, Any] | None = None
    ) -> AsyncGenerator[AIMessageChunk]:
        """Stream the next message; see `Provider`.

        Args:
            request: The question.
            first_token_s: Longest wait for the first chunk.
            extra: Further fields of the request's body.
        """
        await self.ready()
        assert self._client is not None
        options: dict[str, Any] = {"extra_body": dict(extra or {})}
        if request.tools:
            options["tools"] = [tool.schema for tool in request.tools]
        if request.max_tokens and self._official:
            options["max_completion_tokens"] = request.max_tokens
        elif request.max_tokens:
            options["extra_body"]["max_tokens"] = request.max_tokens
        # No callbacks: a tracer of the caller's graph would see the raw tokens, thinking included.
        chunks = self._client.astream(list(request.messages), config={"callbacks": []}, **options)
        async for chunk in paced(chunks, first_token_s, self._timeout_s):
            yield chunk

    async def check(self) -> None:
        """List the server's models: shows whether it is reached and takes the key."""
        await self.ready()
        assert self._client is not None
        await self._client.root_async_client.models.list(timeout=CHECK_S)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.root_async_client.close()
            self._client = None

    def _connect(self) -> "ChatOpenAI":
        from langchain_openai import ChatOpenAI
        from openai import DefaultAsyncHttpxClient

        class Client(ChatOpenAI):
            def _get_request_payload(self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any) -> Any:
                """LangChain sends null as the content of a tool call; chat templates such as Qwen3's break on it."""
                payload = super()._get_request_payload(input_, stop=stop, **kwargs)
                for message in payload["messages"]:
                    if message.get("content") is None:
                        message["content"] = ""
                return payload

        # A client of our own: LangChain's default one is shared by the whole process, so it could not be closed.
        http = DefaultAsyncHttpxClient(trust_env=not self._direct)
        return Client(
            model=self.model,
            base_url=self.base_url,
            api_key=self._api_key or SecretStr("none"),
            http_async_client=http,
            max_retries=0,
            timeout=self._timeout_s,
            stream_chunk_timeout=None,
            stream_usage=True,
            use_responses_api=False,
        )
