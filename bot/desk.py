"""What every handler works with."""

from dataclasses import dataclass

from agents.registry import ROLES, Crew
from bot.followers import Followers
from bot.talks import Talks
from naryad.accounts.links import Links
from naryad.auth import Person
from naryad.db.models.account import Account
from naryad.driver import Driver
from naryad.errors import NotFound
from naryad.i18n import _
from naryad.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """The crew, and what only the bot needs."""

    crew: Crew
    driver: Driver
    links: Links
    talks: Talks
    followers: Followers

    @property
    def settings(self) -> Settings:
        """What configures the install."""
        return self.crew.runtime.settings

    def agent(self, person: Person, wanted: str = "") -> str:
        """The agent that a person may talk to: the one they want, else the first.

        Raises:
            NotFound: There is none; the same for one that is there for others.
        """
        open_to = [name for name, roles in ROLES.items() if roles & person.roles]
        for name in open_to:
            if wanted in ("", name):
                return name
        raise NotFound(_("You may talk to these agents: {known}.").format(known=", ".join(open_to) or "—"))

    async def say(self, account: Account, who: Person, text: str, *, key: str, agent: str = "") -> None:
        """Give an agent what a person wrote, and follow its run.

        Args:
            account: Whose words these are.
            who: The same as the gate knows them.
            text: The words.
            key: Names the message: handled again after a crash, it says nothing twice in its conversation.
            agent: Begin a conversation with this agent, instead of going on with the last one.
        """
        talk = None if agent else await self.talks.current(account.id)
        known = self.agent(who, talk.agent if talk else agent)
        talk = talk or await self.talks.begin(account.id, known)
        await self.followers.before(talk)
        await self.driver.submit(talk.thread_id, talk.agent, who.id, {"text": text}, key=key)
        self.followers.start(talk)

    async def speak(self, account_id: str, lang: str) -> None:
        """Remember a person's language."""
        async with self.crew.runtime.database.write() as session:
            if account := await session.get(Account, account_id, with_for_update=True):
                account.lang = lang
                session.add(account)

    async def named(self, who: str) -> str:
        """A person of the gate as people call them."""
        async with self.crew.runtime.database.read() as session:
            account = await session.get(Account, who.removeprefix("account:"))
        return (account.name or account.email) if account else who
