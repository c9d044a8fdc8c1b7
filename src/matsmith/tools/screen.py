"""First look at a decorated prototype: its energy as the volume breathes, atoms in place.

Three volumes (and up to two more beyond an edge) give the volume of lowest energy, which is where a relaxation should
start, an upper bound of the relaxed energy, and a rough stiffness that orders candidates and never enters a verdict.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import Evaluation, Refusal
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.potential import identity, potential
from matsmith.tools.results import method_of, refused

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FACTORS = (0.9, 1.0, 1.1)
_FURTHER = {0.9: 0.8, 0.8: 0.7, 1.1: 1.22, 1.22: 1.35}
_EV_PER_ANGSTROM3_IN_GPA = 160.21766208


class ScreenArgs(Args):
    """What to screen."""

    structure: StructureRef


class _Curve:
    """Energies of one crystal by volume factor."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.energies: dict[float, float] = {}
        self.waiting: list[float] = list(_FACTORS)
        self.refusal: Refusal | None = None

    def scaled(self, factor: float) -> Structure:
        copy = self.structure.copy()
        copy.scale_lattice(self.structure.volume * factor)
        return copy

    def take(self, factor: float, answer: Evaluation | Refusal) -> None:
        if isinstance(answer, Refusal):
            # Too tight at this volume: only when every volume fails is the structure itself at fault.
            self.refusal = answer
        else:
            self.energies[factor] = answer.energy_ev / len(self.structure)

    def ask_further(self) -> None:
        """Ask beyond the edge at which the lowest energy stands, if it stands at one."""
        self.waiting = []
        if self.energies:
            lowest = min(self.energies, key=lambda factor: self.energies[factor])
            further = _FURTHER.get(lowest)
            at_edge = lowest in (min(self.energies), max(self.energies))
            if at_edge and further is not None and further not in self.energies:
                self.waiting = [further]
        elif self.refusal is not None and 1.22 not in self.energies:
            self.waiting = [1.22, 1.35] if self.refusal.code in ("overlap", "collapsed") else []


def run_many(batch: Sequence[ScreenArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Screen all structures together, volume by volume."""
    model = potential(deps.settings)
    started = time.perf_counter()
    curves = [_Curve(deps.crystal(args.structure).to_pymatgen()) for args in batch]
    for _ in range(3):
        jobs = [(curve, factor) for curve in curves for factor in curve.waiting]
        if not jobs:
            break
        answers = model.evaluate_each(
            [curve.scaled(factor) for curve, factor in jobs], forces=False, stress=False
        )
        for (curve, factor), answer in zip(jobs, answers, strict=True):
            curve.take(factor, answer)
        for curve in curves:
            curve.ask_further()
    each_s = (time.perf_counter() - started) / max(1, len(batch))
    for index, curve in enumerate(curves):
        yield index, _outcome(curve, deps=deps).model_copy(update={"wall_s": each_s})


def _outcome(curve: _Curve, *, deps: Deps) -> Outcome:
    if not curve.energies:
        return refused(curve.refusal or Refusal(code="malformed", message="it could not be evaluated"))
    factors = np.array(sorted(curve.energies))
    energies = np.array([curve.energies[factor] for factor in factors])
    best, lowest, stiffness = float(factors[energies.argmin()]), float(energies.min()), 0.0
    if len(factors) >= 3:
        chosen = np.sort(np.argsort(energies)[:3])
        curvature, slope, constant = np.polyfit(np.log(factors[chosen]), energies[chosen], 2)
        if curvature > 0:
            minimum = float(np.exp(-slope / (2 * curvature)))
            if factors[0] * 0.95 <= minimum <= factors[-1] * 1.05:
                best = minimum
                lowest = float(constant - slope**2 / (4 * curvature))
                volume = curve.structure.volume * best / len(curve.structure)
                stiffness = 2 * curvature / volume * _EV_PER_ANGSTROM3_IN_GPA
    return Outcome(
        facts={
            "screened_energy_ev_per_atom": round(lowest, 5),
            "volume_factor": round(best, 4),
            "rough_bulk_modulus_gpa": round(float(stiffness), 1),
        },
        crystal=Crystal.from_pymatgen(curve.scaled(best)),
        method=method_of(deps.settings, name="static energies at scaled volumes, atoms in place"),
    )


@tool(
    name="screen",
    title="Static energy against volume",
    cost_s=0.05,
    needs_worker=True,
    identity=identity,
    run_many=run_many,
)
def run(args: ScreenArgs, *, deps: Deps) -> Outcome:
    """Scale a structure to the volume of lowest energy with atoms in place; the first, cheap look at a candidate.

    Facts: energy at that volume (eV/atom, the potential's own reference), volume factor, rough bulk modulus (GPa).
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
