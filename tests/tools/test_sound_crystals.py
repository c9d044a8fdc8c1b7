"""Crystals drawn again: what counts as unsound, that the first draws stay as they are, and that sizes and wishes do."""

from __future__ import annotations

import numpy as np
import pytest
from crystal_models import tiny_model

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError
from matsmith.models.diffusion.motifs import MOTIFS
from matsmith.models.diffusion.requests import CrystalRequest
from matsmith.models.diffusion.sampling import SamplingSettings, generate
from matsmith.models.diffusion.steering import Steering
from matsmith.models.diffusion.weights import load_shipped
from matsmith.tools.crystal_model import crystals_of
from matsmith.tools.duplicates import merge
from matsmith.tools.sound_crystals import Fault, fault_of, generate_sound

QUICK = SamplingSettings(steps=3)
FREE = CrystalRequest()


def _salt(*, other: str = "Cl", pushed: float = 0.0, edge: float = 5.64) -> Crystal:
    half = edge / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Na", other),
        positions=((0.0, 0.0, 0.0), (0.5 + pushed, 0.5 + 0.7 * pushed, 0.5 - 0.2 * pushed)),
    )


def test_what_is_wrong_with_a_crystal_is_found_and_the_worst_is_named() -> None:
    assert fault_of(_salt(), FREE) is Fault.NONE
    assert fault_of(_salt(edge=2.0), FREE) is Fault.TOO_CLOSE
    # Sodium with as much magnesium is a metal, with as much oxygen nothing that is known.
    assert fault_of(_salt(other="Mg", edge=7.0), FREE) is Fault.NONE
    odd = Crystal(
        lattice=((6.0, 0.0, 0.0), (0.0, 6.0, 0.0), (0.0, 0.0, 6.0)),
        species=("Ca", "Ca", "F"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5)),
    )
    assert fault_of(odd, FREE) is Fault.UNBALANCED
    assert fault_of(odd, CrystalRequest(numbers=(20, 20, 9))) is Fault.NONE


def test_a_crystal_without_symmetry_is_unsound_unless_it_was_asked_for_so() -> None:
    skew = Crystal(
        lattice=((5.0, 0.3, 0.1), (0.7, 6.0, 0.4), (0.2, 0.9, 7.0)),
        species=("Na", "Cl", "K", "Br"),
        positions=((0.0, 0.0, 0.0), (0.47, 0.41, 0.06), (0.52, 0.07, 0.44), (0.09, 0.53, 0.58)),
    )
    assert fault_of(skew, FREE) is Fault.NO_SYMMETRY
    assert fault_of(skew, CrystalRequest(conditions={"crystal_system": 0.0})) is Fault.NONE
    assert fault_of(skew, CrystalRequest(motif=MOTIFS["square"])) is Fault.NONE
    assert fault_of(skew, CrystalRequest(space_group=1)) is Fault.NONE


def test_atoms_that_fall_onto_a_higher_symmetry_than_was_asked_for_are_told() -> None:
    assert fault_of(_salt(), CrystalRequest(numbers=(11, 17), space_group=225)) is Fault.NONE
    assert fault_of(_salt(), CrystalRequest(numbers=(11, 17), space_group=160)) is Fault.OTHER_GROUP


def test_the_first_draws_are_those_of_the_sampler_and_what_is_kept_is_never_worse() -> None:
    model, requests = tiny_model(), [FREE] * 24
    made = generate_sound(model, requests, settings=QUICK, seed=4, tries=3)
    plain = generate(model, requests, settings=QUICK, seed=4)
    assert np.array_equal(made.first.frac, plain.frac)
    assert np.array_equal(made.table.counts, plain.counts)
    assert np.array_equal(made.table.properties["request"], plain.properties["request"])
    kept = crystals_of(made.table)
    again = 0
    for place, crystal in enumerate(kept):
        assert fault_of(crystal, FREE) is made.faults[place] <= made.first_faults[place]
        assert made.tries[place] == 1 or made.first_faults[place]
        assert made.tries[place] == 3 or not made.faults[place]
        again += made.faults[place] < made.first_faults[place]
    assert again > 0
    twice = generate_sound(model, requests, settings=QUICK, seed=4, tries=3)
    assert np.array_equal(twice.table.frac, made.table.frac)


