"""The Ansible side of the lab: a service module for its supervisor."""

from pathlib import Path

MODULE = Path(__file__).with_name("supervised_service.py")


def write_module(library: Path, socket: Path) -> None:
    """Put a copy of the module into `library`, bound to one supervisor.

    The socket is written into the copy because the `service` action forwards only its own arguments,
    and a module runs from a temporary archive, away from any file beside it.
    """
    text = MODULE.read_text(encoding="utf-8")
    bound = text.replace('\nSOCKET = ""\n', f"\nSOCKET = {str(socket)!r}\n")
    (library / MODULE.name).write_text(bound, encoding="utf-8")
