"""Elastic constants by straining the cell: at 0 K with the atoms relaxed, at temperature from mean stresses of canonical runs.

    C_ij = [σ_i(+e_j) - σ_i(-e_j)] / 2 e_j,

for the fewest strains that the crystal's symmetry needs, fitted so that the symmetry holds exactly (models/elastic_tensor.py). At
temperature the strains are about the mean cell of a run at constant pressure, and the constants are isothermal. A random alloy gets the
symmetry of its lattice: what a large crystal of it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.models.elastic_averages import averages, poisson_ratio, stiffnesses_gpa, youngs_modulus_gpa
from matsmith.models.elastic_tensor import (
    VOIGT,
    StrainPoint,
    fit_tensor,
    needed_strains,
    rotated,
    strain_matrix,
)
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.mean_cell import mean_cell
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.standard_frame import Frame, frame_of
from matsmith.tools.lammps.static import at_rest, deformed, stresses_gpa
from matsmith.tools.lammps.statistics import Average, average
from matsmith.tools.lammps.structures import supercell_near

if TYPE_CHECKING:
    from ase import Atoms

_STATIC_STRAINS = (0.002, 0.005)
_WARM_STRAIN = 0.01
_DRAWS = 100
_HOLD = """velocity all create {double_k} {seed} mom yes rot no dist gaussian
fix warm all nvt temp {temperature_k} {temperature_k} {damp_t}
run {steps}
"""


class ElasticArgs(MdArgs):
    """Of which crystal, at which temperature, and how large and long the runs at temperature are."""

    size: int = Field(
        default=500, ge=8, le=200_000, description="atoms aimed at, at temperature; 0 K needs one cell"
    )
    temperature_k: float = Field(
        default=0.0, ge=0, le=4000, description="temperature in K; 0 relaxes without motion"
    )
    strain: float | None = Field(
        default=None, ge=0.0005, le=0.03, description="largest strain; 0.005 at 0 K and 0.01 at temperature"
    )
    length_ps: float = Field(
        default=20.0, ge=1, le=5000, description="length of each run at temperature, in ps"
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An elastic tensor (6, 6) in GPa with one-sigma errors, and draws (k, 6, 6) from its errors, for what follows from it."""

    tensor_gpa: FloatArray
    sigma_gpa: FloatArray
    draws_gpa: FloatArray


def measured(
    means: Mapping[tuple[int, float], tuple[FloatArray, FloatArray]], *, basis: FloatArray, seed: int = 0
) -> Measured:
    """The tensor from mean stresses and their errors, each (6,; Voigt) in GPa, at (strain, amount), both signs of each.

    The errors are carried through the fit by drawing stresses; the spread over several amounts joins them.
    """

    def fitted(stresses: Mapping[tuple[int, float], FloatArray]) -> tuple[FloatArray, FloatArray]:
        points = [
            StrainPoint(component=component, amount=amount, stress_gpa=_matrix(stress))
            for (component, amount), stress in stresses.items()
        ]
        fit = fit_tensor(points, basis=basis)
        return fit.tensor_gpa, fit.spread_gpa

    tensor, spread = fitted({key: mean for key, (mean, _) in means.items()})
    if not any(float(error.max()) > 0 for _, error in means.values()):
        amounts = np.random.default_rng(seed).normal(size=_DRAWS)
        return Measured(
            tensor_gpa=tensor,
            sigma_gpa=spread,
            draws_gpa=tensor + amounts[:, None, None] * spread,
        )
    generator = np.random.default_rng(seed)
    draws = np.array(
        [
            fitted({key: generator.normal(mean, error) for key, (mean, error) in means.items()})[0]
            for _ in range(_DRAWS)
        ]
    )
    return Measured(tensor_gpa=tensor, sigma_gpa=np.hypot(draws.std(axis=0, ddof=1), spread), draws_gpa=draws)


def turned(found: Measured, rotation: FloatArray) -> Measured:
    """The same tensor in axes that a rotation (3, 3) leads to; its errors are those of the turned draws."""
    if np.allclose(rotation, np.eye(3)):
        return found
    draws = np.array([rotated(draw, rotation) for draw in found.draws_gpa])
    return Measured(
        tensor_gpa=rotated(found.tensor_gpa, rotation), sigma_gpa=draws.std(axis=0, ddof=1), draws_gpa=draws
    )


def _matrix(voigt: FloatArray) -> FloatArray:
    made = np.zeros((3, 3))
    for value, (i, j) in zip(voigt, VOIGT, strict=True):
        made[i, j] = made[j, i] = value
    return made


def _voigt(stress: FloatArray) -> FloatArray:
    return np.array([stress[..., i, j] for i, j in VOIGT])


