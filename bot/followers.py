"""Showing runs in Telegram: one text that grows by edits, then the answer; continued after a restart."""

import asyncio
from contextlib import suppress

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramForbiddenError
from sqlalchemy.exc import SQLAlchemyError

from bot.story import Story
from bot.talks import Talks
from bot.wording import plain, split
from naryad.accounts.links import Links
from naryad.db.models.account import Account
from naryad.db.models.telegram import TelegramTalk
from naryad.events import EventLog, EventType
from naryad.i18n import use

log = structlog.get_logger()
LOOK_S, LONGEST_LOOK_S = 0.3, 10.0
"""How often a run is looked at: less and less while nothing happens."""
TROUBLE_S = 5.0


class Followers:
    """Follows threads for the people who talk in them."""

    def __init__(self, bot: Bot, talks: Talks, links: Links, events: EventLog) -> None:
        self._bot, self._talks, self._links, self._events = bot, talks, links, events
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._pokes: dict[str, asyncio.Event] = {}

    @property
    def busy(self) -> bool:
        """Whether any thread is being followed."""
        return bool(self._tasks)

    async def before(self, talk: TelegramTalk) -> None:
        """Leave out what happened in a thread while nobody followed it here."""
        if not talk.live:
            past = await self._events.since(talk.thread_id, talk.told)
            talk.told, talk.shown, talk.live = past[-1].seq if past else talk.told, [], True
            await self._talks.keep(talk)

    def start(self, talk: TelegramTalk) -> None:
        """Follow a thread, or look at it at once where it is followed."""
        self.poke(talk.thread_id)
        if talk.thread_id not in self._tasks:
            self._pokes[talk.thread_id] = asyncio.Event()
            task = asyncio.create_task(self._follow(talk), name=f"follow {talk.thread_id}")
            self._tasks[talk.thread_id] = task

    def poke(self, thread_id: str) -> None:
        """Something was decided there: look at once."""
        if waiting := self._pokes.get(thread_id):
            waiting.set()

    async def resume(self) -> None:
        """Go on with what was followed before a restart."""
        for talk in await self._talks.live():
            self.start(talk)

    async def close(self) -> None:
        """Stop; what is not told yet is told by the next process."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, thread_id: str) -> None:
        self._tasks.pop(thread_id, None)
        self._pokes.pop(thread_id, None)

    async def _follow(self, talk: TelegramTalk) -> None:
        poke = self._pokes[talk.thread_id]
        while True:
            poke.clear()
            try:
                await self._tell(talk)
            except TelegramForbiddenError:
                log.info("telegram.follow.blocked", thread=talk.thread_id)
                poke.clear()
            except (TelegramAPIError, SQLAlchemyError) as error:  # told again from the last answer, in the same place
                log.warning("telegram.follow.failed", thread=talk.thread_id, error=type(error).__name__)
                await asyncio.sleep(TROUBLE_S)
                continue
            talk.live = poke.is_set()  # then something was submitted while the last of it was told
            await self._talks.keep(talk)
            if not poke.is_set():
                self._forget(talk.thread_id)
                return

    async def _tell(self, talk: TelegramTalk) -> None:
        """Tell a thread's events until nothing is left to do there, or the person is no longer linked or active."""
        story, seq, pause = Story(), talk.told, LOOK_S
        while account := await self._links.active(talk.account_id):
            use(account.lang)
            busy = await self._talks.busy(talk.thread_id)  # before the events: what ends it comes with the last of them
            batch = await self._events.since(talk.thread_id, seq)
            for event in batch:
                seq = event.seq
                if event.type is EventType.MESSAGE and event.data.get("by"):
                    continue  # a person said it: it comes by the outbox, whether a run is followed or not
                if event.type is EventType.MESSAGE:
                    await self._show(talk, account, plain(event.data["text"]))
                    talk.told, talk.shown, story = seq, [], Story()
                    await self._talks.keep(talk)
                else:
                    story.take(event)
            if batch and story.text:
                await self._show(talk, account, story.text)
            if not busy:
                talk.told = seq
                return
            pause = LOOK_S if batch else min(pause * 1.5, LONGEST_LOOK_S)
            await self._wait(talk.thread_id, pause)

    async def _wait(self, thread_id: str, pause: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._pokes[thread_id].wait()
            self._pokes[thread_id].clear()

    async def _show(self, talk: TelegramTalk, account: Account, text: str) -> None:
        """Let the messages that are shown hold this text: edit, add, take away."""
        assert account.telegram_id is not None
        pieces = split(text)
        for number, piece in enumerate(pieces):
            if number >= len(talk.shown) or not await self._edited(account.telegram_id, talk.shown[number], piece):
                sent = await self._bot.send_message(account.telegram_id, piece)
                talk.shown = [*talk.shown[:number], sent.message_id, *talk.shown[number + 1 :]]
                await self._talks.keep(talk)
        for surplus in talk.shown[len(pieces) :]:
            with suppress(TelegramBadRequest):  # the person was faster
                await self._bot.delete_message(account.telegram_id, surplus)
        talk.shown = talk.shown[: len(pieces)]

    async def _edited(self, chat_id: int, message_id: int, text: str) -> bool:
        """Whether the message holds the text now; not where it is gone or too old to be edited."""
        try:
            await self._bot.edit_message_text(text, chat_id=chat_id, message_id=message_id)
        except TelegramBadRequest as refusal:
            return "not modified" in refusal.message
        return True
