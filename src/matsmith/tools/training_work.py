"""One group of decorations computed: screened by static energies, relaxed, held against their hull, with a bulk modulus.

Every decoration comes back as one plain row: a relaxed crystal with its energy, or the reason why there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.competing_screening import Screened, screen
from matsmith.tools.crystal_facts import is_broken, ways_angstrom
from matsmith.tools.potential import default_potential
from matsmith.tools.reference_evaluation import (
    FORCE_TOLERANCE_EV_PER_ANGSTROM,
    STRESS_TOLERANCE_GPA,
    crystal_of,
)
from matsmith.tools.training_labels import Hulls, static_moduli
from matsmith.tools.training_plan import decoration_of, key_of
from matsmith.tools.training_rows import DEEPEST_BELOW_HULL_EV_PER_ATOM, HIGHEST_ABOVE_HULL_EV_PER_ATOM

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.relaxation import RelaxationFailure, Relaxed

Row = dict[str, Any]
MAX_STEPS = 60
# A static energy lies above the relaxed one: what is this far up before relaxation does not come down to the bound.
_HOPELESS_EV_PER_ATOM = 0.9
_RESIDUAL_FORCE_EV_PER_ANGSTROM = 0.15
# Beyond these a crystal has become another one than the prototype that it started from.
_LARGEST_VOLUME_RATIO, _LARGEST_MOVE_ANGSTROM = 2.0, 1.5
_SMALLEST_CONTACT = 0.6
"""Of the sum of covalent radii; nearer atoms overlap."""


def compute_group(keys: Sequence[str], *, settings: Settings) -> Iterator[Row]:
    """Yield the row of each decoration, in the order in which they are settled."""
    from matsmith.models.relaxation import RelaxationSettings, relax

    potential, hulls = default_potential(settings), _hulls(settings.data_dir, settings.cache_dir)
    every = [decoration_of(key) for key in keys]
    screened = screen(every, potential=potential)
    sound = {key_of(one.decoration) for one in screened}
    for key in keys:
        if key not in sound:
            yield _failed(key, "refused by the potential")
    going: list[Screened] = []
    for one in screened:
        above = _above(hulls, one.decoration.amounts, one.energy_ev_per_atom)
        if above is None:
            yield _failed(key_of(one.decoration), "no reference phases")
        elif above > _HOPELESS_EV_PER_ATOM:
            yield _failed(key_of(one.decoration), "too far above the hull before relaxation")
        else:
            going.append(one)
    chosen = RelaxationSettings(
        force_tolerance_ev_per_angstrom=FORCE_TOLERANCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=STRESS_TOLERANCE_GPA,
        max_steps=MAX_STEPS,
    )
    starts = [_start(one) for one in going]
    ended: list[tuple[str, Relaxed]] = []
    for place, result in relax(starts, potential=potential, settings=chosen):
        decoration = going[place].decoration
        relaxed, problem = _judged(result, start=starts[place])
        if relaxed is not None:
            above = _above(hulls, decoration.amounts, relaxed.energy_ev_per_atom)
            problem = _doubt(above)
        if relaxed is None or problem:
            yield _failed(key_of(decoration), problem)
        else:
            ended.append((key_of(decoration), relaxed))
    yield from _with_moduli(ended, settings=settings)


@lru_cache(maxsize=2)
def _hulls(data_dir: Path, cache_dir: Path) -> Hulls:
    """Hulls are kept between the groups of a process."""
    return Hulls(data_dir=data_dir, cache_dir=cache_dir)


def _with_moduli(ended: Sequence[tuple[str, Relaxed]], *, settings: Settings) -> Iterator[Row]:
    from matsmith.models.potentials.interface import CrystalArrays

    crystals = [CrystalArrays.from_structure(relaxed.structure) for _, relaxed in ended]
    moduli = static_moduli(crystals, potential=default_potential(settings))
    for (key, relaxed), bulk_gpa in zip(ended, moduli, strict=True):
        structure = relaxed.structure
        yield {
            "key": key,
            "problem": "",
            "energy_ev_per_atom": round(float(relaxed.energy_ev_per_atom), 5),
            "bulk_modulus_gpa": None if math.isnan(bulk_gpa) else round(bulk_gpa, 2),
            "converged": bool(relaxed.converged),
            "lattice": np.round(structure.lattice.matrix, 6).tolist(),
            "species": [str(site.specie) for site in structure],
            "positions": np.round(structure.frac_coords, 6).tolist(),
        }


def _failed(key: str, problem: str) -> Row:
    return {"key": key, "problem": problem}


def _above(hulls: Hulls, amounts: dict[str, int], energy_ev_per_atom: float) -> float | None:
    return hulls.labels(amounts, energy_ev_per_atom).get("energy_above_hull_ev_per_atom")


def _doubt(above_ev_per_atom: float | None) -> str:
    if above_ev_per_atom is None:
        return "no reference phases"
    if above_ev_per_atom > HIGHEST_ABOVE_HULL_EV_PER_ATOM:
        return "too far above the hull"
    return "too far below the hull" if above_ev_per_atom < DEEPEST_BELOW_HULL_EV_PER_ATOM else ""


def _start(screened: Screened) -> Structure:
    structure = crystal_of(screened.decoration)
    structure.scale_lattice(structure.volume * math.exp(screened.log_volume_change))
    return structure


def _judged(result: Relaxed | RelaxationFailure, *, start: Structure) -> tuple[Relaxed | None, str]:
    """The relaxed crystal, or what keeps it out of the set."""
    from matsmith.models.relaxation import RelaxationFailure, near_minimum

    relaxed = near_minimum(result, within_ev_per_angstrom=_RESIDUAL_FORCE_EV_PER_ANGSTROM)
    if relaxed is None:
        code = result.code if isinstance(result, RelaxationFailure) else "unconverged"
        return None, f"relaxation: {code}"
    ratio = relaxed.structure.volume / start.volume
    if max(ratio, 1 / ratio) > _LARGEST_VOLUME_RATIO or moved_angstrom(start, relaxed.structure) > (
        _LARGEST_MOVE_ANGSTROM
    ):
        return None, "far from its prototype"
    near = is_broken(Crystal.from_pymatgen(relaxed.structure), nearest=_SMALLEST_CONTACT)
    return (None, "atoms overlap") if near else (relaxed, "")


def moved_angstrom(start: Structure, end: Structure) -> float:
    """Largest move of an atom between two crystals with the same atoms in order, in Å of the end's cell, a common shift taken off."""
    before: FloatArray = np.array(start.frac_coords, np.float64)
    after: FloatArray = np.array(end.frac_coords, np.float64)
    return float(ways_angstrom(before, after, np.array(end.lattice.matrix, np.float64)).max())
