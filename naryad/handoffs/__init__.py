"""Handoffs: a person answers instead of the agent, which is silent until the thread comes back."""

from naryad.handoffs.brief import Brief
from naryad.handoffs.handoffs import AGENTS, HANDED_OVER, TAKERS, Handoffs

__all__ = ["AGENTS", "HANDED_OVER", "TAKERS", "Brief", "Handoffs"]
