"""Whatever is asked of a crystal's parts holds for every sample of an untrained network: it holds by construction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from matsmith.core.errors import SpecError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.diffusion.constraints import Constraints
from matsmith.models.diffusion.data_format import CrystalTable
from matsmith.models.diffusion.motifs import MOTIFS, Motif, Seed, Slab, motif_of_structure
from matsmith.models.diffusion.noise import wrap
from matsmith.models.diffusion.requests import CrystalRequest
from matsmith.models.diffusion.sampling import SamplingSettings, generate
from matsmith.models.diffusion.steering import Steering
from matsmith.models.diffusion.symmetric_sites import arrange
from matsmith.models.diffusion.weights import DiffusionModel

QUICK = SamplingSettings(steps=5)
PEROVSKITE = Seed(
    numbers=(56, 22, 8, 8, 8),
    places=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
    lattice=((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.1)),
)


def _cells(table: CrystalTable) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]]:
    """Lattice, places and numbers of every crystal."""
    parts = [table.atoms_of(index) for index in range(len(table))]
    return [
        (table.lattice[index].astype(np.float64), frac.astype(np.float64), numbers)
        for index, (numbers, frac) in enumerate(parts)
    ]


def _gap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    gap: NDArray[np.float64] = a - b
    return gap - np.round(gap)


def _nearest_angstrom(cell: NDArray[np.float64], frac: NDArray[np.float64]) -> list[float]:
    """Distances from the first atom to the others and their images in the plane, sorted."""
    shifts = np.array([(i, j, 0) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    to = (frac[:, None, :] + shifts[None] - frac[0]).reshape(-1, 3) @ cell
    return sorted(np.linalg.norm(to, axis=1).tolist())[1:]


@pytest.mark.parametrize(
    ("name", "neighbours"), [("kagome", 4), ("honeycomb", 3), ("triangular", 6), ("lieb", 4), ("square", 4)]
)
@pytest.mark.parametrize("slab", [None, Slab(4.0, 12.0)])
def test_a_motif_has_its_distances_and_one_species_in_every_crystal(
    random_model: DiffusionModel, name: str, neighbours: int, slab: Slab | None
) -> None:
    motif = MOTIFS[name]
    request = CrystalRequest(atoms=6, allowed=frozenset({26, 50}), motif=motif, slab=slab)
    made = generate(random_model, [request] * 8, settings=QUICK, seed=3)
    for cell, frac, numbers in _cells(made):
        assert len(set(numbers[: motif.atoms].tolist())) == 1
        assert set(numbers.tolist()) <= {26, 50}
        near = _nearest_angstrom(cell, frac[: motif.atoms])
        assert near[neighbours - 1] == pytest.approx(near[0], rel=1e-3)
        if len(near) > neighbours:
            assert near[neighbours] > 1.2 * near[0]
        upright = (cell[:2] @ cell[2]) / np.linalg.norm(cell[:2], axis=1) / np.linalg.norm(cell[2])
        np.testing.assert_allclose(upright, 0, atol=1e-3)
        if slab is not None:
            assert np.linalg.norm(cell[2]) == pytest.approx(16.0, rel=1e-4)
            height = frac[:, 2] * 16.0
            assert np.ptp(height) <= 4.0 + 1e-3


def test_a_motif_takes_an_element_of_a_formula_that_has_enough_atoms(random_model: DiffusionModel) -> None:
    request = CrystalRequest(numbers=(26, 26, 26, 50, 50, 50), motif=MOTIFS["kagome"])
    made = generate(random_model, [request] * 12, settings=QUICK, seed=1)
    chosen = {tuple(numbers[:3].tolist()) for _, _, numbers in _cells(made)}
    assert chosen == {(26, 26, 26), (50, 50, 50)}
    assert set(made.formulas) == {"FeSn"}


def test_required_elements_are_there_beside_a_motif(random_model: DiffusionModel) -> None:
    request = CrystalRequest(
        atoms=4, allowed=frozenset({26, 50}), required=frozenset({26, 50}), motif=MOTIFS["kagome"]
    )
    made = generate(random_model, [request] * 12, settings=QUICK, seed=1)
    for _, _, numbers in _cells(made):
        counted: list[int] = np.unique(numbers, return_counts=True)[1].tolist()
        assert sorted(counted) == [1, 3]
    free = replace(request, atoms=0)
    assert free.least_atoms == 4
    for _, _, numbers in _cells(generate(random_model, [free] * 40, settings=QUICK, seed=1)):
        assert set(numbers.tolist()) == {26, 50}


def test_a_motif_of_ones_own_keeps_its_shape(random_model: DiffusionModel) -> None:
    motif = motif_of_structure(
        "rows",
        lattice=((3.0, 0.0, 0.0), (1.0, 4.5, 0.0), (0.0, 0.0, 9.0)),
        places=((0.1, 0.2, 0.3), (0.6, 0.5, 0.3)),
    )
    made = generate(random_model, [CrystalRequest(atoms=5, motif=motif)] * 5, settings=QUICK)
    for cell, frac, _ in _cells(made):
        a, b = cell[0], cell[1]
        assert np.linalg.norm(b) / np.linalg.norm(a) == pytest.approx(np.hypot(1, 4.5) / 3, rel=1e-3)
        assert a @ b / (a @ a) == pytest.approx(1 / 3, rel=1e-3)
        np.testing.assert_allclose(_gap(frac[1] - frac[0], np.array([0.5, 0.3, 0.0])), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("lattice", "places", "message"),
    [
        (((3.0, 0, 0), (0, 3.0, 0), (1.0, 0, 5.0)), ((0.0, 0.0, 0.0),), "leans"),
        (((3.0, 0, 0), (0, 3.0, 0), (0, 0, 5.0)), ((0.0, 0.0, 0.0), (0.5, 0.5, 0.3)), "one plane"),
    ],
)
def test_what_is_no_flat_layer_is_no_motif(lattice: Any, places: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        motif_of_structure("mine", lattice=lattice, places=places)
    assert caught.value.hint


def test_kept_sites_and_the_kept_cell_of_a_seed_stay_and_the_others_are_doped(
    random_model: DiffusionModel,
) -> None:
    seed = Seed(
        PEROVSKITE.numbers, PEROVSKITE.places, PEROVSKITE.lattice, strength=0.5,
        keep=frozenset({1, 2, 3, 4}), keep_lattice=True, free_species=True,
    )  # fmt: skip
    request = CrystalRequest(seed=seed, allowed=frozenset({38, 20, 82}))
    made = generate(random_model, [request] * 20, settings=QUICK, seed=5)
    found: set[int] = set()
    for cell, frac, numbers in _cells(made):
        assert numbers[1:].tolist() == [22, 8, 8, 8]
        np.testing.assert_allclose(_gap(frac[1:], np.array(PEROVSKITE.places)[1:]), 0, atol=1e-6)
        np.testing.assert_allclose(cell @ cell.T, np.diag([16.0, 16.0, 4.1**2]), rtol=1e-4, atol=1e-3)
        found.add(int(numbers[0]))
    assert found <= {38, 20, 82}
    assert len(found) > 1


def test_a_weak_noise_leaves_a_crystal_near_its_seed_and_a_strong_one_does_not(
    random_model: DiffusionModel,
) -> None:
    def away(strength: float) -> float:
        seed = Seed(PEROVSKITE.numbers, PEROVSKITE.places, PEROVSKITE.lattice, strength=strength)
        made = generate(random_model, [CrystalRequest(seed=seed)] * 6, settings=QUICK, seed=2)
        assert set(made.formulas) == {"BaO3Ti"}
        gaps = [_gap(frac, np.array(PEROVSKITE.places)) for _, frac, _ in _cells(made)]
        centred = [gap - gap.mean(axis=0) for gap in gaps]
        return float(np.mean(np.abs(centred)))

    assert away(0.02) < 0.03
    assert away(1.0) > 0.1


@pytest.mark.parametrize(
    ("group", "numbers"),
    [
        (225, (11, 17)),
        (221, (56, 22, 8, 8, 8)),
        (139, (56, 22, 8, 8)),
        (166, (3, 27, 8, 8)),
        (194, (12, 12, 22, 22)),
        (62, (20, 20, 20, 20) + (22,) * 4),
        (14, (40,) * 4 + (8,) * 8),
        (2, (3, 3, 8, 8, 14, 14)),
        (38, (11, 13, 8, 8)),
    ],
)
@pytest.mark.parametrize("strength", [5, 12])
def test_every_crystal_has_the_space_group_that_was_asked_for(
    random_model: DiffusionModel, group: int, numbers: tuple[int, ...], strength: int
) -> None:
    request = CrystalRequest(numbers=numbers, space_group=group)
    made = generate(random_model, [request] * 6, settings=SamplingSettings(steps=strength), seed=group)
    for cell, frac, atoms in _cells(made):
        assert sorted(atoms.tolist()) == sorted(numbers)
        shape: Any = (cell, frac, atoms)
        found = spglib_or_none("get_symmetry_dataset", shape, tolerance_angstrom=1e-3)
        assert found is not None
        assert int(found.number) == group


def test_the_network_is_shown_noise_where_a_space_group_leaves_no_freedom() -> None:
    cell = arrange(136, {22: 2, 8: 4}, random=np.random.default_rng(1))
    none = Constraints.none(1, 6).with_symmetry()
    held = replace(none, averaging=torch.tensor(cell.averaging()).float().unsqueeze(0))
    places = torch.tensor(cell.places(np.full((6, 3), 0.3))).float().unsqueeze(0)
    drawn = 0.02 * torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0))
    moved = wrap(held.shown(places, lambda: drawn) - places)
    # What symmetry lets move is left alone, the rest has the noise of a crystal that nothing binds.
    still = torch.einsum("bijac,bjc->bia", cast("torch.Tensor", held.averaging), moved)
    torch.testing.assert_close(still, torch.zeros_like(still), atol=1e-6, rtol=0)
    fixed = torch.tensor(cell.labels == 22)
    torch.testing.assert_close(moved[0, fixed], drawn[0, fixed], atol=1e-6, rtol=0)
    torch.testing.assert_close(none.shown(places, lambda: drawn), torch.remainder(places, 1.0))
    assert Constraints.none(1, 6).shown(places, lambda: drawn) is places


def test_species_of_an_orbit_are_one_and_required_elements_come(random_model: DiffusionModel) -> None:
    request = CrystalRequest(
        atoms=5, allowed=frozenset({3, 8, 26, 14}), required=frozenset({8, 26}), space_group=221
    )
    free = CrystalRequest(allowed=frozenset({3, 8}))
    made = generate(random_model, [request, free] * 6, settings=QUICK, seed=4)
    for place, (cell, frac, numbers) in enumerate(_cells(made)):
        if place % 2:
            continue
        assert {8, 26} <= set(numbers.tolist()) <= {3, 8, 26, 14}
        np.testing.assert_allclose(cell, np.eye(3) * cell[0, 0], atol=1e-3)
        shape: Any = (cell, frac, numbers)
        found = spglib_or_none("get_symmetry_dataset", shape, tolerance_angstrom=1e-3)
        assert found is not None
        assert len(found.rotations) >= 48


def test_steering_takes_the_crystals_that_a_predictor_prefers_and_reproduces(
    random_model: DiffusionModel,
) -> None:
    def prefer(compositions: list[tuple[int, ...]]) -> list[float]:
        return [2.0 * sum(number == 8 for number in numbers) for numbers in compositions]

    request = CrystalRequest(allowed=frozenset({3, 8, 14, 26}))

    def share(steering: Steering | None) -> tuple[float, CrystalTable]:
        made = generate(
            random_model, [request] * 40, settings=SamplingSettings(steps=20), seed=6, steering=steering
        )
        return float((made.numbers == 8).mean()), made

    plain, _ = share(None)
    steered, one = share(Steering(prefer))
    again, other = share(Steering(prefer))
    assert steered > plain + 0.1
    assert steered == again
    np.testing.assert_array_equal(one.frac, other.frac)
    alone = generate(random_model, [request], settings=QUICK, seed=6, steering=Steering(prefer))
    assert len(alone) == 1


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (CrystalRequest(motif=MOTIFS["kagome"], space_group=225), "cannot be asked for together"),
        (CrystalRequest(motif=MOTIFS["kagome"], atoms=2), "has 3 atoms, more than the 2"),
        (CrystalRequest(motif=MOTIFS["kagome"], numbers=(26, 26, 50)), "No element of the formula"),
        (
            CrystalRequest(motif=MOTIFS["kagome"], atoms=4, required=frozenset({8, 26, 50})),
            "cannot all be in a cell of 4 atoms",
        ),
        (CrystalRequest(motif=Motif("large", MOTIFS["square"].plane, ((0.0, 0.0),) * 21)), "21 atoms"),
        (CrystalRequest(space_group=231), "no space group 231"),
        (CrystalRequest(numbers=(11, 17, 17, 17, 17), space_group=225), "cannot take the Wyckoff positions"),
        (CrystalRequest(numbers=(11, 11), space_group=1), "only crystals of higher symmetry"),
        (CrystalRequest(slab=Slab(-1.0)), "cannot be made"),
        (CrystalRequest(slab=Slab(5.0, 0.0)), "cannot be made"),
        (CrystalRequest(seed=PEROVSKITE, atoms=5), "says the formula"),
        (CrystalRequest(seed=PEROVSKITE, allowed=frozenset({8})), "whose species all stay"),
        (
            CrystalRequest(seed=Seed((8,), ((0, 0, 0),), PEROVSKITE.lattice, strength=0.0)),
            "strength of 0",
        ),
        (CrystalRequest(seed=Seed((8,), ((0, 0, 0),), PEROVSKITE.lattice, keep=frozenset({3}))), "no site 4"),
        (CrystalRequest(seed=Seed((8,) * 21, ((0, 0, 0),) * 21, PEROVSKITE.lattice)), "has 21 atoms"),
        (CrystalRequest(conditions={"density_g_cm3": -1.0}), "negative"),
    ],
)
def test_parts_that_cannot_be_are_refused_with_a_hint(
    random_model: DiffusionModel, request_: CrystalRequest, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        generate(random_model, [request_], settings=QUICK)
    assert caught.value.hint
