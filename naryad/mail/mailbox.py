"""A mailbox over IMAP. Everything here waits for the network: it runs in a thread."""

import imaplib
import socket
import ssl
from contextlib import suppress
from datetime import date

from imap_tools.errors import ImapToolsError
from imap_tools.mailbox import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted

from naryad.errors import ToolFailed
from naryad.i18n import _
from naryad.settings import Settings

TIMEOUT_S = 30.0
"""How long the server may be silent, except while we wait for letters."""
IDLE_S = 60.0
"""How long news are waited for before the mailbox is looked at all the same."""
POLL_S = 30.0
"""The same where the server cannot tell of news."""
AT_ONCE = 500
"""Letters that one command names."""
FAILURES = (ImapToolsError, imaplib.IMAP4.error, OSError, EOFError, ValueError)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Mailbox:
    """One connection to one folder.

    Args:
        settings: IMAP_HOST and what goes with it.
        trust: The certificates that are trusted; those of the system by default.

    Attributes:
        name: Says for ever which folder it is.
    """

    def __init__(self, settings: Settings, *, trust: ssl.SSLContext | None = None) -> None:
        self._settings, self._trust = settings, trust
        self.name = f"{settings.imap_user}@{settings.imap_host}/{settings.imap_folder}"
        self._box: BaseMailBox | None = None

    def open(self) -> tuple[int, int]:
        """Connect, sign in and choose the folder; returns its UIDVALIDITY and the UID that the next letter gets.

        Raises:
            ToolFailed: The server does not answer, or does not let us in; says which.
        """
        known, password = self._settings, self._settings.imap_password
        try:
            self._box = self._connected()
        except FAILURES as error:
            text = _("The mailbox's server does not answer: {error}.").format(error=type(error).__name__)
            raise ToolFailed(text) from error
        try:
            self._box.login(known.imap_user, password.get_secret_value() if password else "", known.imap_folder)
            status = self._box.folder.status(known.imap_folder, ["UIDVALIDITY", "UIDNEXT"])
            return status["UIDVALIDITY"], status["UIDNEXT"]
        except (*FAILURES, KeyError) as error:
            self.close()
            # Not the error's text, which holds the command, and so the password.
            text = _("The mailbox cannot be opened: check IMAP_USER, IMAP_PASSWORD and IMAP_FOLDER ({error}).")
            raise ToolFailed(text.format(error=type(error).__name__)) from None

    def _connected(self) -> BaseMailBox:
        host, port = self._settings.imap_host, self._settings.imap_port
        trust = self._trust or ssl.create_default_context()  # imaplib's own default trusts anybody
        if self._settings.imap_security == "tls":
            return MailBox(host, port, TIMEOUT_S, ssl_context=trust)
        if self._settings.imap_security == "starttls":
            return MailBoxStartTls(host, port, TIMEOUT_S, ssl_context=trust)
        return MailBoxUnencrypted(host, port, TIMEOUT_S)

    @property
    def _client(self) -> imaplib.IMAP4:
        assert self._box is not None
        return self._box.client

    def letters(self, first: int) -> list[int]:
        """The UIDs from `first` on, in order."""
        return [uid for uid in self._search(f"UID {first}:*") if uid >= first]  # «n:*» also finds the last before n

    def older(self, first: int, since: date | None) -> list[int]:
        """The UIDs before `first` of what nobody has read, and of what came since a day."""
        wanted = f"OR UNSEEN SINCE {since.day}-{_MONTHS[since.month - 1]}-{since.year}" if since else "UNSEEN"
        return self._search(f"UID 1:{first - 1} {wanted}") if first > 1 else []

    def _search(self, wanted: str) -> list[int]:
        assert self._box is not None
        return sorted(int(uid) for uid in self._box.uids(wanted, charset=None))

    def size(self, uid: int) -> int | None:
        """The octets of a letter; None where it is no more."""
        answer = self._fetch(uid, "(RFC822.SIZE)")
        for item in answer:
            text = item[0] if isinstance(item, tuple) else item
            with suppress(ValueError, AttributeError):
                return int(text.upper().partition(b"RFC822.SIZE ")[2].split(b" ")[0].rstrip(b")"))
        return None

    def fetch(self, uid: int, *, head: bool = False) -> bytes | None:
        """A letter as it came, or its head; it stays unread. None where it is no more."""
        answer = self._fetch(uid, "(BODY.PEEK[HEADER])" if head else "(BODY.PEEK[])")
        return next((item[1] for item in answer if isinstance(item, tuple)), None)

    def _fetch(self, uid: int, what: str) -> list[bytes | tuple[bytes, bytes]]:
        status, answer = self._client.uid("FETCH", str(uid), what)
        if status != "OK":
            raise imaplib.IMAP4.error(status)
        return [item for item in answer if item is not None]

    def seen(self, *uids: int) -> None:
        """Mark letters as read. Not by imap-tools, which expunges the mailbox each time."""
        for at in range(0, len(uids), AT_ONCE):
            some = ",".join(map(str, sorted(uids)[at : at + AT_ONCE]))
            self._client.uid("STORE", some, "+FLAGS.SILENT", "(\\Seen)")

    def flag(self, uid: int) -> None:
        """Let people see that a letter is theirs to read."""
        self._client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Flagged)")

    @property
    def tells(self) -> bool:
        """Whether the server can tell of new letters."""
        return "IDLE" in self._client.capabilities

    def news(self) -> bool:
        """Whether the server spoke of new letters since this was last asked."""
        return bool(self._client.untagged_responses.pop("EXISTS", None))

    def wait(self) -> None:
        """Return when something may have come."""
        assert self._box is not None
        self._box.idle.wait(IDLE_S)

    def alive(self) -> None:
        """Keep the connection, and let the server tell of what is new."""
        self._client.noop()

    def abort(self) -> None:
        """End whatever another thread waits for."""
        if self._box:
            with suppress(OSError):
                self._client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Part from the server, if it still listens."""
        box, self._box = self._box, None
        if box:
            with suppress(*FAILURES):
                box.logout()
            with suppress(*FAILURES):
                box.client.shutdown()


def opens(settings: Settings) -> None:
    """Raise `ToolFailed` unless the mailbox can be opened; it waits, so it runs in a thread."""
    box = Mailbox(settings)
    try:
        box.open()
    finally:
        box.close()
