"""Percolation by bond valence: the known dimensions of three lithium networks, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.tools.base import Deps
from matsmith.tools.ion_percolation import TOOL, PercolationArgs

pytestmark = pytest.mark.skipif(find_spec("bvlain") is None, reason="the extra percolation is not installed")


def network(crystal: Crystal, settings: Settings, **args: object) -> Outcome:
    deps = Deps(settings=settings, inputs={"c": crystal})
    return TOOL.run(PercolationArgs.model_validate({"structure": "c", **args}), deps=deps)


def of(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure().get_primitive_structure())


def test_the_olivine_leads_along_chains(plain: Settings) -> None:
    levels = network(of("LiFePO4"), plain).facts["barrier_by_directions_ev"]
    assert isinstance(levels, dict)
    one, two = float(str(levels["1"])), float(str(levels.get("2", 99)))
    # Along [010] by DFT 0.27 eV, across above 2 eV: Morgan, Van der Ven & Ceder 2004.
    assert one < 0.8
    assert two > 2.0


def test_layers_lead_in_two_directions(plain: Settings) -> None:
    outcome = network(of("LiCoO2"), plain)
    levels = outcome.facts["barrier_by_directions_ev"]
    assert isinstance(levels, dict)
    assert levels["1"] == levels["2"]
    assert float(str(levels.get("3", 99))) > 2 * float(str(levels["2"]))
    quantity = outcome.quantities["bond_valence_barrier"]
    assert quantity.value == pytest.approx(float(str(levels["1"])), abs=1e-3)
    assert quantity.sigma > 0.4 * quantity.value


def test_a_supercell_has_the_same_network(plain: Settings) -> None:
    doubled = of("Li2O").to_pymatgen()
    doubled.make_supercell([2, 1, 1])
    first, second = (
        network(each, plain).facts["directions"] for each in (of("Li2O"), Crystal.from_pymatgen(doubled))
    )
    assert first == second == 3


def test_refusals(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    no_ion = network(rocksalt("Ni"), plain).failure
    assert no_ion is not None
    assert no_ion.code == "no_ion"
    alloy = network(rocksalt("Ni", anion="Al", edge=4.8), plain, ion="Al").failure
    assert alloy is not None
    assert alloy.code == "no_oxidation_states"
    assert "migration_barrier" in alloy.hint
