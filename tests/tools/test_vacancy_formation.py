"""Vacancies: one answer for every description of a crystal, measured metals within their error, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.runner import ToolRunner
from matsmith.tools.vacancy_formation import VacancyArgs, run_many

Offer = Callable[[ToolRunner, Crystal], str]


def copper(edge: float = 3.61) -> Crystal:
    half = edge / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Cu",),
        positions=((0.0, 0.0, 0.0),),
    )


def measured(crystal: Crystal, settings: Settings, **args: object) -> Outcome:
    deps = Deps(settings=settings.model_copy(update={"potential": "emt"}), inputs={"c": crystal})
    ((_, outcome),) = run_many([VacancyArgs.model_validate({"structure": "c", **args})], deps=deps)
    return outcome


def test_every_description_of_copper_gives_the_same(plain: Settings) -> None:
    whole = copper().to_pymatgen()
    whole.make_supercell([[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    turned = copper().to_pymatgen()
    angle = np.array([[np.cos(0.7), -np.sin(0.7), 0], [np.sin(0.7), np.cos(0.7), 0], [0, 0, 1]])
    from pymatgen.core import Lattice, Structure

    rotated = Structure(
        Lattice(np.array(turned.lattice.matrix) @ angle.T), turned.species, turned.frac_coords
    )
    values = [
        measured(crystal, plain, max_atoms=70).facts["uncorrected_energy_ev"]
        for crystal in (copper(), copper(3.7), Crystal.from_pymatgen(whole), Crystal.from_pymatgen(rotated))
    ]
    # The model's own vacancy: 1.1 to 1.3 eV in effective medium theory (Jacobsen et al. 1996).
    assert values[0] == pytest.approx(1.2, abs=0.15)
    assert values == pytest.approx([values[0]] * 4, abs=0.02)


def test_the_finite_size_is_stated_and_its_absence_too(plain: Settings) -> None:
    both = measured(copper(), plain, max_atoms=70)
    one = measured(copper(), plain, max_atoms=30)
    drift = both.facts["finite_size_difference_ev"]
    assert isinstance(drift, float)
    assert drift < 0.05
    assert one.facts["finite_size_difference_ev"] is None
    assert any("one supercell only" in warning for warning in one.warnings)
    assert both.crystal is not None
    assert len(both.crystal.species) == 63


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        ({"charge": 1}, "charged", "density-functional"),
        ({"charge": -2}, "charged", "density-functional"),
        ({"element": "Ni"}, "no_site", "one of Cu"),
        ({"max_atoms": 16}, "too_large", "max_atoms"),
    ],
)
def test_what_is_refused(plain: Settings, args: dict[str, object], code: str, told: str) -> None:
    failure = measured(copper(), plain, **args).failure
    assert failure is not None
    assert failure.code == code
    assert told in failure.hint


def test_sites_that_differ_are_told_apart(plain: Settings) -> None:
    ordered = Crystal(  # Cu3Au: copper on the faces, gold at the corner
        lattice=((3.75, 0.0, 0.0), (0.0, 3.75, 0.0), (0.0, 0.0, 3.75)),
        species=("Au", "Cu", "Cu", "Cu"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
    )
    outcome = measured(ordered, plain, max_atoms=40)
    sites = outcome.facts["sites"]
    assert isinstance(sites, list)
    assert sorted((row[0], row[1]) for row in sites if isinstance(row, list)) == [("Au", 1), ("Cu", 3)]
    lowest = min(float(row[2]) for row in sites if isinstance(row, list) and isinstance(row[2], int | float))
    assert outcome.quantities["vacancy_formation_energy"].value == pytest.approx(lowest, abs=1e-3)


def test_copper_by_the_default_potential_within_its_error(physics: ToolRunner, offer: Offer) -> None:
    record = physics.run("vacancy_formation", {"structure": offer(physics, copper()), "max_atoms": 30})
    quantity = record.quantities["vacancy_formation_energy"]
    # 1.28 eV: Ehrhart et al. 1991, Landolt-Boernstein III/25.
    assert abs(quantity.value - 1.28) < 1.5 * quantity.sigma
    assert quantity.sigma < 0.4 * quantity.value
    assert quantity.truth is Truth.EXPERIMENT_300K
