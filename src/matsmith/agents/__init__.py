"""Five agents in one loop: planner, literature, generator, simulator, critic."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matsmith.agents.planner import PlanCheck
    from matsmith.agents.session import RunResult, design, plan_objective, resume

__all__ = ["PlanCheck", "RunResult", "design", "plan_objective", "resume"]


def __getattr__(name: str) -> Any:
    """Import what is public on first use: `import matsmith.agents` alone stays cheap."""
    if name in __all__:
        return getattr(import_module("matsmith.agents.session"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
