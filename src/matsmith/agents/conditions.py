"""What the conditions of a specification mean for the tools that measure at a temperature, in gases, or under a pressure."""

from __future__ import annotations

from matsmith.agents.work import Work
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Status
from matsmith.core.settings import Settings
from matsmith.core.spec import Conditions, DesignSpec
from matsmith.tools.base import Tool
from matsmith.tools.registry import tools_for

_IN_GASES = frozenset({"atmosphere_stability", "decomposition_temperature", "pourbaix"})
UNDER_PRESSURE = frozenset({"known_pressure_form", "pressure_stability"})
"""Tools that take a pressure on the solid."""
MEASURES_AT_CONDITIONS = _IN_GASES | UNDER_PRESSURE
"""Tools that take the conditions; those in gases also the record of stability, for what their tables lack."""
ATMOSPHERIC_GPA = 0.001
_ROOM_K = 300.0
# As far as tools/pressure_stability.py goes.
_MOST_GPA = 300.0


def is_pressed(conditions: Conditions) -> bool:
    """Whether the solid is under a pressure that counts, or under tension."""
    return conditions.pressure_gpa is not None and abs(conditions.pressure_gpa) > ATMOSPHERIC_GPA


def tools_wanted(spec: DesignSpec, *, settings: Settings) -> list[Tool]:
    """Installed tools for the targets of a specification that can answer at its conditions, in the order of the targets."""
    wanted = {
        tool.name: tool for target in spec.targets for tool in tools_for(target.property, settings=settings)
    }
    return [tool for tool in wanted.values() if serves(tool.name, spec.conditions)]


def serves(name: str, conditions: Conditions) -> bool:
    """Whether a tool can answer at conditions: tables of gases hold solids at 1 bar, and what compresses needs a pressure.

    >>> serves("pressure_stability", Conditions(pressure_gpa=5.0)), serves("pressure_stability", Conditions())
    (True, False)
    """
    if name in UNDER_PRESSURE:
        return is_pressed(conditions)
    return name != "atmosphere_stability" or not is_pressed(conditions)


def conditions_for(spec: DesignSpec, work: Work, *, name: str) -> dict[str, str | float]:
    """The arguments of such a tool besides the structure."""
    given = spec.conditions
    if name in UNDER_PRESSURE:
        pressed = {"pressure_gpa": given.pressure_gpa, "temperature_k": given.temperature_k}
        return {key: value for key, value in pressed.items() if value is not None}
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


def unmet_pressure(conditions: Conditions, *, property_name: str, settings: Settings) -> str:
    """Why a pressure is beyond the tools of a property, in words that follow "No installed tool measures it"; empty where it is not."""
    if not is_pressed(conditions):
        return ""
    pressure = conditions.pressure_gpa or 0.0
    taking = UNDER_PRESSURE.intersection(PROPERTIES[property_name].tools)
    there = any(tool.name in taking for tool in tools_for(property_name, settings=settings))
    if not there or conditions.has_atmosphere:
        return f"at {pressure:g} GPa" + (" in a gas" if there else "")
    if not 0 < pressure <= _MOST_GPA:
        return f"at {pressure:g} GPa: enthalpies are compared from 0 to {_MOST_GPA:g} GPa"
    return ""
