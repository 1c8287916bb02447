"""What the machine refused, in one line: a full disk, a folder that is not ours, a database that broke."""

import errno
import sqlite3
import sys
from collections.abc import Iterator

from naryad.i18n import N_, _

_WHY = {
    errno.EACCES: N_("no right to"),
    errno.EPERM: N_("no right to"),
    errno.EROFS: N_("read-only"),
    errno.ENOSPC: N_("no space left"),
    errno.EDQUOT: N_("no space left"),
    errno.EEXIST: N_("this is no folder"),
    errno.ENOTDIR: N_("this is no folder"),
}


def explained(error: BaseException) -> str | None:
    """What happened and where to look, if the machine is to blame; None for a bug, which keeps its traceback."""
    for one in _causes(error):
        if isinstance(one, OSError) and one.errno in _WHY and one.filename:
            text = _("{place}: {why}. Check the rights and the free space there; what was recorded so far is kept.")
            return text.format(place=one.filename, why=_(_WHY[one.errno]))
        if _of_the_database(one):
            text = _("The database cannot be used: {why}. Check the rights of its file and the free space.")
            return text.format(why=str(getattr(one, "orig", None) or one).splitlines()[0])
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _of_the_database(error: BaseException) -> bool:
    """Not its other errors: a wrong statement is a bug of ours."""
    sqlalchemy = sys.modules.get("sqlalchemy.exc")  # not imported for this: it takes long, and without it nothing broke
    if sqlalchemy and isinstance(error, sqlalchemy.OperationalError):
        return True
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