@protocol(
    name="md_elastic",
    title="Elastic constants by molecular dynamics",
    measures=("bulk_modulus_at_temperature", "shear_modulus_at_temperature", "youngs_modulus_at_temperature"),
    cost_s=60.0,
    prefers="elastic",
    version="2",
)
def run(args: ElasticArgs, *, system: System, md: Md) -> Outcome:
    """Elastic tensor and moduli (GPa) of a crystal with a classical or the learned potential, at 0 K or at a temperature.

    At 0 K the atoms relax in strained cells; at temperature stresses are averaged in strained cells about the mean cell, with block errors.
    Facts: the tensor with its errors, Born stability, anisotropy, the mean cell. Typed failures: unsteady, and those of the runs.

    Example: matsmith tool md_elastic --args '{"element": "Cu", "temperature_k": 300}'
    """
    frame = frame_of(system.atoms)
    relaxed = md.relaxed_cell(frame.atoms, shape=frame.shape).atoms
    if args.temperature_k == 0:
        found = static_tensor(relaxed, frame=frame, md=md, strain=args.strain)
    else:
        found = _warm(args, frame=frame, start=relaxed, md=md)
    outcome = _outcome(found, frame=frame, temperature_k=args.temperature_k, warnings=md.warnings)
    return outcome.model_copy(update={"crystal": system.crystal})


@dataclass(frozen=True, kw_only=True)
class Found:
    """The tensor in the cell's own axes, and what the record keeps beside it."""

    measured: Measured
    method: Method
    facts: dict[str, JsonValue]
    warnings: tuple[str, ...] = ()


def static_tensor(cell: Atoms, *, frame: Frame, md: Md, strain: float | None = None) -> Found:
    """The tensor of a relaxed cell at 0 K from strains of two sizes, the larger as given."""
    largest = strain or max(_STATIC_STRAINS)
    amounts = tuple(largest * a / max(_STATIC_STRAINS) for a in _STATIC_STRAINS)
    # All six strains of a random alloy, so that the disorder is averaged over directions that the lattice makes alike.
    strains = (1, 2, 3, 4, 5, 6) if frame.of_lattice else needed_strains(frame.basis)
    means: dict[tuple[int, float], tuple[FloatArray, FloatArray]] = {}
    simulation = md.simulation("strains", cell)
    wanted = [(c, s * a) for c in strains for a in amounts for s in (1, -1)]
    for number, (component, amount) in enumerate(wanted):
        md.note(f"strain {number + 1} of {len(wanted)}")
        atoms, rotation = deformed(cell, np.eye(3) + strain_matrix(component, amount))
        rest = at_rest(simulation, f"strain_{number}", atoms)
        means[component, amount] = (_voigt(rotation @ rest.stress_gpa @ rotation.T), np.zeros(6))
    return Found(
        measured=measured(means, basis=frame.basis, seed=md.seed),
        facts={
            "cell_lengths_angstrom": [round(float(n), 5) for n in cell.cell.lengths()],
            **traces_fact(_picture(means)),
        },
        method=md.method(
            f"stresses of cells strained by ± {', '.join(f'{100 * a:g}' for a in amounts)} %, atoms relaxed",
            steps=0,
            atoms=len(cell),
            ensemble="0 K",
        ),
    )


