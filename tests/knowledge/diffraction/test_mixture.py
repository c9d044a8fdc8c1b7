"""Lines against textbook angles and extinctions; phases and fractions of mixtures made with noise."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.errors import DataError, StructureError, UsageError
from matsmith.knowledge.crystals import find
from matsmith.knowledge.diffraction.mixture import MixtureSearch
from matsmith.knowledge.diffraction.scans import Scan, scan_of
from matsmith.knowledge.diffraction.sticks import Sticks, radiation, sticks_of

LINES = radiation("CuKa")
RANGE = (20.0, 80.0)


def lines_of(formula: str, *, thermal: float = 0.5) -> Sticks:
    crystal = find(formula)[0]
    return sticks_of(
        crystal.structure(), name=formula, lines=LINES, two_theta_deg=RANGE, thermal_angstrom2=thermal
    )


def made(shares: dict[str, float], *, zero: float = 0.05, strain: float = 0.001, seed: int = 1) -> Scan:
    """A scan of Gaussian-like peaks, which the fit's own shape is not, with Poisson noise."""
    angles = np.arange(RANGE[0], RANGE[1], 0.03)
    total = np.zeros_like(angles)
    for formula, share in shares.items():
        sticks = lines_of(formula, thermal=0.4)
        for wavelength, weight in LINES:
            places = sticks.two_theta(wavelength, strain=strain)
            for place, strength in zip(places, sticks.intensity, strict=True):
                if np.isfinite(place):
                    shape = np.exp(-4 * np.log(2) * np.abs((angles - place - zero) / 0.2) ** 1.6)
                    total += share / sticks.mass_factor * weight * strength * shape
    total = total * 8000 / total.max() + 150 + angles
    counts = np.asarray(np.random.default_rng(seed).poisson(total), dtype=float)
    return scan_of(angles, counts, source="made")


def test_lines_of_silicon_lie_where_they_are_measured() -> None:
    # NIST SRM 640 silicon with copper Kα1: 111 at 28.44, 220 at 47.30, 311 at 56.12 degrees; 200 and 222 are extinct.
    sticks = lines_of("Si")
    angles = sticks.two_theta(1.540593)
    assert angles[:3] == pytest.approx([28.44, 47.30, 56.12], abs=0.02)
    assert [tuple(sorted(abs(i) for i in hkl)) for hkl in sticks.indices[:3]] == [
        (1, 1, 1),
        (0, 2, 2),
        (1, 1, 3),
    ]
    assert sticks.intensity[0] == sticks.intensity.max()


def test_a_supercell_has_the_same_pattern_and_mass_law() -> None:
    structure = find("MgO")[0].structure()
    one = sticks_of(structure, name="one", lines=LINES, two_theta_deg=RANGE)
    many = sticks_of(structure * (2, 1, 1), name="many", lines=LINES, two_theta_deg=RANGE)
    strong = many.intensity > 1e-6 * many.intensity.max()
    assert many.d_angstrom[strong] == pytest.approx(one.d_angstrom, rel=1e-6)
    assert many.intensity[strong] / many.mass_factor == pytest.approx(
        one.intensity / one.mass_factor, rel=1e-6
    )


@pytest.mark.parametrize("share", [0.15, 0.5, 0.85])
def test_two_phases_and_their_fractions_are_found_among_many(share: float) -> None:
    scan = made({"Al2O3": share, "MgO": 1 - share})
    library = [lines_of(f) for f in ("MgO", "Al2O3", "Al", "Mg", "MgAl2O4", "NiO", "Si")]
    found = MixtureSearch(scan, library, lines=LINES).run(improvement=0.1)
    parts = {part.sticks.name: part for part in found.parts}
    assert set(parts) == {"Al2O3", "MgO"}
    assert parts["Al2O3"].weight_fraction == pytest.approx(share, abs=0.05)
    assert found.unexplained < 0.22


def test_strain_and_zero_shift_are_found_together() -> None:
    scan = made({"Si": 0.6, "Al2O3": 0.4}, zero=-0.07, strain=0.002)
    found = MixtureSearch(scan, [lines_of("Si"), lines_of("Al2O3")], lines=LINES).run(improvement=0.1)
    assert found.zero_shift_deg == pytest.approx(-0.07, abs=0.03)
    for part in found.parts:
        assert part.strain == pytest.approx(0.002, abs=0.0006)


def test_a_single_phase_stays_single() -> None:
    scan = made({"TiO2": 1.0})
    library = [lines_of(f) for f in ("TiO2", "SnO2", "Al2O3", "Si", "MgO")]
    found = MixtureSearch(scan, library, lines=LINES).run(improvement=0.1)
    assert [part.sticks.name for part in found.parts] == ["TiO2"]


def test_a_phase_that_is_not_in_the_library_shows_as_unexplained() -> None:
    scan = made({"Al2O3": 0.5, "TiO2": 0.5})
    found = MixtureSearch(scan, [lines_of("Al2O3"), lines_of("Si")], lines=LINES).run(improvement=0.1)
    assert found.unexplained > 0.25


def test_what_cannot_be_searched_is_refused() -> None:
    scan = made({"MgO": 1.0})
    with pytest.raises(DataError, match="no phase to look for"):
        MixtureSearch(scan, [], lines=LINES)
    flat = scan_of(scan.two_theta_deg, np.full_like(scan.counts, 100.0), source="flat")
    with pytest.raises(DataError, match="no line above its noise"):
        MixtureSearch(flat, [lines_of("MgO")], lines=LINES)


def test_radiations() -> None:
    assert radiation("cukα1") == ((1.540593, 1.0),)
    for wrong in ("ZzKa", "-1", "99"):
        with pytest.raises(UsageError, match="no radiation"):
            radiation(wrong)


def test_a_range_without_a_line_is_refused() -> None:
    with pytest.raises(StructureError, match="no line"):
        sticks_of(find("Si")[0].structure(), name="Si", lines=LINES, two_theta_deg=(5.0, 12.0))
