"""What the shop consists of and where it lies: folders, ports, and the files written from them."""

import json
import random
import shlex
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from naryad.errors import NaryadError

STORE_LIMIT_MB = 20
WORKER_MEMORY_LIMIT_MB = 120
PROGRAMS = ("store", "web", "worker", "debug-proxy")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths and ports of one shop; `run` is a short folder for the supervisor's socket."""

    home: Path
    run: Path
    ports: dict[str, int]

    @property
    def socket(self) -> Path:
        """The supervisor's unix socket; a unix socket's path holds at most 107 bytes, so not in `home`."""
        return self.run / "s.sock"

    @property
    def home_link(self) -> Path:
        """A link to `home` whose own path is short and plain."""
        return self.run / "home"

    @property
    def store_dir(self) -> Path:
        """The store's data directory."""
        return self.home / "data" / "store"

    @property
    def store_temp(self) -> Path:
        """The store's scratch files."""
        return self.store_dir / "tmp"

    @property
    def secret_key(self) -> Path:
        """The store's signing key."""
        return self.home / "etc" / "secret.key"

    def config(self, name: str) -> Path:
        """Configuration of a service; the last good copy lies beside it."""
        return self.home / "etc" / f"{name}.conf"

    def config_good(self, name: str) -> Path:
        """The last configuration that worked."""
        return self.home / "etc" / f"{name}.conf.good"

    def log(self, name: str) -> Path:
        """Log of a service."""
        return self.home / "log" / f"{name}.log"

    def url(self, name: str) -> str:
        """Address of a service."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def command(self, name: str) -> list[str]:
        """Command line of a supervised program, without the interpreter."""
        if name == "debug-proxy":
            return ["-m", "lab.services.debug_proxy", "--port", str(self.ports["web"])]
        return ["-m", f"lab.services.{name}", "--config", str(self.config(name))]

    def configs(self) -> dict[str, str]:
        """The services' configurations, as TOML."""
        store_url = self.url("store")
        fields: dict[str, dict[str, object]] = {
            "store": {
                "port": self.ports["store"],
                "data_dir": str(self.store_dir),
                "temp_dir": str(self.store_temp),
                "limit_mb": STORE_LIMIT_MB,
                "key": str(self.secret_key),
            },
            "web": {"port": self.ports["web"], "store_url": store_url, "store_timeout_s": 1.0},
            "worker": {"port": self.ports["worker"], "store_url": store_url, "interval_s": 0.2},
        }
        # A JSON string, number or boolean is also a TOML one.
        lines = {name: [f"{key} = {json.dumps(value)}" for key, value in of.items()] for name, of in fields.items()}
        return {name: "\n".join([f"# {name} of the shop", *text]) + "\n" for name, text in lines.items()}

    def catalogue(self) -> str:
        """The service catalogue, as YAML."""
        entries = [self._entry("web", depends_on=["store"])]
        entries.append(
            self._entry(
                "store",
                data_dir=str(self.store_dir),
                temp_dir=str(self.store_temp),
                data_limit_mb=float(STORE_LIMIT_MB),
            )
        )
        entries.append(self._entry("worker", memory_limit_mb=float(WORKER_MEMORY_LIMIT_MB), depends_on=["store"]))
        process = " ".join(self.command("debug-proxy")[1:])
        log = str(self.log("debug-proxy"))
        entries.append({"name": "debug-proxy", "unit": "debug-proxy", "process": process, "log": log})
        return _yaml({"services": entries})

    def _entry(self, name: str, **more: object) -> dict[str, object]:
        return {
            "name": name,
            "unit": name,
            "process": " ".join(self.command(name)[1:]),
            "port": self.ports[name],
            "health_url": self.url(name) + "/health",
            "log": str(self.log(name)),
            "config": str(self.config(name)),
            "config_good": str(self.config_good(name)),
            **more,
        }

    def inventory(self) -> str:
        """An Ansible inventory of this machine, as YAML."""
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.run / "ansible"),  # the user may have no home folder
            "service_manager": "supervised_service",
            "lab_supervisor_url": f"unix://{self.socket}",
        }
        return _yaml({"all": {"hosts": {"localhost": variables}}})

    def supervisord_conf(self) -> str:
        """The supervisor's configuration: a crash stays a crash, since nothing restarts by itself.

        It has no quoting (a ` #` begins a comment, a `%` an expansion), so paths go through `home_link`,
        and command lines come from the environment (see `commands`).
        """
        sections: dict[str, dict[str, object]] = {
            "supervisord": {
                "nodaemon": "true",
                "silent": "true",
                "logfile": self.home_link / "log" / "supervisord.log",
                "pidfile": self.run / "s.pid",
            },
            "unix_http_server": {"file": self.socket, "chmod": "0700"},
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
        }
        for name in PROGRAMS:
            sections[f"program:{name}"] = {
                "command": f"%(ENV_{_variable(name)})s",
                "autostart": "false" if name == "debug-proxy" else "true",
                "autorestart": "false",
                "startretries": 0,
                "startsecs": 2,  # a bad start shows within it, also on a slow machine
                "stopwaitsecs": 2,
                "redirect_stderr": "true",
                "stdout_logfile": self.home_link / "log" / f"{name}.log",
                "stdout_logfile_maxbytes": "1MB",
                "stdout_logfile_backups": 1,
            }
        return "\n".join(
            "\n".join([f"[{section}]", *(f"{key} = {value}" for key, value in options.items()), ""])
            for section, options in sections.items()
        )

    def commands(self) -> dict[str, str]:
        """Environment variables with the programs' command lines, for `supervisord_conf`."""
        return {_variable(name): shlex.join([sys.executable, *self.command(name)]) for name in PROGRAMS}


def free_ports(names: list[str]) -> dict[str, int]:
    """Pick a free port for each name.

    They lie below the range that the kernel hands out for outgoing connections: a probe of a closed
    port of that range can connect to itself, and a stopped service can find its port in use.
    """
    ports: dict[str, int] = {}
    for port in random.sample(range(20000, 32000), 500):
        if len(ports) == len(names):
            return ports
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports[names[len(ports)]] = port
    raise NaryadError("No free port between 20000 and 32000.")


def _variable(name: str) -> str:
    return f"NARYAD_LAB_{name.replace('-', '_').upper()}"


def _yaml(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
