"""All tools by name. A tool's module is imported when the tool is asked for."""

from __future__ import annotations

import difflib
from functools import lru_cache
from importlib import import_module

from matsmith.core.errors import ToolError
from matsmith.core.properties import PROPERTIES
from matsmith.core.settings import Settings
from matsmith.tools.base import Tool

_MODULES = {
    "known_crystal": "matsmith.tools.known_crystal",
    "known_property": "matsmith.tools.known_property",
    "known_moduli": "matsmith.tools.known_moduli",
    "known_pressure_form": "matsmith.tools.known_pressure_form",
    "known_voltage": "matsmith.tools.known_voltage",
    "known_synthesis": "matsmith.tools.known_synthesis",
    "composition_prediction": "matsmith.tools.composition_prediction",
    "formula_stability": "matsmith.tools.formula_stability",
    "explain_prediction": "matsmith.tools.explain_prediction",
    "synthesis": "matsmith.tools.synthesis",
    "element_price": "matsmith.tools.element_price",
    "supply": "matsmith.tools.supply",
    "reaction_energy": "matsmith.tools.reaction_energy",
    "screen": "matsmith.tools.screen",
    "generate_crystals": "matsmith.tools.generate_crystals",
    "relax": "matsmith.tools.relax",
    "density": "matsmith.tools.density",
    "magnetisation": "matsmith.tools.magnetisation",
    "symmetry": "matsmith.tools.symmetry",
    "xray_pattern": "matsmith.tools.xray_pattern",
    "stability": "matsmith.tools.stability",
    "atmosphere_stability": "matsmith.tools.atmosphere_stability",
    "pressure_stability": "matsmith.tools.pressure_stability",
    "decomposition_temperature": "matsmith.tools.decomposition_temperature",
    "oxygen_window": "matsmith.tools.oxygen_window",
    "pourbaix": "matsmith.tools.pourbaix",
    "identify_phases": "matsmith.tools.identify_phases",
    "equation_of_state": "matsmith.tools.equation_of_state",
    "elasticity": "matsmith.tools.elasticity",
    "thermal_conductivity": "matsmith.tools.thermal_conductivity",
    "thermal_expansion": "matsmith.tools.thermal_expansion",
    "phonons": "matsmith.tools.phonons",
    "quasi_harmonic": "matsmith.tools.quasi_harmonic",
    "electrochemical_window": "matsmith.tools.electrochemical_window",
    "orderings": "matsmith.tools.orderings",
    "intercalation_voltage": "matsmith.tools.intercalation_voltage",
    "surface_energy": "matsmith.tools.surface_energy",
    "vacancy_formation": "matsmith.tools.vacancy_formation",
    "ion_percolation": "matsmith.tools.ion_percolation",
    "migration_barrier": "matsmith.tools.migration_barrier",
    "diffusivity": "matsmith.tools.diffusivity",
    "alloy_cell": "matsmith.tools.alloy_cell",
    "ideal_eutectic": "matsmith.tools.eutectic",
    "phase_equilibrium": "matsmith.tools.phase_equilibrium",
    "competing_forms": "matsmith.tools.competing_forms",
    "polymorphs": "matsmith.tools.polymorphs",
    "competing_phases": "matsmith.tools.competing_phases",
    "materials_project": "matsmith.tools.materials_project_query",
    "optimade": "matsmith.tools.optimade_query",
    **{
        f"md_{name}": f"matsmith.tools.lammps.protocols.{name}"
        for name in (
            "minimise",
            "elastic",
            "surface",
            "stacking_fault",
            "vacancy",
            "neb",
            "screw_dislocation",
            "tensile",
            "expansion",
            "heat_capacity",
            "melting",
            "diffusion",
            "radial_distribution",
            "thermal_conductivity",
            "glass",
            "free_energy",
            "monte_carlo",
            "mixing_energy",
        )
    },
}


def tool_names() -> list[str]:
    """Names of all tools, cheapest first."""
    return list(_MODULES)


@lru_cache(maxsize=64)
def get_tool(name: str) -> Tool:
    """The tool of this name. Raises `ToolError` with the nearest name for one that does not exist."""
    module = _MODULES.get(name)
    if module is None:
        near = difflib.get_close_matches(name, _MODULES, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(_MODULES)}."
        raise ToolError(f"There is no tool {name!r}.", hint=hint)
    declared = import_module(module).TOOL
    if not isinstance(declared, Tool):
        raise ToolError(f"{module} declares no tool.")
    return declared


# Tools that only know what has been measured or computed before: for a new material they have no answer.
LOOK_UPS = frozenset(
    {
        "known_crystal",
        "known_moduli",
        "known_pressure_form",
        "known_property",
        "known_synthesis",
        "known_voltage",
    }
)


# Tools that predict from the formula alone: they rule out and order, and confirm nothing.
PREDICTIONS = frozenset({"composition_prediction", "synthesis"})


def known_only(property_name: str, *, settings: Settings) -> bool:
    """Whether a property can be confirmed of known materials alone, because beside predictions every installed tool is a look-up."""
    names = {tool.name for tool in tools_for(property_name, settings=settings)} - PREDICTIONS
    return bool(names) and names <= LOOK_UPS


def predicted_only(property_name: str, *, new: bool = False, settings: Settings) -> bool:
    """Whether all that there is for a property is a prediction from the formula; of new materials if `new`."""
    names = {tool.name for tool in tools_for(property_name, settings=settings)}
    return bool(names & PREDICTIONS) and not names - PREDICTIONS - (LOOK_UPS if new else set())


def tools_for(property_name: str, *, settings: Settings) -> list[Tool]:
    """Installed tools that measure a property, cheapest first; empty when nothing here can."""
    tools = [get_tool(name) for name in PROPERTIES[property_name].tools]
    return [tool for tool in tools if tool.missing(settings) is None]
