"""The official client over standard streams calls every tool that the server lists, once each, with arguments that fit."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import anyio
import pytest

from matsmith.tools.registry import tool_names

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
# Minutes long: it is called, told its progress and cancelled in test_server.py.
ELSEWHERE = {"design_material"}
# Seconds to a minute each: called by the slow test alone.
COSTLY = {
    *(name for name in tool_names() if name.startswith("md_") and name not in ("md_minimise", "md_elastic")),
    "phase_equilibrium",
    "identify_phases", "thermal_conductivity", "thermal_expansion", "phonons", "quasi_harmonic", "surface_energy", "vacancy_formation",
    "migration_barrier", "orderings", "competing_forms", "polymorphs", "competing_phases", "ask_literature", "elasticity",
    "electrochemical_window", "intercalation_voltage", "diffusivity", "pressure_stability",
}  # fmt: skip
# What EMT, which knows copper, silver and gold but no salt and no oxide, must be able to measure with no table at hand.
MUST_SUCCEED = {
    "relax", "density", "symmetry", "xray_pattern", "identify_phases", "known_crystal", "supply", "element_price", "reaction_energy",
    "screen", "decomposition_temperature", "atmosphere_stability", "oxygen_window", "pourbaix", "equation_of_state", "elasticity", "phonons",
    "composition_prediction", "synthesis", "formula_stability", "explain_prediction", "alloy_cell", "md_minimise", "md_elastic", "surface_energy", "vacancy_formation", "orderings", "ion_percolation", "plan_objective", "ask_literature",
}  # fmt: skip


@pytest.mark.parametrize(
    "skip",
    [
        pytest.param(ELSEWHERE | COSTLY, id="cheap", marks=pytest.mark.timeout(290)),
        pytest.param(ELSEWHERE, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(1500)]),
    ],
)
def test_every_listed_tool_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skip: set[str]) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    table: Any = importlib.import_module("protocol_tools")
    listed, found = anyio.run(lambda: table.over_stdio(tmp_path, potential="emt", skip=skip))
    called = {call.tool: call for call in found}
    assert listed - skip == set(called)
    outcomes = {tool: call.outcome for tool, call in called.items()}
    # `optimade` is asked for a database that there is not, so that nothing leaves the machine.
    assert {tool for tool, call in called.items() if call.refused} <= {"optimade"}, outcomes
    assert {tool: outcomes[tool] for tool in MUST_SUCCEED - skip if outcomes[tool] != "success"} == {}
    for call in found:
        if call.outcome.startswith("failed"):
            assert len(call.body["failure"]["message"]) > 15, call

    def value(tool: str, name: str) -> float:
        return float(called[tool].body["quantities"][name]["value"])

    # EMT's copper: 3.59 Å, 9.1 g/cm3, 134 GPa; CaCO3 -> CaO + CO2 takes 178.3 kJ/mol at 298 K (JANAF).
    assert value("density", "density") == pytest.approx(9.1, abs=0.2)
    assert value("equation_of_state", "bulk_modulus") == pytest.approx(134, abs=8)
    assert "Fm-3m" in str(called["symmetry"].body["facts"])
    if "elasticity" in called:
        assert value("elasticity", "bulk_modulus") == pytest.approx(134, abs=8)
        assert "NaCl" in str(called["identify_phases"].body["facts"])
