"""Runs the benchmarks and prints one JSON object: `python -m bench [NAME …]`.

A slow machine is no failure: the figures are there to be compared, and only a benchmark that breaks is an error.
"""

import importlib
import json
import os
import pkgutil
import platform
import sys
import time
from typing import Any

import bench


def names() -> list[str]:
    """Every benchmark there is."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_"))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, or all; the exit code is 2 for an unknown name."""
    if unknown := sorted(set(wanted) - set(names())):
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are: {', '.join(names())}\n")
        return 2
    report: dict[str, Any] = {"machine": machine(), "benchmarks": {}}
    for name in wanted or names():
        sys.stderr.write(f"{name} …\n")
        begun = time.perf_counter()
        figures = importlib.import_module(f"bench.{name}").run()
        report["benchmarks"][name] = {**figures, "took_s": round(time.perf_counter() - begun, 3)}
    sys.stdout.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
