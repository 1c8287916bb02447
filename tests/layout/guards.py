"""The rules of the layout, each as a function from a file to what is wrong with it."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "naryad",
    "knowledge_base",
    "tools",
    "graphs",
    "agents",
    "server",
    "bot",
    "evals",
    "cli",
    "lab",
    "bench",
    "prompts",
)
TOP_LEVEL = (*PACKAGES, "web", "deploy", "docs", "tests")
LONGEST = 300

CLIENT = "tools/*/client.py"
OWNERS = {
    "ansible_runner": (CLIENT,),
    "llama_cpp": (),  # it runs as a child process, never in ours: two threads on one model crash it
    "aiogram": ("bot/*",),
    "apprise": ("naryad/notify/*",),
    "openai": ("naryad/llm/*",),
    "langchain_openai": ("naryad/llm/*",),
    "prometheus_api_client": (CLIENT,),
    "proxmoxer": (CLIENT,),
    # The gate tells a dead process from a live one by its start time; the model chain supervises its child.
    "psutil": (CLIENT, "naryad/owner.py", "naryad/llm/*"),
    "routeros_api": (CLIENT,),
    "supervisor": (CLIENT,),
}
"""Which files may import a vendor's library. The lab is no part of it: it builds the world that the tools look at."""

# Names that tell nothing: whatever lands there belongs to a concept that has a name.
NAMELESS = ("utils", "util", "helpers", "helper", "common", "misc")
# Places of a particular workshop, which a clone does not have.
ELSEWHERE = re.compile(r"(?<![\w.-])/work(?=/)|\bshared(?=/spec)")


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, also inside functions; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def foreign_vendors(path: str, source: str) -> list[str]:
    """A vendor's library is imported only where its system is spoken to."""
    return [
        f"{path}:{line} imports {name}, which belongs to {' and '.join(owners) or 'nobody'}"
        for line, name in imports(source)
        if (owners := OWNERS.get(name.partition(".")[0])) is not None
        and not path.startswith("lab/")
        and not any(fnmatch(path, owner) for owner in owners)
    ]


def ways_around_the_gate(path: str, source: str) -> list[str]:
    """Only the gate lets a tool run: nobody else takes a permit or a tool's bare method."""
    if path == "naryad/gate/gate.py":
        return []
    found = [
        f"{path}:{line} takes a permit"
        for line, name in imports(source)
        if name in {"naryad.tooling.permit", "naryad.tooling._permit"}
    ]
    if path == "naryad/tooling.py":
        return found
    return found + [
        f"{path}:{node.lineno} touches .{node.attr} of a tool"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and (node.attr == "permit" or (node.attr == "method" and not _http(node.value)))
    ]


def _http(value: ast.expr) -> bool:
    """`request.method` is HTTP's."""
    return isinstance(value, ast.Name) and value.id in {"request", "response"}


def foreign_clients(path: str, source: str) -> list[str]:
    """A client is used by the tools of its own system, and given to them by the registry."""
    return [
        f"{path}:{line} imports {name}"
        for line, name in imports(source)
        if (system := re.match(r"tools\.(\w+)\.client\b", name))
        and path != "tools/registry.py"
        and not path.startswith(f"tools/{system[1]}/")
    ]


def too_long(path: str, source: str) -> list[str]:
    """One concept a file: a longer file holds two."""
    lines = len(source.splitlines())
    return [f"{path} has {lines} lines, more than {LONGEST}"] if lines > LONGEST else []


def nested_names(path: str) -> list[str]:
    """A top-level name again, inside a package, makes `import tools` mean two things to a reader."""
    inner = path.split("/")[1:-1]
    return [f"{path} lies in a folder named like the top-level {name}" for name in inner if name in TOP_LEVEL]


def nameless(path: str) -> list[str]:
    """A module is named for its concept."""
    return [f"{path} is named for nothing" for part in Path(path).with_suffix("").parts if part in NAMELESS]


def elsewhere(path: str, text: str) -> list[str]:
    """A clone works anywhere: no file names a place outside of it."""
    return [
        f"{path}:{number} names {match[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if (match := ELSEWHERE.search(line))
    ]
