"""What the conditions of a specification mean for the tools that measure at a temperature, in gases, or under a pressure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from matsmith.agents.context import RunContext
from matsmith.agents.work import Work
from matsmith.core.elements import parse_formula
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Status
from matsmith.core.settings import Settings
from matsmith.core.spec import Conditions, DesignSpec
from matsmith.tools.base import Tool
from matsmith.tools.registry import get_tool, tools_for

_IN_GASES = frozenset({"atmosphere_stability", "decomposition_temperature", "pourbaix"})
UNDER_PRESSURE = frozenset({"known_pressure_form", "pressure_stability"})
"""Tools that take a pressure on the solid."""
MEASURES_AT_CONDITIONS = _IN_GASES | UNDER_PRESSURE
"""Tools that take the conditions; those in gases also the record of stability, for what their tables lack."""
ATMOSPHERIC_GPA = 0.001
_ROOM_K = 300.0
# As far as tools/pressure_stability.py goes.
_MOST_GPA = 300.0
# A search looks at many: smaller and shorter than by default, at twice the error, which the verdicts count.
_SHORT: dict[str, dict[str, float]] = {"md_elastic": {"size": 256, "length_ps": 10.0}}


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


def at_conditions(context: RunContext, name: str, *, elements: Iterable[str]) -> dict[str, str | float]:
    """The arguments besides the structure of a protocol of molecular dynamics; none of another tool.

    The potential covers the candidate's elements and those of the materials that targets compare with, so that both are measured by one method.
    """
    fields = get_tool(name).args.model_fields
    if not {"potential", "temperature_k"} & fields.keys() or not name.startswith("md_"):
        return {}
    from matsmith.tools.lammps.failures import DynamicsError
    from matsmith.tools.lammps.potentials import choose
    from matsmith.tools.lammps.protocol import PREFERS

    given: dict[str, str | float] = {
        key: value for key, value in _SHORT.get(name, {}).items() if key in fields
    }
    if context.settings.threads:
        given["cores"] = context.settings.threads
    temperature = context.spec.conditions.temperature_k
    if "temperature_k" in fields and temperature is not None:
        given["temperature_k"] = temperature
    named = [target.reference for target in context.spec.targets if target.reference is not None]
    covered = {*elements, *(symbol for formula in named for symbol in parse_formula(formula))}
    # Without a potential the tool says why, as the typed failure of its record.
    with contextlib.suppress(DynamicsError):
        given["potential"] = choose(
            sorted(covered), settings=context.settings, property_name=PREFERS.get(name)
        ).id
    return given
