"""Thermal expansion, conductivity and quasi-harmonics as tools: known crystals within their errors, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Record, Status
from matsmith.core.settings import Settings
from matsmith.knowledge.conductivity_errors import conductivity_errors
from matsmith.knowledge.crystals import find
from matsmith.knowledge.expansion_errors import expansion_errors
from matsmith.tools import second_opinion
from matsmith.tools.base import Deps
from matsmith.tools.quasi_harmonic import QuasiHarmonicArgs
from matsmith.tools.quasi_harmonic import run_many as quasi_harmonic
from matsmith.tools.registry import get_tool, tools_for
from matsmith.tools.runner import ToolRunner
from matsmith.tools.second_opinion import Opinion
from matsmith.tools.thermal_conductivity import ThermalConductivityArgs, why_metallic
from matsmith.tools.thermal_conductivity import run_many as conductivity

Offer = Callable[[ToolRunner, Crystal], str]


def crystal_of(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure())


def test_expansions_are_within_their_errors(physics: ToolRunner, periclase: Record, offer: Offer) -> None:
    salt = offer(physics, crystal_of("NaCl"))
    calls = [{"structure": periclase.id}, {"structure": salt}, {"structure": salt, "temperature_k": 600}]
    found = dict(physics.run_many("thermal_expansion", calls))
    for index, measured in ((0, 10.5e-6), (1, 39.6e-6)):
        quantity = found[index].quantities["thermal_expansion"]
        assert abs(quantity.value - measured) < 2 * quantity.sigma
        assert 0.2 < quantity.sigma / quantity.value < 0.45
        assert found[index].outcome.facts["inconclusive"] == {}
    assert found[2].quantities["thermal_expansion"].value > found[1].quantities["thermal_expansion"].value
    assert "298 K" in found[2].outcome.warnings[0]


def test_above_the_melting_point_nothing_is_said(physics: ToolRunner, offer: Offer) -> None:
    calls = [
        {"structure": offer(physics, crystal_of("Cu")), "temperature_k": 1400},  # melts at 1358 K
        {
            "structure": offer(physics, crystal_of("NaCl")),
            "temperature_k": 2500,
        },  # at 1074 K, which no table here says
    ]
    for _, record in physics.run_many("thermal_expansion", calls):
        assert record.outcome.failure is not None
        assert record.outcome.failure.code == "molten"


def test_conductivity_of_magnesia_is_an_order_of_magnitude(physics: ToolRunner, periclase: Record) -> None:
    record = physics.run("thermal_conductivity", {"structure": periclase.id})
    assert record.status is Status.SUCCESS
    quantity = record.quantities["thermal_conductivity"]
    assert abs(quantity.value - 60) < 2 * quantity.sigma
    assert quantity.sigma > 0.5 * quantity.value
    assert "order of magnitude" in record.outcome.warnings[0]


def test_metals_are_refused_and_insulators_are_not(plain: Settings) -> None:
    deps = Deps(settings=plain, inputs={"w": crystal_of("W"), "t": crystal_of("TiC")})
    for reference in ("w", "t"):
        ((_, outcome),) = conductivity([ThermalConductivityArgs(structure=reference)], deps=deps)
        assert outcome.failure is not None
        assert outcome.failure.code == "metal"
    for amounts in ({"Si": 1}, {"Mg": 1, "O": 1}, {"Ti": 1, "O": 2}, {"B": 1, "N": 1}, {"Ga": 1, "As": 1}):
        assert why_metallic(dict(amounts)) is None
    for amounts in ({"Na": 1}, {"Ni": 1, "Al": 1}, {"W": 1, "C": 1}, {"Zr": 1, "B": 2}):
        assert why_metallic(dict(amounts)) is not None


@pytest.fixture(scope="module")
def copper(plain: Settings) -> Deps:
    return Deps(settings=plain.model_copy(update={"potential": "emt"}), inputs={"c": crystal_of("Cu")})


def test_quasi_harmonic_copper_and_its_limits(copper: Deps) -> None:
    batch = [
        QuasiHarmonicArgs(structure="c", temperature_k=300),
        QuasiHarmonicArgs(structure="c", temperature_k=3000),
    ]
    found = dict(quasi_harmonic(batch, deps=copper))
    warm = found[0]
    assert warm.failure is None, warm.failure
    expansion = warm.quantities["thermal_expansion"]
    assert abs(expansion.value - 16.5e-6) < 2 * expansion.sigma
    assert warm.quantities["gibbs_energy"].unit == "eV/atom"
    volume, relaxed = warm.facts["volume_angstrom3_per_atom"], warm.facts["relaxed_volume_angstrom3_per_atom"]
    assert isinstance(volume, float)
    assert isinstance(relaxed, float)
    assert 1.0 < volume / relaxed < 1.04
    doubts = warm.facts["inconclusive"]
    assert isinstance(doubts, dict)
    assert "thermal_expansion errs less" in str(doubts["thermal_expansion"])
    hot = found[1]
    assert hot.failure is not None
    assert hot.failure.code in {"out_of_range", "molten"}


def test_the_errors_are_those_of_the_benchmarks() -> None:
    rule, quasi = expansion_errors().grueneisen, expansion_errors().quasi_harmonic
    assert rule.crystals >= 50
    assert rule.relative_sigma < quasi.relative
    assert quasi.crystals < quasi.tried
    open_, packed = (rule.parameter({"Si": 1}, is_open=flag) for flag in (True, False))
    assert open_ is not None
    assert packed is not None
    assert open_ < 1.2 < packed
    assert rule.parameter({"Ar": 1}, is_open=False) is None
    assert 0.4 < conductivity_errors().relative_sigma < 1.2


@pytest.mark.parametrize("name", ["thermal_expansion", "thermal_conductivity"])
def test_the_planner_finds_the_tool(plain: Settings, name: str) -> None:
    assert [tool.name for tool in tools_for(name, settings=plain)][-1] == name


@pytest.mark.parametrize(
    ("tool_name", "formula", "potential", "property_name"),
    [
        ("thermal_expansion", "Cu", "emt", "thermal_expansion"),
        ("thermal_conductivity", "MgO", "chgnet", "thermal_conductivity"),
    ],
)
def test_a_second_opinion_on_shear_that_differs_leaves_them_open(
    plain: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tool_name: str,
    formula: str,
    potential: str,
    property_name: str,
) -> None:
    def said(name: str, formula: str) -> Opinion:
        del name, formula
        return Opinion(value_gpa=600.0, sigma_gpa=4.0, source="made")

    monkeypatch.setattr(second_opinion, "opinion_on", said)
    tool = get_tool(tool_name)
    deps = Deps(settings=plain.model_copy(update={"potential": potential}), inputs={"c": crystal_of(formula)})
    ((_, outcome),) = tool.run_many([tool.args.model_validate({"structure": "c"})], deps=deps)
    assert outcome.failure is None, outcome.failure
    opinion, doubts = outcome.facts["second_opinion_on_shear"], outcome.facts["inconclusive"]
    assert isinstance(opinion, dict)
    assert isinstance(doubts, dict)
    assert opinion["agrees"] is False
    assert "two methods disagree on the shear modulus" in str(doubts[property_name])
    assert any("two methods disagree" in warning for warning in outcome.warnings)
