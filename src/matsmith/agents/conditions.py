"""What the conditions of a specification mean for the tools that measure at a temperature and in gases."""

from __future__ import annotations

from matsmith.agents.work import Work
from matsmith.core.record import Status
from matsmith.core.spec import DesignSpec

MEASURES_AT_CONDITIONS = frozenset({"atmosphere_stability", "decomposition_temperature", "pourbaix"})
"""Tools that take the conditions, and the record of stability for what their tables lack."""
_ROOM_K = 300.0


def conditions_for(spec: DesignSpec, work: Work, *, name: str) -> dict[str, str | float]:
    """The arguments of such a tool besides the structure."""
    given = spec.conditions
    chosen: dict[str, str | float | None] = {} if name == "pourbaix" else {"atmosphere": given.atmosphere}
    if name == "atmosphere_stability":
        chosen |= {
            "temperature_k": given.temperature_k if given.temperature_k is not None else _ROOM_K,
            "pressure_gpa": given.pressure_gpa,
            "oxygen_low_bar": given.oxygen_low_bar,
            "oxygen_high_bar": given.oxygen_high_bar,
        }
    judged = [
        record for record in work.records if record.tool == "stability" and record.status is Status.SUCCESS
    ]
    if judged:
        chosen["formation"] = judged[-1].id
    return {key: value for key, value in chosen.items() if value is not None}
