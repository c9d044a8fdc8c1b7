"""The planner's rules: plain language to a `Plan`, and the contradictions of a specification."""

from __future__ import annotations

from matsmith.agents.objective.contradictions import find_contradictions
from matsmith.agents.objective.parser import parse_objective

__all__ = ["find_contradictions", "parse_objective"]
