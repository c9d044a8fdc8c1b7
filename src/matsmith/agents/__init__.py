"""Five agents in one loop: planner, literature, generator, simulator, critic; and what a program calls.

from matsmith.agents import design, design_events, open_run, plan, run_tool, ask

result = design("a stable binary oxide with a bulk modulus above 180 GPa", budget_s=120)
result.to_pandas()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matsmith.agents.api import (
        ask,
        design_async,
        design_events,
        my_runs,
        open_run,
        plan,
        resume_events,
    )
    from matsmith.agents.approvals import AwaitingApproval, Decision, Point
    from matsmith.agents.planner import PlanCheck
    from matsmith.agents.run_events import RunEvents, event_line
    from matsmith.agents.saved_run import RunCandidate, SavedRun
    from matsmith.agents.session import RunResult, design, plan_objective, resume
    from matsmith.agents.single_tools import ToolResult, release_worker, run_tool, tool_help
    from matsmith.tools.registry import tool_names

_MODULES = {
    "matsmith.agents.api": (
        "ask", "design_async", "design_events", "my_runs", "open_run", "plan", "resume_events",
    ),
    "matsmith.agents.approvals": ("AwaitingApproval", "Decision", "Point"),
    "matsmith.agents.planner": ("PlanCheck",),
    "matsmith.agents.run_events": ("RunEvents", "event_line"),
    "matsmith.agents.saved_run": ("RunCandidate", "SavedRun"),
    "matsmith.agents.session": ("RunResult", "design", "plan_objective", "resume"),
    "matsmith.agents.single_tools": ("ToolResult", "release_worker", "run_tool", "tool_help"),
    "matsmith.tools.registry": ("tool_names",),
}  # fmt: skip
_PLACES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AwaitingApproval",
    "Decision",
    "PlanCheck",
    "Point",
    "RunCandidate",
    "RunEvents",
    "RunResult",
    "SavedRun",
    "ToolResult",
    "ask",
    "design",
    "design_async",
    "design_events",
    "event_line",
    "my_runs",
    "open_run",
    "plan",
    "plan_objective",
    "release_worker",
    "resume",
    "resume_events",
    "run_tool",
    "tool_help",
    "tool_names",
]


def __getattr__(name: str) -> Any:
    """Import what is public on first use: `import matsmith.agents` alone stays cheap."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
