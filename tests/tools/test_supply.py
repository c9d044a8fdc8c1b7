"""Supply of the elements: known indices, the scarcest element, toxicity, what is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Relation
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.core.spec import Target
from matsmith.knowledge.elements import facts, price_usd_per_kg
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool, tools_for


def ask(settings: Settings, inputs: dict[str, Crystal] | None = None, **args: Any) -> Outcome:
    tool = get_tool("supply")
    return tool.run(tool.args.model_validate(args), deps=Deps(settings=settings, inputs=dict(inputs or {})))


def test_indices_are_means_by_mass(plain: Settings) -> None:
    found = ask(plain, formula="LiCoO2")
    masses = {"Li": 6.94, "Co": 58.933, "O": 2 * 15.999}
    mean = sum(mass * (facts(symbol).hhi_production or 0.0) for symbol, mass in masses.items()) / sum(
        masses.values()
    )
    assert found.quantities["hhi_production"].value == pytest.approx(mean, rel=1e-3)
    # Gaultois et al. 2013: cobalt 3100, lithium 2900, oxygen 500.
    assert 1500 < found.quantities["hhi_production"].value < 2900
    price = price_usd_per_kg({"Li": 1, "Co": 1, "O": 2})
    assert found.quantities["price"].value == pytest.approx(price.usd_per_kg)


def test_the_scarcest_element_counts_and_air_does_not(plain: Settings) -> None:
    found = ask(plain, formula="CdTe")
    assert found.facts["scarcest"] == "Te"
    assert found.quantities["scarcest_abundance"].value == facts("Te").crustal_abundance_mg_per_kg
    assert ask(plain, formula="Mg3N2").facts["scarcest"] == "Mg"


def test_toxic_elements_are_weighed(plain: Settings) -> None:
    lead = ask(plain, formula="PbTiO3")
    assert lead.quantities["toxic_mass_fraction"].value == pytest.approx(207.2 / 303.06, abs=0.01)
    assert lead.facts["toxic"] == "Pb"
    assert ask(plain, formula="MgO").quantities["toxic_mass_fraction"].value == 0.0


def test_what_is_not_known_is_left_out_and_named(plain: Settings) -> None:
    found = ask(plain, formula="AcN")
    assert "price" not in found.quantities
    assert any("Ac" in warning for warning in found.warnings)
    assert any("radioactive" in warning for warning in found.warnings)


def test_a_structure_will_do(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    by_structure = ask(plain, {"m": rocksalt("Mg")}, structure="m")
    assert by_structure.quantities == ask(plain, formula="MgO").quantities


def test_what_is_no_formula_is_refused(plain: Settings) -> None:
    failure = ask(plain, formula="Zz9").failure
    assert failure is not None
    assert failure.code == "bad_formula"
    for args in ({}, {"formula": "MgO", "structure": "m"}):
        with pytest.raises(ValidationError, match="either"):
            get_tool("supply").args.model_validate(args)


def test_targets_on_supply_find_the_tool(plain: Settings) -> None:
    for name in ("hhi_production", "scarcest_abundance", "toxic_mass_fraction"):
        Target(property=name, relation=Relation.BELOW, value=0.5)
        assert [tool.name for tool in tools_for(name, settings=plain)] == ["supply"]
