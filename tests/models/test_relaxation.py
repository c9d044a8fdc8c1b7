from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsmith.core.errors import UsageError
from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.relaxation import (
    EV_PER_ANGSTROM3_IN_GPA,
    RelaxationFailure,
    RelaxationSettings,
    Relaxed,
    relax,
)


def one(structure: Structure, potential: BatchedCHGNet, **settings: Any) -> Relaxed:
    ((_, result),) = relax([structure], potential=potential, settings=RelaxationSettings(**settings))
    assert isinstance(result, Relaxed), result
    return result


def test_magnesia_finds_its_volume_from_both_sides(potential: BatchedCHGNet, mgo: Structure) -> None:
    small, large = mgo.copy(), mgo.copy()
    small.scale_lattice(mgo.volume * 0.9)
    large.scale_lattice(mgo.volume * 1.12)
    a, b = one(small, potential), one(large, potential)
    edge = (4 * a.structure.volume) ** (1 / 3)
    assert edge == pytest.approx(4.21, rel=0.015)  # measured at 300 K; PBE is 1 % longer
    assert a.structure.volume == pytest.approx(b.structure.volume, rel=3e-3)
    assert a.energy_ev_per_atom == pytest.approx(b.energy_ev_per_atom, abs=1e-3)
    assert a.converged
    assert a.steps < 40


def test_same_energy_as_the_optimiser_of_the_package(
    potential: BatchedCHGNet, shaken_perovskite: Structure
) -> None:
    from chgnet.model.dynamics import StructOptimizer

    stock: Any = StructOptimizer(use_device="cpu")
    theirs = stock.relax(shaken_perovskite.copy(), fmax=0.03, steps=300, verbose=False)
    energy = float(theirs["trajectory"].energies[-1]) / len(shaken_perovskite)
    ours = one(shaken_perovskite, potential, force_tolerance_ev_per_angstrom=0.03)
    assert ours.energy_ev_per_atom <= energy + 2e-3
    assert ours.max_force_ev_per_angstrom < 0.03
    assert np.abs(ours.stress_ev_per_angstrom3).max() * EV_PER_ANGSTROM3_IN_GPA < 0.1


def test_fixed_cell_moves_atoms_only(potential: BatchedCHGNet, shaken_perovskite: Structure) -> None:
    relaxed = one(shaken_perovskite, potential, cell="fixed")
    np.testing.assert_array_equal(relaxed.structure.lattice.matrix, shaken_perovskite.lattice.matrix)
    assert relaxed.max_force_ev_per_angstrom < 0.06


def test_shape_keeps_the_volume(potential: BatchedCHGNet, shaken_perovskite: Structure) -> None:
    relaxed = one(shaken_perovskite, potential, cell="shape")
    assert relaxed.structure.volume == pytest.approx(shaken_perovskite.volume, rel=1e-9)
    stress = relaxed.stress_ev_per_angstrom3 * EV_PER_ANGSTROM3_IN_GPA
    assert np.abs(stress - np.trace(stress) / 3 * np.eye(3)).max() < 0.1
    lengths = relaxed.structure.lattice.abc
    assert max(lengths) - min(lengths) < 0.05


def test_pressure_is_balanced_and_compresses(potential: BatchedCHGNet, mgo: Structure) -> None:
    free, pressed = one(mgo, potential), one(mgo, potential, pressure_gpa=10.0)
    mean = float(np.trace(pressed.stress_ev_per_angstrom3)) / 3 * EV_PER_ANGSTROM3_IN_GPA
    assert mean == pytest.approx(-10.0, abs=0.1)
    # Bulk modulus of magnesia: 160 GPa measured, so 10 GPa take off about 5.5 % of the volume.
    assert pressed.structure.volume / free.structure.volume == pytest.approx(0.945, abs=0.015)
    assert pressed.energy_ev_per_atom > free.energy_ev_per_atom


def test_symmetry_is_kept(potential: BatchedCHGNet, rutile: Structure) -> None:
    rutile.scale_lattice(rutile.volume * 1.05)
    relaxed = one(rutile, potential, keep_symmetry=True)
    assert SpacegroupAnalyzer(relaxed.structure, symprec=1e-4).get_space_group_number() == 136


def bad_ones() -> dict[str, Structure]:
    return {
        "overlap": Structure(Lattice.cubic(4.0), ["O", "O"], [[0, 0, 0], [0.1, 0, 0]]),
        "isolated_atoms": Structure(Lattice.cubic(12.0), ["Ar"], [[0, 0, 0]]),
        "not_covered": Structure(Lattice.cubic(3.36), ["Po"], [[0, 0, 0]]),
        "collapsed": Structure(Lattice.cubic(0.9), ["H"], [[0, 0, 0]]),
        "vacuum": Structure(Lattice.cubic(15), ["O", "H", "H"], [[0, 0, 0], [0.06, 0, 0], [0, 0.06, 0]]),
        "malformed": Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]]),
    }


def test_bad_structures_fail_by_name_and_harm_nobody(potential: BatchedCHGNet, mgo: Structure) -> None:
    bad = bad_ones()
    results = dict(relax([mgo, *bad.values(), mgo], potential=potential))
    assert sorted(results) == list(range(len(bad) + 2))
    for place, code in enumerate(bad, start=1):
        failure = results[place]
        assert isinstance(failure, RelaxationFailure)
        assert failure.code == code
        assert failure.last is None
    alone = one(mgo, potential)
    for place in (0, len(bad) + 1):
        good = results[place]
        assert isinstance(good, Relaxed)
        assert good.energy_ev_per_atom == pytest.approx(alone.energy_ev_per_atom, abs=1e-5)


def test_out_of_steps_keeps_the_last_point(potential: BatchedCHGNet, shaken_perovskite: Structure) -> None:
    settings = RelaxationSettings(max_steps=3)
    ((_, result),) = relax([shaken_perovskite], potential=potential, settings=settings)
    assert isinstance(result, RelaxationFailure)
    assert result.code == "unconverged"
    assert result.last is not None
    assert not result.last.converged
    (static,) = potential.evaluate([result.structure])
    assert static.energy_ev / 5 == pytest.approx(result.last.energy_ev_per_atom, abs=1e-4)
    assert result.last.steps == 3


def test_a_volume_that_runs_away_is_stopped(potential: BatchedCHGNet, mgo: Structure) -> None:
    settings = RelaxationSettings(pressure_gpa=-60.0, max_volume_ratio=1.2)
    ((_, result),) = relax([mgo], potential=potential, settings=settings)
    assert isinstance(result, RelaxationFailure)
    assert result.code == "exploded"
    assert result.last is not None


def test_same_run_same_numbers_and_inputs_untouched(
    potential: BatchedCHGNet, shaken_perovskite: Structure
) -> None:
    before = shaken_perovskite.copy()
    a, b = one(shaken_perovskite, potential), one(shaken_perovskite, potential)
    np.testing.assert_array_equal(a.structure.frac_coords, b.structure.frac_coords)
    assert a.energy_ev_per_atom == b.energy_ev_per_atom
    assert shaken_perovskite == before


def test_reads_its_input_only_as_slots_fall_free(mgo: Structure) -> None:
    narrow = BatchedCHGNet(batch_cost=1)
    read = 0

    def endless() -> Iterator[Structure]:
        nonlocal read
        while True:
            read += 1
            yield mgo

    results = relax(endless(), potential=narrow)
    assert next(results)[0] == 0
    assert read == 1
    results.close()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_steps": 0},
        {"force_tolerance_ev_per_angstrom": -1.0},
        {"cell": "round"},
        {"max_volume_ratio": 1.0},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RelaxationSettings(**settings)
