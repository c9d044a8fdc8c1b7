"""Energies of the faces of a crystal from relaxed symmetric slabs, and the shape that they give it.

    γ = [E(slab) - N e(bulk)] / 2A,

in two thicknesses, whose difference is part of the error. The crystal's own surface energy is the mean over the faces of its
equilibrium shape (G. Wulff, Z. Kristallogr. 34, 449 (1901)), which a measurement on a polycrystal comes close to. Universal
potentials are too soft at surfaces (B. Deng et al., npj Comput. Mater. 11, 9 (2025)): the correction is measured.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.redox import mean_charges
from matsmith.models.slabs import (
    CleanSlab,
    Plane,
    SlabProblem,
    clean_slabs,
    conventional_cell,
    distinct_planes,
)
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.measured_errors import error_of, identity_with_errors, kind_of
from matsmith.tools.potential import potential
from matsmith.tools.relaxed_input import failed_relaxation, relaxed_bulks
from matsmith.tools.results import method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.relaxation import RelaxationFailure, Relaxed

EV_PER_ANGSTROM2_IN_J_PER_M2 = 16.02176634
_THICKNESSES_ANGSTROM = (8.0, 14.0)
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.2
_MOST_FACES = 14
_WHY: dict[SlabProblem, str] = {
    "polar": "polar (charged layers with a dipole, Tasker type 3): it exists only reconstructed or charged",
    "not_stoichiometric": "no slab of it has the composition of the bulk: its energy depends on chemical potentials",
    "asymmetric": "its two faces differ: only their sum could be told",
    "too_large": "its slab needs too many atoms",
}


class SurfaceArgs(Args):
    """Of which crystal, and which faces."""

    structure: StructureRef
    plane: tuple[int, int, int] | None = Field(
        default=None,
        description="Miller indices in the conventional cell, such as [1, 0, 0]; without it every simple face",
    )
    max_index: int = Field(default=1, ge=1, le=3, description="largest index of the faces tried")
    max_atoms: int = Field(default=120, ge=4, le=600, description="largest slab")


@dataclass(kw_only=True)
class _Job:
    args: SurfaceArgs
    bulk_ev_per_atom: float
    conventional: Structure
    slabs: list[tuple[int, CleanSlab]]
    refused: dict[Plane, SlabProblem]
    results: dict[int, Relaxed | RelaxationFailure] = field(
        default_factory=dict[int, "Relaxed | RelaxationFailure"]
    )


@dataclass(frozen=True, kw_only=True)
class _Face:
    plane: Plane
    energy_j_per_m2: float
    drift_j_per_m2: float | None
    crystal: Crystal


def run_many(batch: Sequence[SurfaceArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all bulk cells in shared batches, then all slabs."""
    from matsmith.models.relaxation import RelaxationSettings, relax

    model = potential(deps.settings)
    started = time.perf_counter()
    jobs: dict[int, _Job] = {}
    starts = (deps.crystal(args.structure).to_pymatgen() for args in batch)
    bulks = relaxed_bulks(starts, potential=model, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
    for index, bulk in bulks:
        job = bulk if isinstance(bulk, Outcome) else _prepare(batch[index], bulk)
        if isinstance(job, Outcome):
            yield index, job
        else:
            jobs[index] = job
    order = [(index, place) for index, job in jobs.items() for place in range(len(job.slabs))]
    fixed = RelaxationSettings(cell="fixed", max_steps=120)
    cells = (jobs[index].slabs[place][1].structure for index, place in order)
    for number, result in relax(cells, potential=model, settings=fixed):
        index, place = order[number]
        job = jobs[index]
        job.results[place] = result
        if len(job.results) == len(job.slabs):
            now = time.perf_counter()
            yield index, _outcome(job, deps=deps).model_copy(update={"wall_s": now - started})
            started = now


def _prepare(args: SurfaceArgs, relaxed: Relaxed) -> _Job | Outcome:
    """The slabs of every face in two thicknesses, or why there are none."""
    bulk = relaxed.structure
    if bonded_directions(bulk) == 0:
        return Outcome.failed(
            "molecules",
            "The crystal is made of molecules, which dispersion holds together: the potential has none.",
            hint="Use density-functional theory with dispersion.",
        )
    if args.plane == (0, 0, 0):
        return Outcome.failed("no_plane", "There is no plane (000).", hint="Give indices such as [1, 0, 0].")
    conventional = conventional_cell(bulk)
    planes = distinct_planes(conventional, max_index=args.max_index) if args.plane is None else [args.plane]
    amounts = {str(symbol): float(n) for symbol, n in bulk.composition.as_dict().items()}
    charges = mean_charges(amounts) if len(amounts) > 1 else None
    slabs: list[tuple[int, CleanSlab]] = []
    refused: dict[Plane, SlabProblem] = {}
    for plane in planes[:_MOST_FACES]:
        for size, thickness in enumerate(_THICKNESSES_ANGSTROM):
            found = clean_slabs(
                conventional, plane, charges=charges, thickness_angstrom=thickness, max_atoms=args.max_atoms
            )
            if isinstance(found, str):
                if size == 0:
                    refused[plane] = found
                break
            slabs += [(size, slab) for slab in found]
    if not slabs:
        codes = set(refused.values())
        code = codes.pop() if len(codes) == 1 else "no_slab"
        listed = "; ".join(f"{_text(plane)}: {_WHY[problem]}" for plane, problem in refused.items())
        return Outcome.failed(
            code,
            f"No face can be computed. {listed}.",
            hint="Try another plane, or a larger max_index or max_atoms.",
        )
    return _Job(
        args=args,
        bulk_ev_per_atom=relaxed.energy_ev_per_atom,
        conventional=conventional,
        slabs=slabs,
        refused=refused,
    )


def _text(plane: Plane) -> str:
    return "(" + (" " if any(n < 0 or n > 9 for n in plane) else "").join(str(n) for n in plane) + ")"


def _outcome(job: _Job, *, deps: Deps) -> Outcome:
    from matsmith.models.relaxation import RelaxationFailure, near_minimum

    energies: dict[Plane, dict[int, tuple[float, Relaxed]]] = {}
    failure: RelaxationFailure | None = None
    for place, (size, slab) in enumerate(job.slabs):
        result = job.results[place]
        found = near_minimum(result, within_ev_per_angstrom=_NEAR_ENOUGH_EV_PER_ANGSTROM)
        if found is None:
            failure = result if isinstance(result, RelaxationFailure) else failure
            continue
        excess = (found.energy_ev_per_atom - job.bulk_ev_per_atom) * len(slab.structure)
        energy = excess / (2 * slab.area_angstrom2) * EV_PER_ANGSTROM2_IN_J_PER_M2
        held = energies.setdefault(slab.plane, {})
        if size not in held or energy < held[size][0]:
            held[size] = (energy, found)
    if not energies:
        assert failure is not None
        return failed_relaxation("A slab", failure)
    faces = [
        _Face(
            plane=plane,
            energy_j_per_m2=held[max(held)][0],
            drift_j_per_m2=abs(held[1][0] - held[0][0]) if len(held) == 2 else None,
            crystal=Crystal.from_pymatgen(held[max(held)][1].structure),
        )
        for plane, held in energies.items()
    ]
    faces.sort(key=lambda face: face.energy_j_per_m2)
    if not faces[0].energy_j_per_m2 > 0:
        return Outcome.failed(
            "unstable",
            f"The face {_text(faces[0].plane)} lowers the energy: the bulk is not stable in this potential.",
            hint="Relax the structure, or choose another form.",
        )
    return _measured(job, faces, deps=deps)


def wulff_weights(conventional: Structure, energies: Mapping[Plane, float]) -> dict[Plane, float] | None:
    """Share of the area of the equilibrium shape that each family of faces takes; None when the faces close no shape."""
    from pymatgen.analysis.wulff import WulffShape
    from scipy.spatial import QhullError

    planes = list(energies)
    try:
        shape: Any = WulffShape(conventional.lattice, planes, [energies[plane] for plane in planes])
        fractions: Mapping[Plane, float] = shape.area_fraction_dict
    except (QhullError, ValueError, IndexError, ZeroDivisionError):
        return None
    weights = {plane: float(fractions.get(plane, 0.0)) for plane in planes}
    total = sum(weights.values())
    return {plane: weight / total for plane, weight in weights.items()} if total > 0 else None


def _measured(job: _Job, faces: Sequence[_Face], *, deps: Deps) -> Outcome:
    known = error_of("surface_energy", kind=kind_of(job.conventional), settings=deps.settings)
    raw = {face.plane: face.energy_j_per_m2 for face in faces}
    weights = wulff_weights(job.conventional, raw) if len(faces) > 1 else None
    used = weights or {faces[0].plane: 1.0}
    mean = sum(raw[plane] * weight for plane, weight in used.items())
    drifts = {face.plane: face.drift_j_per_m2 for face in faces}
    unknown = [plane for plane, weight in used.items() if weight > 0.01 and drifts[plane] is None]
    drift = sum(weight * (drifts[plane] or 0.1 * raw[plane]) for plane, weight in used.items())
    value = known.corrected(mean)
    scale = value / mean
    sigma = math.hypot(known.sigma(value), scale * drift)
    warnings: list[str] = []
    if unknown:
        warnings.append(
            f"thickness not checked for {', '.join(_text(plane) for plane in unknown)}: a tenth joins the error"
        )
    elif drift > 0.1 * mean:
        warnings.append(f"two thicknesses differ by {drift / mean:.0%}")
    if job.refused:
        warnings += [f"{_text(plane)} is left out: {_WHY[problem]}" for plane, problem in job.refused.items()]
    if bonded_directions(job.conventional) < 3:
        warnings.append(
            "the crystal is made of layers or chains, which dispersion holds together: the potential has none"
        )
        sigma = math.hypot(sigma, 0.5 * value)
    facts: dict[str, JsonValue] = {
        "faces": [
            [
                _text(face.plane),
                round(scale * face.energy_j_per_m2, 3),
                None if weights is None else round(weights[face.plane], 3),
            ]
            for face in faces
        ],
        "lowest_face": _text(faces[0].plane),
        "lowest_face_energy_j_per_m2": round(scale * faces[0].energy_j_per_m2, 4),
        "mean_is_over": "the faces of the equilibrium shape" if weights else "the one face computed",
        "uncorrected_energy_j_per_m2": round(mean, 4),
        "thickness_difference_j_per_m2": None if unknown else round(drift, 4),
        "refused_faces": {_text(plane): problem for plane, problem in job.refused.items()},
        "slabs_relaxed": len(job.slabs),
    }
    return Outcome(
        quantities={
            "surface_energy": Quantity(value=value, unit="J/m**2", sigma=sigma, truth=Truth.EXPERIMENT_300K)
        },
        facts=facts,
        crystal=faces[0].crystal,
        method=method_of(
            deps.settings,
            name="symmetric slabs in two thicknesses, atoms relaxed; Wulff shape",
            reference=known.source,
        ),
        warnings=tuple(warnings),
    )


def _identity(settings: Settings) -> str:
    return identity_with_errors("surface_energy", settings=settings)


@tool(
    name="surface_energy",
    title="Surface energy and equilibrium shape",
    measures=("surface_energy",),
    cost_s=10.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: SurfaceArgs, *, deps: Deps) -> Outcome:
    """Surface energy (J/m2) of a crystal: the mean over the faces of its equilibrium shape, or that of one plane.

    Facts: every face with its energy and its share of the shape, and the faces that are refused, with the reason. The structure
    returned is the relaxed slab of the lowest face. Typed failures: polar, not_stoichiometric, asymmetric, too_large, no_slab,
    molecules, unstable, and those of the relaxation.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
