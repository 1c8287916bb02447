"""The carriers that the toolsets declare: `CARRIERS` of each `tools/<system>/injections.py`."""

import pkgutil
from importlib import import_module
from importlib.util import find_spec

import tools
from naryad.testing.injections import Carrier


def declared() -> dict[str, Carrier]:
    """All of them as `<system>/<name>`."""
    systems = [found.name for found in pkgutil.iter_modules(tools.__path__) if found.ispkg]
    modules = {name: f"tools.{name}.injections" for name in systems if find_spec(f"tools.{name}.injections")}
    return {
        f"{system}/{name}": carrier
        for system, module in modules.items()
        for name, carrier in import_module(module).CARRIERS.items()
    }