def _warm(args: ElasticArgs, *, frame: Frame, start: Atoms, md: Md) -> Found:
    whole = supercell_near(start, atoms_aimed=args.size)
    strains = needed_strains(frame.basis)
    steps = max(1000, round(args.length_ps / md.timestep_ps))
    values: dict[str, int | float | str] = {
        "temperature_k": args.temperature_k,
        "double_k": 2 * args.temperature_k,
    }
    simulation = md.simulation("warm", whole)
    md.note(f"mean cell of {len(whole)} atoms at {args.temperature_k:g} K")
    box = mean_cell(simulation, whole, temperature_k=args.temperature_k, steps=steps, shape=frame.shape)
    mean, volume = box.atoms, box.volume_angstrom3
    amount = args.strain or _WARM_STRAIN
    wanted = [(c, s * amount) for c in strains for s in (1, -1)]
    means: dict[tuple[int, float], tuple[FloatArray, FloatArray]] = {}
    unresolved = 0
    for number, (component, size) in enumerate(wanted):
        md.note(f"strain {number + 1} of {len(wanted)} at {args.temperature_k:g} K")
        atoms, rotation = deformed(mean, np.eye(3) + strain_matrix(component, size))
        stage = simulation.stage(
            f"warm_{number}", _HOLD, steps=steps, atoms=atoms, values=values, title="strained cell"
        )
        stress = _voigt(rotation @ stresses_gpa(stage.thermo) @ rotation.T)
        parts = [average(row[len(row) // 5 :]) for row in stress]
        unresolved += sum(not part.resolved for part in parts)
        means[component, size] = _means(parts)
    atoms_of = len(whole)
    run = TracePlot(
        id="volume",
        title="Volume on the way to the mean cell",
        x=("time", "ps"),
        y=("volume", "Å³/atom"),
        traces=[Trace(name="volume", x=box.times_ps, y=box.volumes_angstrom3 / atoms_of)],
    )
    return Found(
        measured=measured(means, basis=frame.basis, seed=md.seed),
        facts={
            "volume_angstrom3_per_atom": round(volume.mean / atoms_of, 5),
            "volume_sigma_angstrom3_per_atom": round(volume.sigma / atoms_of, 6),
            "cell_lengths_angstrom": [round(float(n), 5) for n in mean.cell.lengths()],
            "atoms": atoms_of,
            **traces_fact(_picture(means), run),
        },
        method=md.method(
            f"mean stresses of cells strained by ± {100 * amount:g} % about the mean cell; isothermal",
            steps=steps * (len(wanted) + 1),
            atoms=atoms_of,
            ensemble="NPT, then NVT",
        ),
        warnings=(f"{unresolved} mean stresses are not resolved: their errors are lower bounds",)
        if unresolved
        else (),
    )


def _picture(means: Mapping[tuple[int, float], tuple[FloatArray, FloatArray]]) -> TracePlot:
    """Each strain's own stress over its amount."""
    names = ("xx", "yy", "zz", "yz", "xz", "xy")
    lines: list[Trace] = []
    for component in sorted({component for component, _ in means}):
        amounts = sorted(amount for other, amount in means if other == component)
        found = [means[component, amount] for amount in amounts]
        lines.append(
            Trace(
                name=f"strain {names[component - 1]}",
                x=[100 * amount for amount in amounts],
                y=[float(mean[component - 1]) for mean, _ in found],
                sigma=[float(error[component - 1]) for _, error in found],
                style="points",
            )
        )
    return TracePlot(
        id="stress-over-strain",
        title="Stress over strain, each along its own component",
        x=("strain", "%"),
        y=("stress", "GPa"),
        traces=lines,
    )


def _means(parts: Sequence[Average]) -> tuple[FloatArray, FloatArray]:
    return np.array([part.mean for part in parts]), np.array([part.sigma for part in parts])


def _outcome(found: Found, *, frame: Frame, temperature_k: float, warnings: Sequence[str]) -> Outcome:
    result = turned(found.measured, frame.turn)
    weakest = float(stiffnesses_gpa(result.tensor_gpa)[0])
    facts: dict[str, JsonValue] = {
        "temperature_k": temperature_k,
        "space_group": frame.name,
        "symmetry_is": "of the lattice, elements ignored" if frame.of_lattice else "of the crystal",
        "axes": "of spglib's standard cell; components xx, yy, zz, yz, xz, xy",
        "elastic_tensor_gpa": _rows(result.tensor_gpa),
        "sigma_gpa": _rows(result.sigma_gpa),
        "born_stable": weakest > 0,
        "weakest_stiffness_gpa": round(weakest, 3),
        **found.facts,
    }
    truth = Truth.EXPERIMENT_AT_CONDITIONS if temperature_k else Truth.DFT_0K
    quantities: dict[str, Quantity] = {}
    for i, j in ((1, 1), (1, 2), (4, 4)) if frame.cubic else ():
        value, sigma = result.tensor_gpa[i - 1, j - 1], result.sigma_gpa[i - 1, j - 1]
        quantities[f"c{i}{j}"] = Quantity(value=float(value), unit="GPa", sigma=float(sigma), truth=truth)
    told = [*warnings, *found.warnings]
    if weakest <= 0:
        told.append(
            f"the crystal is mechanically unstable in this potential (weakest stiffness {weakest:.1f} GPa): no moduli are given"
        )
    else:
        drawn = [_moduli(draw) for draw in result.draws_gpa if stiffnesses_gpa(draw)[0] > 0]
        ending = "_at_temperature" if temperature_k else ""
        for name, value in _moduli(result.tensor_gpa).items():
            spread = float(np.std([each[name] for each in drawn], ddof=1)) if len(drawn) > 2 else abs(value)
            unit = "" if name == "poisson_ratio" else "GPa"
            quantities[f"{name}{ending}"] = Quantity(value=value, unit=unit, sigma=spread, truth=truth)
        facts["universal_anisotropy"] = round(averages(result.tensor_gpa).universal_anisotropy, 4)
    return Outcome(quantities=quantities, facts=facts, method=found.method, warnings=tuple(told))


def _moduli(tensor_gpa: FloatArray) -> dict[str, float]:
    mean = averages(tensor_gpa)
    bulk, shear = mean.bulk_hill_gpa, mean.shear_hill_gpa
    return {
        "bulk_modulus": bulk,
        "shear_modulus": shear,
        "youngs_modulus": youngs_modulus_gpa(bulk, shear),
        "poisson_ratio": poisson_ratio(bulk, shear),
    }


def _rows(tensor: FloatArray) -> list[JsonValue]:
    return [[round(float(value), 3) + 0.0 for value in row] for row in tensor]


TOOL = run
