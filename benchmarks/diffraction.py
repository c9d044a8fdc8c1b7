"""Makes two-phase powder scans of the measured crystals, with noise, and counts how many are identified.

    python benchmarks/diffraction.py [--mixtures 20] [--seed 0] [--every-element]

What is fitted does not know what was made: lines are pseudo-Voigt of another Lorentz share for each mixture with a width that
grows with angle, each axis of each lattice is strained on its own by up to 0.2 %, the zero is off by up to 0.08 degrees, line
intensities by 5 % (texture), thermal motion damps lines at high angles, the background slopes and has a hump, and counts are
Poisson numbers of 3000 to 30000 at the strongest line. Weight fractions run from 0.1 to 0.9.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.diffraction.mixture import MixtureSearch
from matsmith.knowledge.diffraction.scans import Scan, scan_of
from matsmith.knowledge.diffraction.sticks import Sticks, measured_sticks, radiation, sticks_of
from matsmith.tools.identify_phases import IMPROVEMENT

RANGE = (15.0, 90.0)
STEP = 0.02
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Made:
    """A mixture: places of its crystals in the table, weight fraction of the first, and the scan."""

    places: tuple[int, int]
    fraction: float
    scan: Scan


def made(generator: np.random.Generator, *, pool: list[int]) -> Made:
    """Make one mixture of two crystals of the pool."""
    crystals = measured_crystals()
    first, second = (int(place) for place in generator.choice(pool, size=2, replace=False))
    fraction = float(generator.uniform(0.1, 0.9))
    angles = np.arange(RANGE[0], RANGE[1] + STEP / 2, STEP)
    zero, lorentz = float(generator.uniform(-0.08, 0.08)), float(generator.uniform(0.2, 0.8))
    broad = float(generator.uniform(0.08, 0.25))
    total = np.zeros_like(angles)
    for place, share in ((first, fraction), (second, 1.0 - fraction)):
        structure = strained(crystals[place].structure(), generator)
        sticks = sticks_of(structure, name="", lines=radiation("CuKa"), two_theta_deg=RANGE)
        strengths = sticks.intensity * np.exp(generator.normal(0.0, 0.05, sticks.intensity.size))
        displacement = float(generator.uniform(0.2, 0.8))
        strengths = strengths * np.exp(-displacement / (2 * sticks.d_angstrom**2))
        scale = share / sticks.mass_factor
        for wavelength, weight in radiation("CuKa"):
            for centre, strength in zip(sticks.two_theta(wavelength), strengths, strict=True):
                if np.isfinite(centre):
                    width = broad * (0.8 + 0.4 * centre / 90.0)
                    total += scale * weight * strength * peak(angles - centre - zero, width, lorentz)
    total *= generator.uniform(3e3, 3e4) / total.max()
    slope = generator.uniform(-0.5, 0.5)
    level = generator.uniform(0.01, 0.05) * total.max()
    hump = generator.uniform(0.0, 0.5) * np.exp(-0.5 * ((angles - 22.0) / 8.0) ** 2)
    smooth = level * (1.0 + slope * (angles - 50.0) / 50.0 + hump)
    counts = np.asarray(generator.poisson(np.clip(total + smooth, 0.0, None)), dtype=float)
    return Made((first, second), fraction, scan_of(angles, counts, source="made"))


def strained(structure: Structure, generator: np.random.Generator) -> Structure:
    """Strain each axis on its own, equal axes alike."""
    lattice = structure.lattice
    factors: dict[float, float] = {}
    lengths = [
        length * factors.setdefault(round(length, 4), 1.0 + float(generator.uniform(-0.002, 0.002)))
        for length in lattice.abc
    ]
    a, b, c = lengths
    changed = Lattice.from_parameters(a, b, c, *lattice.angles)
    return Structure(changed, structure.species, structure.frac_coords)


def peak(offset: Floats, width: float, lorentz: float) -> Floats:
    """Pseudo-Voigt peak of area one."""
    gauss = np.exp(-4 * np.log(2) * (offset / width) ** 2) * 2 * np.sqrt(np.log(2) / np.pi) / width
    return lorentz * 2 / (np.pi * width) / (1 + 4 * (offset / width) ** 2) + (1 - lorentz) * gauss


def library(elements: set[str] | None) -> list[Sticks]:
    """Lines of the measured crystals of these elements, or of all."""
    lines = radiation("CuKa")
    return [
        measured_sticks(place, lines, RANGE)
        for place, crystal in enumerate(measured_crystals())
        if elements is None or {site.element for site in crystal.sites} <= elements
    ]


def label(crystal: MeasuredCrystal) -> str:
    """The name that the search gives."""
    return f"{crystal.formula} ({crystal.name})"


def main() -> None:
    """Make mixtures, identify them, print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mixtures", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--improvement", type=float, default=IMPROVEMENT)
    parser.add_argument(
        "--every-element", action="store_true", help="search all crystals, not those of the elements alone"
    )
    given = parser.parse_args()
    generator = np.random.default_rng(given.seed)
    crystals = measured_crystals()
    right, errors, started = 0, list[float](), time.perf_counter()
    for number in range(given.mixtures):
        mixture = made(generator, pool=list(range(len(crystals))))
        pair = [crystals[place] for place in mixture.places]
        elements = None if given.every_element else {site.element for one in pair for site in one.sites}
        search = MixtureSearch(mixture.scan, library(elements), lines=radiation("CuKa"))
        found = search.run(improvement=given.improvement)
        names = {part.sticks.name: part.weight_fraction for part in found.parts}
        good = set(names) == {label(one) for one in pair}
        right += good
        note = ""
        if good:
            errors.append(abs(names[label(pair[0])] - mixture.fraction))
            note = f"fraction {names[label(pair[0])]:.3f} for {mixture.fraction:.3f}"
        else:
            note = f"found {', '.join(f'{n} {f:.2f}' for n, f in names.items())} for {mixture.fraction:.3f}"
        print(f"{number:3d} {'ok ' if good else 'NO '} {label(pair[0])} + {label(pair[1])}: {note}")
    inside = sum(error <= 0.05 for error in errors)
    print(
        f"phases right in {right} of {given.mixtures}; fractions within 0.05 in {inside} of {len(errors)}, "
        f"largest error {max(errors, default=0.0):.3f}, rms {float(np.sqrt(np.mean(np.square(errors)))):.3f}; "
        f"{(time.perf_counter() - started) / given.mixtures:.1f} s a mixture"
    )


if __name__ == "__main__":
    main()
