"""The service catalogue: what runs where, as the company's own people wrote it down."""

import socket
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from naryad import yaml_model
from naryad.errors import NotFound

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Service(BaseModel):
    """One service. Paths are on `host`; sizes in megabytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    host: str = "localhost"
    unit: str = Field(description="Name known to the service manager")
    process: str = Field(description="Text in the command line of its processes")
    port: int | None = Field(None, ge=1, le=65535)
    health_url: str = ""
    log: Path | None = None
    config: Path | None = None
    config_good: Path | None = Field(None, description="The last configuration known to work")
    data_dir: Path | None = None
    temp_dir: Path | None = Field(None, description="Files here may be deleted when space runs out")
    data_limit_mb: float | None = None
    memory_limit_mb: float | None = None
    depends_on: list[str] = []

    @property
    def here(self) -> bool:
        """Whether it runs on this machine, which is all that host tools can see."""
        own = socket.gethostname().lower()
        return self.host.lower() in (*_LOOPBACK, own, own.partition(".")[0])


class HostLimits(BaseModel):
    """How full a machine that Naryad runs on may be; what is left out is not watched.

    Attributes:
        disks: Paths whose file systems are looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    disk_percent: float | None = Field(None, gt=0, le=100)
    memory_percent: float | None = Field(None, gt=0, le=100)
    disks: list[str] = ["/"]


class Catalogue(BaseModel):
    """All services by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    services: list[Service] = []
    host_limits: HostLimits = HostLimits()

    @model_validator(mode="after")
    def _names_fit(self) -> "Catalogue":
        names = [service.name for service in self.services]
        if len(set(names)) < len(names):
            raise ValueError("two services have one name")
        if unknown := {d for service in self.services for d in service.depends_on} - set(names):
            raise ValueError(f"depends_on names unknown services: {', '.join(sorted(unknown))}")
        return self

    @cached_property
    def by_name(self) -> Mapping[str, Service]:
        """The services by their names."""
        return {service.name: service for service in self.services}

    def get(self, name: str) -> Service:
        """Find one service.

        Raises:
            NotFound: The catalogue has none of this name.
        """
        if service := self.by_name.get(name):
            return service
        raise NotFound(f"No service {name!r} in the catalogue; known: {', '.join(self.by_name) or 'none'}.")


def load(path: Path) -> Catalogue:
    """Read the catalogue; raises `ConfigError` that names file, line and field."""
    return yaml_model.load(path, Catalogue)
