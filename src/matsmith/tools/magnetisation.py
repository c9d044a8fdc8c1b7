"""Magnetisation as an upper bound: the sum of the unsigned site moments that the potential gives.

CHGNet learnt the sizes of the moments and not their directions (Deng et al. 2023, Nat. Mach. Intell. 5, 1031), so a ferromagnet
and an antiferromagnet look alike: the true magnetisation lies between zero and the sum.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import Evaluation, Refusal
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.potential import identity, potential
from matsmith.tools.results import method_of, refused

# Mean absolute error of the moments of CHGNet 0.3.0 on its test set, in Bohr magnetons a site, by the paper above.
_SIGMA_BOHR_MAGNETON = 0.032
# Vacuum permeability times a Bohr magneton per Å³, in tesla (CODATA 2018).
_TESLA_PER_BOHR_MAGNETON_PER_ANGSTROM3 = 11.6541


class MagnetisationArgs(Args):
    """Which structure; it should be relaxed."""

    structure: StructureRef


def run_many(batch: Sequence[MagnetisationArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Evaluate all structures in shared batches."""
    model = potential(deps.settings)
    structures = [deps.crystal(args.structure).to_pymatgen() for args in batch]
    answers = model.evaluate_each(structures, forces=False, stress=False, magnetic_moments=True)
    last = time.perf_counter()
    for index, answer in enumerate(answers):
        now = time.perf_counter()
        outcome = _outcome(answer, args=batch[index], deps=deps)
        yield index, outcome.model_copy(update={"wall_s": now - last})
        last = now


def _outcome(answer: Evaluation | Refusal, *, args: MagnetisationArgs, deps: Deps) -> Outcome:
    if isinstance(answer, Refusal):
        return refused(answer)
    moments = answer.magnetic_moments
    if moments is None:
        return Outcome.failed(
            "no_moments",
            "This potential gives no magnetic moments.",
            hint="Use one that does, such as the default (MATSMITH_POTENTIAL=chgnet).",
        )
    if not np.isfinite(moments).all():
        return Outcome.failed(
            "exploded", "A magnetic moment is not a finite number.", hint="Relax the structure first."
        )
    crystal = deps.crystal(args.structure)
    atoms = len(crystal.species)
    total = float(np.abs(moments).sum())
    units = _formula_units(crystal.amounts)
    return Outcome(
        quantities={
            "magnetisation": Quantity(
                value=total / atoms, unit="mu_B/atom", sigma=_SIGMA_BOHR_MAGNETON, truth=Truth.UPPER_BOUND
            )
        },
        facts={
            "upper_bound": True,
            "upper_bound_bohr_magneton_per_formula": round(total / units, 4),
            "upper_bound_bohr_magneton_per_angstrom3": round(total / crystal.volume_angstrom3, 6),
            "upper_bound_polarisation_tesla": round(
                total / crystal.volume_angstrom3 * _TESLA_PER_BOHR_MAGNETON_PER_ANGSTROM3, 4
            ),
            "largest_moments_bohr_magneton": {
                symbol: round(
                    max(abs(float(m)) for m, s in zip(moments, crystal.species, strict=True) if s == symbol),
                    3,
                )
                for symbol in crystal.elements
            },
        },
        method=method_of(
            deps.settings,
            name="sum of unsigned site moments, an upper bound",
            reference="directions of the moments are not known to the potential",
        ),
    )


def _formula_units(amounts: dict[str, int]) -> int:
    from math import gcd

    return gcd(*amounts.values())


@tool(
    name="magnetisation",
    title="Magnetisation, upper bound",
    measures=("magnetisation",),
    cost_s=0.05,
    needs_worker=True,
    identity=identity,
    run_many=run_many,
)
def run(args: MagnetisationArgs, *, deps: Deps) -> Outcome:
    """Upper bound of the magnetisation (Bohr magnetons per atom) of a relaxed structure from its unsigned site moments.

    Facts: the bound per formula unit, per volume and as a polarisation in tesla. An antiferromagnet has none of it: the bound
    can refute a wish for a strong magnet and never confirm it. Typed failure: no_moments, and those of the potential.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
