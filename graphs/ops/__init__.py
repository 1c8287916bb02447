"""The Ops graph: intake → gather → diagnose → plan → preview → approve → execute → verify → report."""

from graphs.ops.graph import build
from graphs.ops.state import OpsDeps, OpsState

__all__ = ["OpsDeps", "OpsState", "build"]
