"""A monitor's look at a service: whether its health address answers as it should."""

from knowledge_base.services import Service
from naryad.errors import ToolFailed
from tools.probe import client
from tools.probe.reach import Reach

LIMIT_S = 10.0


async def fault(service: Service, reach: Reach, *, limit_s: float = LIMIT_S) -> str:
    """What is wrong with a service as its health address tells; empty where nothing is."""
    try:
        answer = await client.http(service.health_url, limit_s, reach)
    except ToolFailed as refusal:
        return refusal.message
    if answer["ok"]:
        return ""
    return answer["error"] or f"answers {answer['status']}"
