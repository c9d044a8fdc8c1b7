"""The weights that ship: whole, small, told of in their card, and better than chance."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.models.diffusion.matching import distances, to_structure
from matsmith.models.diffusion.requests import CrystalRequest
from matsmith.models.diffusion.sampling import SamplingSettings, generate
from matsmith.models.diffusion.weights import SHIPPED, DiffusionModel, load_shipped


@pytest.fixture(scope="module")
def model() -> DiffusionModel:
    return load_shipped()


def test_the_file_is_small_and_its_card_names_its_hash_and_its_data(model: DiffusionModel) -> None:
    assert SHIPPED.stat().st_size < 10_000_000
    card = SHIPPED.with_suffix(".md").read_text(encoding="utf-8")
    assert model.sha256[:16] in card
    assert f"{model.card.trained_on['crystals']:,}" in card
    for name in (*model.card.network.scalars, *(name for name, _ in model.card.network.categories)):
        assert name in card


def test_no_element_comes_that_was_not_asked_for_and_atoms_keep_apart(model: DiffusionModel) -> None:
    asked = CrystalRequest(atoms=4, allowed=frozenset({3, 8, 16}), required=frozenset({3}))
    made = generate(model, [asked] * 12, settings=SamplingSettings(steps=50), seed=3)
    assert set(made.numbers.tolist()) <= {3, 8, 16}
    assert all(3 in made.atoms_of(row)[0] for row in range(12))
    closest: list[float] = []
    for row in range(12):
        crystal = to_structure(*made.atoms_of(row), made.lattice[row])
        apart = crystal.distance_matrix + 99 * np.eye(len(crystal))
        closest.append(float(apart.min()))
    assert np.median(closest) > 1.2
    assert sum(value > 0.5 for value in closest) >= 11


def test_common_salt_is_found(model: DiffusionModel) -> None:
    from pymatgen.core import Lattice, Structure

    made = generate(
        model, [CrystalRequest(numbers=(11, 17))] * 8, settings=SamplingSettings(steps=50), seed=0
    )
    salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    samples = [to_structure(*made.atoms_of(row), made.lattice[row]) for row in range(8)]
    found = distances([salt], ["ClNa"], [samples], quiet=True)[0]
    assert np.isfinite(found).sum() >= 4
    assert found.min() < 0.05
    volumes = [crystal.volume / 2 for crystal in samples]
    assert np.median(volumes) == pytest.approx(22.4, rel=0.2)
