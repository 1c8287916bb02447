"""The modules a playbook may use, each with the arguments it may give.

The list is no sandbox: who may write a file as root may do anything. It holds what check mode can
preview, or what only looks or waits, so that the person who approves sees what will happen. Left out:

- `command`, `shell`, `raw`, `script`, `expect`, and `cron` and `at`, which are the same with a delay:
  nobody can preview them.
- `template`, `fetch`, `slurp`, `get_url`, `unarchive`, `assemble`: they read or bring files that the
  playbook does not show; so does `copy` from the controller, hence `content` or `remote_src` only.
- `user`, `group`, `authorized_key`: who may log in is for people to change.
- `setup` and everything that changes the inventory or the run itself (`add_host`, `include_*`, `import_*`).
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

_OWNERSHIP = ("mode", "owner", "group")
_SERVICE = ("name", "state", "enabled")
_SYSTEMD = (*_SERVICE, "daemon_reload", "masked", "scope")

MODULES: Mapping[str, frozenset[str]] = {
    f"ansible.builtin.{name}": frozenset(arguments)
    for name, arguments in {
        "service": (*_SERVICE, "use"),
        "systemd": _SYSTEMD,
        "systemd_service": _SYSTEMD,
        # `validate` of the file modules is a command in disguise.
        "file": ("path", "dest", "name", "state", "src", "recurse", "follow", "force", *_OWNERSHIP),
        "copy": ("content", "src", "remote_src", "dest", "backup", "force", "follow", "directory_mode", *_OWNERSHIP),
        "lineinfile": (
            "path", "line", "regexp", "search_string", "state", "insertafter", "insertbefore", "firstmatch", "backrefs",
            "create", "backup", *_OWNERSHIP,
        ),
        "blockinfile": (
            "path", "block", "state", "marker", "marker_begin", "marker_end", "insertafter", "insertbefore", "create",
            "backup", "append_newline", "prepend_newline", *_OWNERSHIP,
        ),
        "replace": ("path", "regexp", "replace", "after", "before", "backup", *_OWNERSHIP),
        # Not `contains`: it would tell the content of any file, letter by letter. The same holds for `search_regex`.
        "find": (
            "paths", "path", "patterns", "pattern", "use_regex", "excludes", "exclude", "file_type", "recurse", "depth",
            "age", "age_stamp", "size", "hidden", "follow", "limit",
        ),
        "stat": ("path", "follow"),
        "package": ("name", "state"),
        "apt": ("name", "state", "update_cache", "cache_valid_time"),
        "uri": ("url", "method", "status_code", "timeout", "validate_certs", "follow_redirects"),
        "wait_for": ("host", "port", "path", "state", "timeout", "delay", "sleep", "connect_timeout", "msg"),
        "assert": ("that", "fail_msg", "msg", "success_msg", "quiet"),
        "fail": ("msg",),
        "debug": ("msg", "var"),
        "set_fact": (),  # its arguments are names of variables
        "meta": (),  # its argument is a word
    }.items()
}  # fmt: skip

EDITING = frozenset(f"ansible.builtin.{name}" for name in ("copy", "lineinfile", "blockinfile", "replace"))
"""Modules whose result holds the content of the file they change."""

DEFAULT_MODULES = frozenset(MODULES)

SERVICE_MANAGERS = frozenset({"auto", "service", "systemd", "sysvinit", "openrc", "runit"})
"""What `use` of `service` may say. Any word there names a module: `use: user` would make an account."""

_USE = re.compile(r"\{\{ *service_manager *(?:\| *default\( *['\"]([a-z]+)['\"] *\) *)?\}\}")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.:_=*~-]*")

META_ACTIONS = frozenset({"flush_handlers", "noop", "end_host", "end_play"})
FILE_STATES = frozenset({"absent", "directory", "file", "link", "touch"})

EXPRESSION_ARGUMENTS = frozenset({("ansible.builtin.assert", "that"), ("ansible.builtin.debug", "var")})
"""Arguments that Ansible evaluates without any braces."""


def full_name(name: str) -> str:
    """The name with its collection, for a short or a legacy spelling of a built-in module."""
    builtin = f"ansible.builtin.{name.removeprefix('ansible.builtin.').removeprefix('ansible.legacy.')}"
    return builtin if builtin in MODULES else name


def argument_problems(module: str, arguments: Mapping[Any, Any]) -> Iterator[str]:
    """What is wrong with the values of a module's arguments, beyond their names."""
    match module.removeprefix("ansible.builtin."):
        case "copy" if "content" not in arguments and arguments.get("remote_src") is not True:
            yield "copy needs `content`, or `remote_src: true`: files of the controller are not shown to anybody"
        case "file":
            if arguments.get("state", "file") not in FILE_STATES:
                yield f"state may be {', '.join(sorted(FILE_STATES))}"
            if arguments.get("state") == "absent" or arguments.get("recurse"):
                for path in (arguments.get(key) for key in ("path", "dest", "name")):
                    if isinstance(path, str) and "{" not in path and len(PurePosixPath(normpath(path)).parts) < 3:
                        yield f"{path} is too near the root to be changed as a whole"
        case "package" | "apt":
            names = arguments.get("name")
            for name in names if isinstance(names, list) else [names]:
                if name is not None and not (isinstance(name, str) and _PACKAGE.fullmatch(name)):
                    yield "packages are installed by name only, from the system's own sources"
        case "uri":
            if arguments.get("method", "GET") not in ("GET", "HEAD"):
                yield "uri may only GET or HEAD"
        case "service":
            yield from _service_manager(arguments.get("use", "auto"))


def _service_manager(use: Any) -> Iterator[str]:
    named = _USE.fullmatch(use) if isinstance(use, str) else None
    word = (named[1] or "auto") if named else use
    if word not in SERVICE_MANAGERS:
        yield f"use may be {', '.join(sorted(SERVICE_MANAGERS))}, or the inventory's {{{{ service_manager }}}}"
