"""Mailboxes, and threads that letters go into."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from naryad.db.session import Database
from naryad.settings import Settings
from tests.naryad.mail.dovecot import PASSWORD, Dovecot, dovecot
from tests.naryad.mail.world import World


@pytest.fixture(scope="session")
def imap() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


@pytest.fixture
def settings(alone: Path, imap: Dovecot) -> Settings:
    return Settings(
        NARYAD_HOME=alone,
        IMAP_HOST="127.0.0.1",
        IMAP_PORT=imap.port,
        IMAP_USER=f"help{uuid4().hex[:8]}@example.ru",
        IMAP_PASSWORD=PASSWORD,
        IMAP_SECURITY="none",
        SMTP_FROM="Support <support@example.ru>",
    )


@pytest.fixture
def world(database: Database, settings: Settings, imap: Dovecot) -> World:
    return World(database, settings, imap)
