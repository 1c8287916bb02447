"""A real IMAP server on the loopback; every test has a mailbox of its own."""

import getpass
import imaplib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import needs
from tests.servers import free_port

PASSWORD = "correct-horse"
CONFIG = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = {ssl}
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 0
{users}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
  }}
  chroot =
}}
service anvil {{
  chroot =
}}
"""


class Dovecot:
    """A running server."""

    def __init__(self, port: int, tls_port: int, folder: Path) -> None:
        self.port, self.tls_port, self._folder = port, tls_port, folder

    def put(self, user: str, *letters: bytes, flags: str | None = None) -> None:
        """Deliver letters."""
        with self.signed_in(user) as client:
            for letter in letters:
                status, answer = client.append(
                    "INBOX", flags, "", letter.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
                )
                assert status == "OK", answer

    @contextmanager
    def signed_in(self, user: str) -> Iterator[imaplib.IMAP4]:
        """A client of ours beside the product's."""
        client = imaplib.IMAP4("127.0.0.1", self.port)
        client.login(user, PASSWORD)
        client.select("INBOX")
        try:
            yield client
        finally:
            client.logout()

    def seen(self, user: str, flag: str = "SEEN") -> int:
        """How many letters are marked as read, or with another flag."""
        with self.signed_in(user) as client:
            return len(client.search(None, flag)[1][0].split())

    def renumber(self, user: str) -> None:
        """Give the folder another UIDVALIDITY, and its letters new numbers, as a restored backup does."""
        folder = self._folder / "mail" / user
        for index in folder.glob("dovecot*"):
            index.unlink()
        time.sleep(1.1)  # it is the time in seconds
        (folder / "dovecot-uidlist").unlink(missing_ok=True)


@contextmanager
def dovecot(*, certificate: tuple[Path, Path] | None = None) -> Iterator[Dovecot]:
    """Start a server, and end it at the end."""
    program = needs("dovecot")
    folder = Path(tempfile.mkdtemp(prefix="naryad-imap-"))
    port, tls_port = free_port(), free_port()
    root = os.geteuid() == 0
    me = "nobody" if root else getpass.getuser()
    users = "" if root else f"default_internal_user = {me}\ndefault_login_user = {me}"
    if root:
        folder.chmod(0o755)
        for name in ("mail", "home"):
            (folder / name).mkdir()
            shutil.chown(folder / name, me)
    ssl = "no"
    if certificate:
        cert, key = certificate
        ssl = f"yes\nssl_cert = <{cert}\nssl_key = <{key}"
    gid = subprocess.run(["id", "-gn", me], check=True, capture_output=True, text=True).stdout.strip()
    (folder / "conf").write_text(
        CONFIG.format(
            folder=folder, uid=me, gid=gid, users=users, port=port, tls_port=tls_port, password=PASSWORD, ssl=ssl
        )
    )
    process = subprocess.Popen([program, "-F", "-c", folder / "conf"], stderr=subprocess.PIPE)
    try:
        for _try in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                time.sleep(0.1)
        yield Dovecot(port, tls_port, folder)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
