"""Elastic tensors as a tool: magnesia within its error, germanium doubted, layers and nonsense refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Truth
from matsmith.core.record import Record, Status
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.elastic_errors import elastic_errors
from matsmith.tools import second_opinion
from matsmith.tools.base import Deps
from matsmith.tools.elasticity import ElasticityArgs, run_many
from matsmith.tools.registry import tools_for
from matsmith.tools.runner import ToolRunner
from matsmith.tools.second_opinion import Opinion, opinion_on

Offer = Callable[[ToolRunner, Crystal], str]


def crystal_of(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure())


@pytest.fixture(scope="module")
def magnesia(physics: ToolRunner, periclase: Record) -> Record:
    record = physics.run("elasticity", {"structure": periclase.id, "direction": [1, 1, 1]})
    assert record.status is Status.SUCCESS, record.outcome.failure
    return record


def test_magnesia_is_within_its_error_of_measurement(magnesia: Record) -> None:
    # Simmons & Wang 1971: C11 297, C12 95, C44 154 GPa; K 162, G 131, E 309 GPa, Poisson ratio 0.18, Debye temperature 946 K.
    quantities = magnesia.quantities
    for name, measured in (
        ("bulk_modulus", 162),
        ("shear_modulus", 131),
        ("youngs_modulus", 309),
        ("poisson_ratio", 0.18),
        ("pugh_ratio", 1.24),
        ("debye_temperature", 946),
        ("youngs_modulus_along_direction", 350),
    ):
        quantity = quantities[name]
        assert abs(quantity.value - measured) < 2 * quantity.sigma, name
        assert quantity.truth is Truth.EXPERIMENT_300K
    assert 0.15 < quantities["shear_modulus"].sigma / quantities["shear_modulus"].value < 0.6


def test_the_tensor_has_the_symmetry_and_the_record_says_what_is_wrong_with_it(magnesia: Record) -> None:
    facts = magnesia.outcome.facts
    rows = facts["elastic_tensor_gpa"]
    assert isinstance(rows, list)
    tensor = np.array(rows, dtype=float)
    assert tensor[0, 0] == tensor[1, 1] == tensor[2, 2]
    assert tensor[3, 3] == tensor[4, 4]
    assert abs(tensor[0, 3]) < 0.01
    assert facts["born_stable"] is True
    assert facts["space_group"] == "Fm-3m"
    assert any("soft in shear" in warning for warning in magnesia.outcome.warnings)
    assert magnesia.outcome.crystal is not None
    assert magnesia.outcome.crystal.formula == "MgO"


def test_a_crystal_that_the_potential_finds_unstable_confirms_nothing(
    physics: ToolRunner, offer: Offer
) -> None:
    record = physics.run("elasticity", {"structure": offer(physics, crystal_of("Ge"))})
    assert record.status is Status.SUCCESS
    facts = record.outcome.facts
    assert facts["born_stable"] is False
    doubts = facts["inconclusive"]
    assert isinstance(doubts, dict)
    assert "mechanically unstable" in str(doubts["hardness"])
    assert "smallest_youngs_modulus" not in record.quantities
    wrong, of = elastic_errors().unstable_of_stable
    assert f"{wrong} of {of}" in str(doubts["hardness"])


def test_layers_and_huge_cells_are_refused_with_what_would_serve(plain: Settings) -> None:
    graphite = Crystal.from_pymatgen(next(c for c in find("C") if c.name == "graphite").structure())
    garnet = crystal_of("MgO").to_pymatgen().make_supercell((3, 3, 2))
    garnet.translate_sites([0], [0.02, 0.01, 0.03])
    deps = Deps(settings=plain, inputs={"g": graphite, "h": Crystal.from_pymatgen(garnet)})
    found = dict(run_many([ElasticityArgs(structure="g"), ElasticityArgs(structure="h")], deps=deps))
    assert found[0].failure is not None
    assert found[0].failure.code == "dispersion_bound"
    assert "equation_of_state" in found[0].failure.hint
    assert found[1].failure is not None
    assert found[1].failure.code == "too_large"


@pytest.mark.parametrize(("said_gpa", "agrees"), [(45.0, True), (400.0, False)])
def test_a_second_opinion_that_differs_leaves_it_open(
    plain: Settings, monkeypatch: pytest.MonkeyPatch, said_gpa: float, agrees: bool
) -> None:
    def said(name: str, formula: str) -> Opinion:
        assert (name, formula) == ("shear_modulus", "Cu")
        return Opinion(value_gpa=said_gpa, sigma_gpa=4.0, source="made")

    monkeypatch.setattr(second_opinion, "opinion_on", said)
    deps = Deps(settings=plain.model_copy(update={"potential": "emt"}), inputs={"c": crystal_of("Cu")})
    ((_, outcome),) = run_many([ElasticityArgs(structure="c")], deps=deps)
    assert outcome.failure is None, outcome.failure
    opinion, doubts = outcome.facts["second_opinion_on_shear"], outcome.facts["inconclusive"]
    assert isinstance(opinion, dict)
    assert isinstance(doubts, dict)
    assert opinion["agrees"] is agrees
    shear = outcome.quantities["shear_modulus"]
    if agrees:
        assert doubts == {}
        assert shear.sigma < shear.value
    else:
        assert "two methods disagree" in str(doubts["hardness"])
        # Neither of the two values is out of reach any more: a target between them stays open.
        assert shear.sigma > 0.9 * (said_gpa - shear.value)
        assert 0.16 < shear.probability(low=0.5 * (said_gpa + shear.value)) < 0.84
        assert (
            outcome.quantities["debye_temperature"].sigma
            > 0.5 * outcome.quantities["debye_temperature"].value
        )


def test_an_opinion_is_held_against_a_value_as_verdicts_do() -> None:
    opinion = Opinion(value_gpa=100.0, sigma_gpa=6.0, source="made")
    assert not opinion.differs(80.0, 8.0)
    assert opinion.differs(70.0, 8.0)
    # No reading of a formula, no opinion, and in words why.
    assert isinstance(opinion_on("shear_modulus", "Qq2"), str)


def test_another_potential_is_not_corrected(plain: Settings) -> None:
    copper = crystal_of("Cu")
    deps = Deps(settings=plain.model_copy(update={"potential": "emt"}), inputs={"c": copper})
    ((_, outcome),) = run_many([ElasticityArgs(structure="c", pressure_gpa=5)], deps=deps)
    assert outcome.failure is None, outcome.failure
    uncorrected = outcome.facts["uncorrected"]
    assert isinstance(uncorrected, dict)
    shear = outcome.quantities["shear_modulus"]
    assert shear.value == pytest.approx(float(str(uncorrected["shear_modulus_hill_gpa"])), abs=0.01)
    assert shear.sigma >= 0.4 * shear.value
    assert "assumed" in outcome.warnings[0]
    assert "ambient pressure" in outcome.warnings[1]


def test_no_direction_is_an_error() -> None:
    with pytest.raises(ValidationError, match="no direction"):
        ElasticityArgs(structure="x", direction=(0, 0, 0))


@pytest.mark.parametrize(
    "name", ["shear_modulus", "hardness", "poisson_ratio", "pugh_ratio", "youngs_modulus"]
)
def test_the_planner_finds_the_tool(plain: Settings, name: str) -> None:
    assert [tool.name for tool in tools_for(name, settings=plain)][-1] == "elasticity"