def test_wishes_hold_in_what_is_drawn_again() -> None:
    request = CrystalRequest(atoms=4, allowed=frozenset({3, 8, 16}), required=frozenset({3}))
    made = generate_sound(tiny_model(), [request] * 12, settings=QUICK, seed=1, tries=4)
    assert max(made.tries) > 1
    for crystal in crystals_of(made.table):
        assert "Li" in crystal.species
        assert {SYMBOLS.index(symbol) + 1 for symbol in crystal.species} <= {3, 8, 16}
        assert len(crystal.species) == 4


def test_an_unsound_cell_of_a_formula_is_drawn_again_with_fewer_formula_units() -> None:
    small, large, other = (CrystalRequest(numbers=numbers) for numbers in ((3, 9), (3, 9) * 8, (3, 3, 9)))
    made = generate_sound(tiny_model(), [small, large, other, large], settings=QUICK, seed=1, tries=5)
    assert made.first.counts.tolist() == [2, 16, 3, 16]
    assert made.first_faults[1], "sixteen atoms without training come too close"
    for place in (1, 3):
        assert made.table.counts[place] in (2, 16)
        assert made.table.formulas[place] == "FLi"
    assert 2 in made.table.counts[[1, 3]].tolist()
    assert made.table.counts[2] == 3
    alone = generate_sound(tiny_model(), [large, other], settings=QUICK, seed=1, tries=5)
    assert alone.table.counts.tolist() == [16, 3]


def test_beside_required_elements_another_size_may_be_drawn() -> None:
    # With three atoms lithium, phosphorus and sulfur could only be LiPS again and again.
    elements = frozenset({3, 15, 16})
    request = CrystalRequest(allowed=elements, required=elements)
    made = generate_sound(tiny_model(), [request] * 24, settings=QUICK, seed=1, tries=4)
    assert (made.table.counts != made.first.counts).any()
    for place in range(24):
        assert set(made.table.atoms_of(place)[0].tolist()) == elements


def test_of_a_formula_what_came_before_is_drawn_again_and_what_stays_the_same_is_told() -> None:
    copper = CrystalRequest(numbers=(29,))
    settings = SamplingSettings(steps=3, lattice_noise=0.0)
    made = generate_sound(tiny_model(), [copper] * 12, settings=settings, seed=3, tries=3)
    assert made.first_faults.count(Fault.REPEATED) > made.faults.count(Fault.REPEATED)
    assert all(tries > 1 for tries, fault in zip(made.tries, made.first_faults, strict=True) if fault)
    groups = merge(crystals_of(made.table))
    for place, fault in enumerate(made.faults):
        if fault in (Fault.NONE, Fault.REPEATED):
            assert (groups[place] in groups[:place]) is (fault is Fault.REPEATED)
    # Nobody who asks for elements, or for a space group, is told that two are alike.
    free = CrystalRequest(atoms=1, allowed=frozenset({29}))
    for request in (free, CrystalRequest(numbers=(29,), space_group=225)):
        found = generate_sound(tiny_model(), [request] * 12, settings=settings, seed=3, tries=1)
        assert Fault.REPEATED not in found.faults


def test_of_required_elements_what_came_before_is_told_too() -> None:
    request = CrystalRequest(atoms=2, allowed=frozenset({11, 17}), required=frozenset({11, 17}))
    settings = SamplingSettings(steps=40, sharpness=4.0)
    made = generate_sound(load_shipped(), [request] * 12, settings=settings, seed=2, tries=1)
    sound = [place for place, fault in enumerate(made.faults) if fault is Fault.NONE]
    assert Fault.REPEATED in made.faults
    assert len(set(merge([crystals_of(made.table)[place] for place in sound]))) == len(sound)


def test_one_try_takes_all_as_they_come_and_none_is_refused() -> None:
    made = generate_sound(tiny_model(), [FREE] * 8, settings=QUICK, seed=2, tries=1)
    assert made.tries == [1] * 8
    assert made.faults == made.first_faults
    with pytest.raises(SpecError, match="0 times"):
        generate_sound(tiny_model(), [FREE], settings=QUICK, tries=0)


def test_steered_crystals_are_drawn_once() -> None:
    steering = Steering(prefer=lambda rows: [0.0] * len(rows))
    made = generate_sound(tiny_model(), [FREE] * 8, settings=QUICK, seed=2, tries=4, steering=steering)
    assert made.tries == [1] * 8
