"""Static energies and relaxations for the builder of reference phases, and a line of progress every half minute."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.tools.reference_plan import Decoration

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

FORCE_TOLERANCE_EV_PER_ANGSTROM = 0.08
STRESS_TOLERANCE_GPA = 0.5
MAX_STEPS = 40
TASTE_STEPS = 4
_RESIDUAL_FORCE_EV_PER_ANGSTROM = 0.5


class Progress:
    """A line of what is done, at most every 30 s."""

    def __init__(self, path: Path, *, period_s: float = 30.0) -> None:
        self._path, self._period, self._last = path, period_s, 0.0
        self._start = time.monotonic()
        self.counts = {"elements": 0, "systems": 0, "screened": 0, "relaxed": 0, "failed": 0}

    def tick(self, note: str = "", *, force: bool = False) -> None:
        """Write the line when it is due."""
        now = time.monotonic()
        if force or now - self._last >= self._period:
            self._last = now
            counted = " ".join(f"{name}={value}" for name, value in self.counts.items())
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{now - self._start:8.0f} s {counted} {note}\n")


def static_energies(
    crystals: Sequence[Decoration] | Sequence[Structure], *, potential: BatchedCHGNet, progress: Progress
) -> list[float | None]:
    """Energy in eV/atom of each, None where the potential refuses."""
    from matsmith.models.potentials.interface import CrystalArrays, Evaluation

    arrays = (_arrays(c) if isinstance(c, Decoration) else CrystalArrays.from_structure(c) for c in crystals)
    energies: list[float | None] = []
    for crystal, answer in zip(
        crystals, potential.evaluate_arrays(arrays, forces=False, stress=False), strict=True
    ):
        atoms = crystal.prototype.atoms if isinstance(crystal, Decoration) else len(crystal)
        good = isinstance(answer, Evaluation) and np.isfinite(answer.energy_ev)
        energies.append(answer.energy_ev / atoms if isinstance(answer, Evaluation) and good else None)
        progress.counts["screened"] += 1
        progress.tick()
    return energies


def _arrays(decoration: Decoration) -> Any:
    from matsmith.models.potentials.interface import CrystalArrays

    numbers = np.array([SYMBOLS.index(symbol) + 1 for symbol in decoration.symbols], dtype=np.int64)
    prototype = decoration.prototype
    return CrystalArrays(
        numbers=numbers[prototype.slot_of_site],
        frac_coords=prototype.frac_coords.copy(),
        lattice_angstrom=decoration.lattice_angstrom.copy(),
    )


def crystal_of(decoration: Decoration) -> Structure:
    """The decoration as a crystal to relax."""
    from pymatgen.core import Lattice, Structure

    species: list[str] = [decoration.symbols[k] for k in decoration.prototype.slot_of_site.tolist()]
    return Structure(Lattice(decoration.lattice_angstrom), species, decoration.prototype.frac_coords)


def relax_plain(
    structures: Sequence[Structure], *, max_steps: int, potential: BatchedCHGNet, progress: Progress
) -> list[dict[str, Any] | None]:
    """Relax in one batch; plain results in order, None where nothing sound came out."""
    from matsmith.models.relaxation import RelaxationSettings, Relaxed, relax

    settings = RelaxationSettings(
        force_tolerance_ev_per_angstrom=FORCE_TOLERANCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=STRESS_TOLERANCE_GPA,
        max_steps=max_steps,
    )
    results: list[dict[str, Any] | None] = [None] * len(structures)
    tasting = max_steps <= TASTE_STEPS
    for index, result in relax(structures, potential=potential, settings=settings):
        progress.tick()
        last = result if isinstance(result, Relaxed) else result.last
        unfinished = last is not None and not last.converged
        if last is None or (
            unfinished and not tasting and last.max_force_ev_per_angstrom > _RESIDUAL_FORCE_EV_PER_ANGSTROM
        ):
            progress.counts["failed"] += 1
            continue
        if not tasting:
            progress.counts["relaxed"] += 1
        results[index] = _plain(last)
    return results


def _plain(relaxed: Any) -> dict[str, Any]:
    structure: Structure = relaxed.structure
    return {
        "energy_ev_per_atom": round(float(relaxed.energy_ev_per_atom), 5),
        "converged": bool(relaxed.converged),
        "steps": int(relaxed.steps),
        "max_force_ev_per_angstrom": round(float(relaxed.max_force_ev_per_angstrom), 4),
        "lattice": np.round(structure.lattice.matrix, 5).tolist(),
        "species": [str(site.specie) for site in structure],
        "positions": np.round(structure.frac_coords, 5).tolist(),
    }


def structure_of(plain: dict[str, Any]) -> Structure:
    """The crystal of a plain result."""
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(plain["lattice"]), plain["species"], plain["positions"])
