"""What stands out in the evidence when nobody could name the cause: facts for a person to start from, no guesses."""

import re
from collections.abc import Iterator, Sequence

from graphs.ops.state import Evidence, one_line

_ERROR = re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC|EMERG|ALERT)\b", re.IGNORECASE)
MAX_CHARS = 300


def signs(evidence: Sequence[Evidence]) -> list[str]:
    """One line a sign, with the id of what it rests on: failing probes, missing processes, last errors of logs."""
    return [f"{one_line(text, MAX_CHARS)} [{item['id']}]" for item in evidence for text in _of(item)]


def _of(item: Evidence) -> Iterator[str]:
    data = item["data"] if isinstance(item["data"], dict) else {}
    match item["tool"], data:
        case "probe_http", {"ok": False, "status": status, "error": error}:
            yield f"{item['args']['url']}: {error or status}"
        case "host_processes", {"count": 0}:
            yield f"no process: {item['args'].get('match', '')}"
        case "host_log_tail", {"lines": [*_, str(last)]} if _ERROR.search(last):
            yield f"{item['args']['path']}: {last}"
        case "host_ports", {"listeners": [{"cmdline": cmdline}]}:
            yield f"port {item['args'].get('port')}: {cmdline}"
