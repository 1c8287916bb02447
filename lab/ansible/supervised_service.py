#!/usr/bin/python
"""An Ansible module: services under supervisor, by the arguments of `ansible.builtin.service`."""

from __future__ import annotations

import socket as sockets
import time
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from ansible.module_utils.basic import AnsibleModule, missing_required_lib  # type: ignore[import-untyped]

try:
    from supervisor.xmlrpc import Faults, SupervisorTransport
except ImportError:
    SupervisorTransport = None

DOCUMENTATION = """
module: supervised_service
short_description: Manage services under supervisor
description:
  - Starts and stops programs of a supervisord over its unix socket.
  - Works on its own and as O(use) of M(ansible.builtin.service).
options:
  name:
    description: Name of the program.
    type: str
    required: true
  state:
    description:
      - V(started) and V(stopped) change nothing when the state is already so.
      - V(restarted) always stops and starts; V(reloaded) sends SIGHUP, and starts a stopped program.
    type: str
    choices: [started, stopped, restarted, reloaded]
  enabled:
    description: Accepted and ignored; what starts with supervisord stands in its configuration.
    type: bool
  socket:
    description: Path of supervisord's unix socket. A copy made for one supervisor knows it.
    type: path
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: Naryad
"""

EXAMPLES = """
- name: Restart the front
  ansible.builtin.service:
    name: web
    state: restarted
    use: supervised_service
"""

RETURN = """
status:
  description: State and process id after the task.
  returned: success
  type: dict
  sample: {"pid": 4711, "state": "RUNNING"}
"""

SOCKET = ""
ALIVE = ("RUNNING", "STARTING")
SETTLE_S = 10.0
RPC_TIMEOUT_S = 30.0


class Program:
    """One program of a supervisor."""

    def __init__(self, module: AnsibleModule, socket: str, name: str) -> None:
        self.module, self.socket, self.name = module, socket, name

    def call(self, method: str, *args: Any, but: tuple[int, ...] = ()) -> Any:
        """Ask the supervisor; faults whose code is in `but` count as done."""
        transport = SupervisorTransport(serverurl=f"unix://{self.socket}")
        try:
            with ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(self.name, *args)
        except Fault as fault:
            if fault.faultCode in but:
                return None
            if fault.faultCode == Faults.BAD_NAME:
                self.module.fail_json(msg=f"no service {self.name!r} under the supervisor at {self.socket}")
            self.module.fail_json(msg=f"supervisor refused {method} {self.name}: {fault.faultString}")
        except (OSError, ProtocolError) as error:
            self.module.fail_json(msg=f"cannot reach the supervisor at {self.socket}: {error}")

    def status(self) -> dict[str, Any]:
        """State and process id, once the program is neither starting nor stopping."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            info = self.call("getProcessInfo")
            if info["statename"] not in ("STARTING", "STOPPING", "BACKOFF") or time.monotonic() > deadline:
                return {"state": info["statename"], "pid": info["pid"] or None}
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop and wait for the end; supervisor kills what does not stop."""
        self.call("stopProcess", but=(Faults.NOT_RUNNING,))

    def start(self) -> dict[str, Any]:
        """Start and wait until it runs; fails with the exit status and the log's last lines when it exits."""
        self.call("startProcess", but=(Faults.ALREADY_STARTED, Faults.ABNORMAL_TERMINATION, Faults.SPAWN_ERROR))
        after = self.status()
        if after["state"] != "RUNNING":
            info = self.call("getProcessInfo")
            reason = info["spawnerr"] or f"exit status {info['exitstatus']}"
            last = _tail(info["stdout_logfile"]) + _tail(info["stderr_logfile"])
            said = "; its last lines: " + " | ".join(last) if last else ""
            self.module.fail_json(
                msg=f"{self.name} did not start: {after['state']}, {reason}{said}", log_tail=last, status=after
            )
        return after


def _tail(path: str) -> list[str]:
    """Last lines of a log; read from the file, since supervisor's own reader fails on a cut UTF-8 character."""
    if not path or not Path(path).is_file():
        return []
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()[-5:]


def expected(before: dict[str, Any], state: str | None) -> dict[str, Any]:
    """What the task would leave behind; a new process's id is not known beforehand."""
    alive = before["state"] in ALIVE
    if state == "stopped" and alive:
        return {"state": "STOPPED", "pid": None}
    if state == "restarted" or (state in ("started", "reloaded") and not alive):
        return {"state": "RUNNING", "pid": "(new process)"}
    return before


def apply(program: Program, before: dict[str, Any], state: str | None) -> dict[str, Any]:
    """Bring the program into the state; returns its status afterwards."""
    alive = before["state"] in ALIVE
    if state == "stopped" and alive:
        program.stop()
    elif state == "restarted":
        program.stop()
        return program.start()
    elif state in ("started", "reloaded") and not alive:
        return program.start()
    elif state == "reloaded":
        program.call("signalProcess", "HUP")
    return program.status()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted", "reloaded"]},
            "enabled": {"type": "bool"},
            "socket": {"type": "path", "default": SOCKET or None},
        },
        required_one_of=[["state", "enabled"]],
        supports_check_mode=True,
    )
    if SupervisorTransport is None:
        module.fail_json(msg=missing_required_lib("supervisor"))
    name, state, socket = (module.params[key] for key in ("name", "state", "socket"))
    if not socket:
        module.fail_json(msg="socket is required: the path of supervisord's unix socket")
    sockets.setdefaulttimeout(RPC_TIMEOUT_S)
    program = Program(module, socket, name)
    before = program.status()
    after = expected(before, state) if module.check_mode else apply(program, before, state)
    changed = after != before or state == "reloaded"
    diff = {"before_header": name, "after_header": name, "before": _lines(before), "after": _lines(after)}
    module.exit_json(name=name, state=state, changed=changed, status=after, diff=diff)


def _lines(status: dict[str, Any]) -> str:
    return "".join(f"{key}: {value if value is not None else '-'}\n" for key, value in status.items())


if __name__ == "__main__":
    main()
