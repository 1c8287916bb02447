"""The API's description as people read it: each operation named by the first words of what it says of itself."""

import re
from typing import Any


def named(document: dict[str, Any]) -> dict[str, Any]:
    """The description with a summary of every operation, which FastAPI takes from the function's name."""
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and (told := operation.get("description")):
                operation["summary"] = re.split(r"[.;:](?:\s|$)", told, maxsplit=1)[0]
    return document
