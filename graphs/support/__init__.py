"""The Support graph: receive → triage → (answer | diagnose | guide | act | ticket | escalate | talk) → say."""

from graphs.support.graph import build
from graphs.support.state import SupportDeps, SupportState

__all__ = ["SupportDeps", "SupportState", "build"]
