"""Bands on a made surface whose saddle is known, several at once in batches, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.models.nudged_elastic_band import BandSettings, Path, bands
from matsmith.models.potentials.interface import ArrayPotential, CrystalArrays, Evaluation, Refusal

EDGE = 6.0
WIDTH = 0.4


class DoubleWell:
    """Two atoms with minima at x = 0 and x = WIDTH between them, and a bent path over a saddle of known height.

    With p = πx / WIDTH in fractional coordinates: E = H sin²p + T (p/π) + K (y - bend · sin p)².
    """

    batch_cost = 7

    def __init__(
        self, *, height_ev: float, bend: float = 0.1, tilt_ev: float = 0.0, refuses: bool = False
    ) -> None:
        self.height_ev, self.bend, self.tilt_ev, self.refuses = height_ev, bend, tilt_ev, refuses
        self.largest_batch = 0

    def new_state(self, crystal: CrystalArrays) -> Any:
        return None

    def cost(self, crystal: CrystalArrays, state: Any) -> int:
        return 1

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[Any], *, magnetic_moments: bool = False
    ) -> list[Evaluation | Refusal]:
        self.largest_batch = max(self.largest_batch, len(crystals))
        return [self.one(crystal) for crystal in crystals]

    def one(self, crystal: CrystalArrays) -> Evaluation | Refusal:
        x, y, _ = (crystal.frac_coords[0] - crystal.frac_coords[1]).tolist()
        if self.refuses and x > 0.1:
            return Refusal("overlap", "made to refuse.")
        p = np.pi * x / WIDTH
        off, stiffness = y - self.bend * np.sin(p), 40.0
        energy = self.height_ev * np.sin(p) ** 2 + self.tilt_ev * p / np.pi + stiffness * off**2
        along = (np.pi / WIDTH) * (
            self.height_ev * np.sin(2 * p)
            + self.tilt_ev / np.pi
            - 2 * stiffness * off * self.bend * np.cos(p)
        )
        force = -np.array([along, 2 * stiffness * off, 0.0]) / EDGE
        return Evaluation(
            energy_ev=float(energy),
            forces_ev_per_angstrom=np.array([force, -force]),
            stress_ev_per_angstrom3=np.zeros((3, 3)),
        )


def ends(*, last_ev: float = 0.0) -> tuple[Structure, float, Structure, float]:
    lattice = Lattice.cubic(EDGE)
    first = Structure(lattice, ["Li", "O"], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    last = Structure(lattice, ["Li", "O"], [[WIDTH, 0.0, 0.0], [0.0, 0.0, 0.5]])
    return first, 0.0, last, last_ev


def run(made: DoubleWell, count: int = 1, *, images: int = 5, last_ev: float = 0.0) -> list[Path | Refusal]:
    settings = BandSettings(images=images, force_tolerance_ev_per_angstrom=0.01, max_steps=500)
    found = dict(
        bands([ends(last_ev=last_ev)] * count, potential=cast("ArrayPotential", made), settings=settings)
    )
    return [found[k] for k in range(count)]


@pytest.mark.parametrize("images", [3, 5, 6])
@pytest.mark.parametrize("height", [0.05, 0.6, 2.5])
def test_the_climbing_image_finds_the_saddle(height: float, images: int) -> None:
    (path,) = run(DoubleWell(height_ev=height), images=images)
    assert isinstance(path, Path)
    assert path.converged
    assert path.barrier_ev == pytest.approx(height, abs=0.002 + 0.002 * height)
    # The path is bent: the straight line would pay 40 eV · bend² = 0.4 eV more.
    light, heavy = Crystal.from_pymatgen(path.highest).positions
    gap = [(a - b + 0.5) % 1.0 - 0.5 for a, b in zip(light, heavy, strict=True)]
    assert gap[0] == pytest.approx(WIDTH / 2, abs=0.01)
    assert gap[1] == pytest.approx(0.1, abs=0.01)


def test_a_symmetric_hop_has_a_symmetric_profile() -> None:
    (path,) = run(DoubleWell(height_ev=0.5))
    assert isinstance(path, Path)
    np.testing.assert_allclose(path.energies_ev, path.energies_ev[::-1], atol=0.01)


def test_a_tilted_hop_is_measured_from_its_lower_end() -> None:
    made = DoubleWell(height_ev=1.0, tilt_ev=0.2)
    (path,) = run(made, last_ev=0.2)
    assert isinstance(path, Path)
    # The saddle of sin² p + 0.2 p / π lies where sin 2p = -0.2 / π.
    p = (np.pi + np.arcsin(0.2 / np.pi)) / 2
    assert path.barrier_ev == pytest.approx(np.sin(p) ** 2 + 0.2 * p / np.pi, abs=0.005)


def test_many_bands_share_batches_and_equal_one() -> None:
    alone = DoubleWell(height_ev=0.5)
    (single,) = run(alone)
    made = DoubleWell(height_ev=0.5)
    several = run(made, count=4)
    assert made.largest_batch == made.batch_cost
    for path in several:
        assert isinstance(path, Path)
        assert isinstance(single, Path)
        np.testing.assert_allclose(path.energies_ev, single.energies_ev, atol=1e-12)


def test_a_refused_image_ends_its_band_alone() -> None:
    (refused,) = run(DoubleWell(height_ev=0.5, refuses=True))
    assert isinstance(refused, Refusal)
    assert refused.code == "overlap"


def test_the_steps_are_bounded() -> None:
    settings = BandSettings(force_tolerance_ev_per_angstrom=1e-9, max_steps=4)
    made = cast("ArrayPotential", DoubleWell(height_ev=0.5))
    ((_, path),) = bands([ends()], potential=made, settings=settings)
    assert isinstance(path, Path)
    assert path.steps == 4
    assert not path.converged


def test_the_ends_are_not_changed() -> None:
    first, _, last, _ = given = ends()
    before = first.frac_coords.copy(), last.frac_coords.copy()
    list(bands([given], potential=cast("ArrayPotential", DoubleWell(height_ev=0.3))))
    np.testing.assert_array_equal(first.frac_coords, before[0])
    np.testing.assert_array_equal(last.frac_coords, before[1])
