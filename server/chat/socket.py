"""One WebSocket: signed in by its first message, told of what it asks for, cut when it is too slow."""

import asyncio
from contextlib import ExitStack, aclosing, suppress
from typing import Any, NoReturn

from pydantic import ValidationError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from naryad.accounts.api_keys import Scope
from naryad.auth import Role
from naryad.errors import NaryadError, NotFound
from naryad.events import FEED, EventType
from naryad.tails import Waker
from server.access import Caller, Needs
from server.chat.schemas import Command, Subscription
from server.errors import Denied
from server.parts import Parts
from server.stream import LONGEST_S, SEND_S, spelled, told

FIRST_S = 10.0
"""How long a client may take to show its token."""
MOST_THREADS = 100
MOST_CHARS = 16_000
BAD, UNAUTHORIZED, FORBIDDEN, SLOW, TOO_MUCH = 4400, 4401, 4403, 4408, 4429
REASON_BYTES = 123
"""What a close frame has room for."""
_chatting = Needs(*Role, scope=Scope.CHAT)


class _Cut(Exception):
    """The connection ends, and its client is told why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Conversation:
    """What one client is told, each subscription by a task of its own: one page of events is all that it holds."""

    def __init__(self, socket: WebSocket, parts: Parts) -> None:
        self._socket, self._parts = socket, parts
        self._events = parts.crew.runtime.events
        self._turn = asyncio.Lock()
        self._followed: dict[str, Waker] = {}
        self._held = ExitStack()

    async def hold(self) -> None:
        """Serve the client until it leaves, or must."""
        await self._socket.accept()
        cuts: list[BaseException] = []
        try:
            with self._held:
                async with asyncio.TaskGroup() as group:
                    await self._listen(group)
        except* WebSocketDisconnect:
            pass
        except* _Cut as ended:
            cuts = _leaves(ended)
        for cut in cuts[:1]:
            assert isinstance(cut, _Cut)
            with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):  # it may have left meanwhile
                async with asyncio.timeout(SEND_S):
                    reason = cut.reason.encode()[:REASON_BYTES].decode(errors="ignore")
                    await self._socket.close(cut.code, reason)

    async def _listen(self, group: asyncio.TaskGroup) -> NoReturn:
        caller: Caller | None = None
        until = asyncio.get_running_loop().time() + FIRST_S
        while True:
            command = await self._command(until)
            await self._count(caller)
            if command.token:
                caller = await self._signed_in(command.token, caller)
                until = asyncio.get_running_loop().time() + LONGEST_S
                await self._tell({"ready": caller.person.id})
            if caller is None:
                raise _Cut(UNAUTHORIZED, "the first message must hold a token")
            if command.unsubscribe and (waker := self._followed.pop(_name(command.unsubscribe), None)):
                waker.close()
            if command.subscribe:
                await self._subscribe(group, caller, command.subscribe)

    async def _command(self, until: float) -> Command:
        try:
            async with asyncio.timeout_at(until):
                said = await self._socket.receive_text()
            if len(said) > MOST_CHARS:
                raise _Cut(BAD, "this message is too long")
            return Command.model_validate_json(said)
        except TimeoutError:
            raise _Cut(UNAUTHORIZED, "send a token that is valid now") from None
        except ValidationError as error:
            raise _Cut(BAD, f"this message does not fit: {_first(error)}") from None
        except KeyError:  # it sent bytes
            raise _Cut(BAD, "this message does not fit: send text") from None

    async def _count(self, caller: Caller | None) -> None:
        """Count one command of a caller who is known; an unknown one has but one."""
        if caller is None:
            return
        most = self._parts.settings.socket_commands
        if wait := await self._parts.limiter.take("command", caller.account.id, most=most):
            raise _Cut(TOO_MUCH, f"too many commands: {most} a minute; come back in {wait} s")

    async def _signed_in(self, token: str, before: Caller | None) -> Caller:
        """The caller, by the same rules as a header with this token."""
        header = [(b"authorization", f"Bearer {token}".encode())]
        try:
            caller = await _chatting(HTTPConnection({**self._socket.scope, "headers": header}), self._parts)
        except Denied as denied:
            raise _Cut(UNAUTHORIZED, denied.code) from None
        if before is None:
            try:
                self._held.enter_context(self._parts.streams.one(caller.account.id))
            except Denied:
                raise _Cut(TOO_MUCH, f"too many streams: {self._parts.settings.streams} an account") from None
        elif before.person.id != caller.person.id:
            raise _Cut(UNAUTHORIZED, "this is another person's token")
        if FEED in self._followed and Role.OPERATOR not in caller.person.roles:
            raise _Cut(FORBIDDEN, "the feed is for operators")
        return caller

    async def _subscribe(self, group: asyncio.TaskGroup, caller: Caller, wanted: Subscription) -> None:
        name, after = _name(wanted), wanted.after
        try:
            if wanted.thread:
                await self._parts.threads.get(wanted.thread, caller.person)
            elif Role.OPERATOR not in caller.person.roles:
                raise NotFound("There is no feed.")
            if len(self._followed) >= MOST_THREADS and name not in self._followed:
                raise NaryadError(f"One connection follows {MOST_THREADS} threads at most.")
        except NaryadError as refusal:
            await self._tell({"error": refusal.message, "thread": wanted.thread})
            return
        if after is None and wanted.feed:
            newest = await self._events.last(FEED, *EventType)
            after = newest.seq if newest else 0
        if waker := self._followed.get(name):
            waker.close()
        self._followed[name] = Waker()
        await self._tell({"subscribed": name, "after": after or 0})
        group.create_task(self._follow(name, self._followed[name], after or 0))

    async def _follow(self, thread_id: str, waker: Waker, after: int) -> None:
        async with aclosing(self._events.follow(thread_id, after, waker)) as events:
            async for event in events:
                await self._tell(told(event))

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            async with self._turn, asyncio.timeout(SEND_S):
                await self._socket.send_text(spelled(message))
        except TimeoutError:
            raise _Cut(SLOW, "the client is too slow; go on after the last event") from None


def _name(wanted: Subscription) -> str:
    return wanted.thread or FEED


def _first(error: ValidationError) -> str:
    """Which field is wrong, and how; never what stood there, which may be a token."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(map(str, fault["loc"]))
    return f"{field}: {fault['msg']}" if field else fault["msg"]


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
