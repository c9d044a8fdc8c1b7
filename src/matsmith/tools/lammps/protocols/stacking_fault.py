"""Energy of sliding one half of a crystal over the other: intrinsic and unstable stacking faults.

    γ(f) = [E(f b) - E(0)] / A,

along Shockley's partial a/6<112> on {111} of fcc crystals, and along a/2<111> on {110} and {112} of bcc ones (V. Vítek, Phil. Mag. 18, 773
(1968)). The cell has no surface: its third vector is tilted by the slip, so that one fault stands in each cell. Atoms relax along
the normal alone, and so does the thickness. In a random alloy the fault is put between many pairs of planes, and the energy is their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.parent_lattice import Direction, Parent, parent_of
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.static import EV_PER_ANGSTROM2_IN_MJ_PER_M2, at_rest, deformed

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

_MOST_PLANES = 6
_LEAST_SIGMA = 0.1


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A plane and a way of sliding on it: axes of the cell (the second along the slip), its length in edges of the lattice."""

    plane: str
    along: str
    directions: tuple[Direction, Direction, Direction]
    length_in_a: float
    layers_per_repeat: int


SLIPS: dict[str, Slip] = {
    "fcc_111": Slip(
        plane="{111}",
        along="a/6<112>",
        directions=((1, -1, 0), (1, 1, -2), (1, 1, 1)),
        length_in_a=1 / np.sqrt(6.0),
        layers_per_repeat=3,
    ),
    "bcc_110": Slip(
        plane="{110}",
        along="a/2<111>",
        directions=((1, -1, 2), (1, -1, -1), (1, 1, 0)),
        length_in_a=np.sqrt(3.0) / 2,
        layers_per_repeat=2,
    ),
    "bcc_112": Slip(
        plane="{112}",
        along="a/2<111>",
        directions=((1, -1, 0), (1, 1, -1), (1, 1, 2)),
        length_in_a=np.sqrt(3.0) / 2,
        layers_per_repeat=6,
    ),
}


class StackingFaultArgs(MdArgs):
    """Of which crystal, on which plane, and how finely the slip is sampled."""

    size: int = Field(
        default=200, ge=24, le=50_000, description="atoms aimed at in a random alloy; an element needs few"
    )
    plane: Literal["111", "110", "112"] | None = Field(
        default=None, description="slip plane; 111 for fcc, 110 or 112 for bcc; without it the usual one"
    )
    points: int = Field(default=11, ge=5, le=41, description="points along the slip, its ends included")
    layers: int = Field(default=12, ge=6, le=120, description="least number of atomic layers between faults")


@dataclass(frozen=True, kw_only=True)
class GammaLine:
    """Energies in mJ/m² at slips in shares of the whole, their largest value and where it lies, and the one at the end."""

    shares: FloatArray
    energies_mj_per_m2: FloatArray
    largest_mj_per_m2: float
    largest_at: float
    end_mj_per_m2: float


def gamma_line(shares: FloatArray, energies_mj_per_m2: FloatArray) -> GammaLine:
    """Find the top of a curve by a parabola through its highest point and that point's neighbours."""
    top = int(np.argmax(energies_mj_per_m2))
    at, height = float(shares[top]), float(energies_mj_per_m2[top])
    if 0 < top < len(shares) - 1:
        a, b, c = (
            float(n) for n in np.polyfit(shares[top - 1 : top + 2], energies_mj_per_m2[top - 1 : top + 2], 2)
        )
        if a < 0:
            at = -b / (2 * a)
            height = c - b * b / (4 * a)
    return GammaLine(
        shares=shares,
        energies_mj_per_m2=energies_mj_per_m2,
        largest_mj_per_m2=height,
        largest_at=at,
        end_mj_per_m2=float(energies_mj_per_m2[-1]),
    )


def slid(atoms: Atoms, slip_angstrom: float) -> Atoms:
    """The cell with its third vector moved by the slip along its second: every image above is displaced by as much."""
    moved = atoms.copy()
    cell = np.asarray(moved.cell.array, dtype=np.float64).copy()
    cell[2, 1] += slip_angstrom
    # The same lattice with the smallest tilt.
    cell[2] -= np.round(cell[2, 1] / cell[1, 1]) * cell[1]
    moved.set_cell(cell, scale_atoms=False)
    return moved


def _fault_elsewhere(atoms: Atoms, *, planes: int) -> list[Atoms]:
    """The same cell cut between other pairs of layers: atoms are moved along the normal by whole layers."""
    heights = np.round(atoms.get_positions()[:, 2], 3)
    levels = np.unique(heights)
    gap = float(levels[1] - levels[0]) if len(levels) > 1 else 0.0
    made: list[Atoms] = []
    for place in np.linspace(0, len(levels), planes, endpoint=False).astype(int):
        cut = atoms.copy()
        positions = cut.get_positions()
        positions[:, 2] -= float(levels[place]) - gap / 2
        cut.set_positions(positions)
        cut.wrap()
        made.append(cut)
    return made


def _area(atoms: Atoms) -> float:
    cell = np.asarray(atoms.cell.array)
    return float(np.linalg.norm(np.cross(cell[0], cell[1])))


def _energies(
    simulation: Simulation, name: str, atoms: Atoms, *, slips_angstrom: FloatArray, md: Md
) -> FloatArray:
    """Energies (k,) in mJ/m² over that of the crystal without a fault."""
    energies: list[float] = []
    for number, slip in enumerate([0.0, *slips_angstrom.tolist()]):
        md.note(f"{name}: slip {number} of {len(slips_angstrom)}")
        cell, _ = deformed(slid(atoms, slip), np.eye(3))
        rest = at_rest(simulation, f"{name}_{number}", cell, along_normal=True, free_thickness=True)
        energies.append(rest.energy_ev)
    excess = np.array(energies[1:]) - energies[0]
    return np.asarray(excess / _area(atoms) * EV_PER_ANGSTROM2_IN_MJ_PER_M2, dtype=np.float64)


def _cell(parent: Parent, slip: Slip, *, args: StackingFaultArgs, layers: int, seed: int) -> Atoms:
    up = -(-layers // slip.layers_per_repeat)
    wide, long = 1, 1
    if parent.is_alloy:
        bare = parent.cut(slip.directions, repeat=(1, 1, up), seed=seed)
        edge = (args.size / len(bare) * float(bare.cell.lengths()[0] * bare.cell.lengths()[1])) ** 0.5
        wide = max(2, round(edge / float(bare.cell.lengths()[0])))
        long = max(1, round(edge / float(bare.cell.lengths()[1])))
    return parent.cut(slip.directions, repeat=(wide, long, up), seed=seed)


def _picture(mean: GammaLine, curves: list[FloatArray], *, slip: Slip) -> TracePlot:
    spread = np.std(curves, axis=0, ddof=1) if len(curves) > 1 else None
    return TracePlot(
        id="gamma-line",
        title="Energy of the fault over the slip",
        x=(f"slip in shares of {slip.along}", ""),
        y=("energy", "mJ/m²"),
        traces=[
            Trace(
                name=f"on {slip.plane}",
                x=mean.shares,
                y=mean.energies_mj_per_m2,
                sigma=spread,
                style="points",
            )
        ],
        guides=[("x", mean.largest_at, "unstable")],
        note="" if spread is None else "Errors are the scatter over single planes.",
    )


@protocol(
    name="md_stacking_fault",
    title="Stacking-fault energies",
    measures=("stacking_fault_energy",),
    cost_s=20.0,
    prefers="stacking_fault",
)
def run(args: StackingFaultArgs, *, system: System, md: Md) -> Outcome:
    """Intrinsic and unstable stacking-fault energies (mJ/m²) of fcc crystals, unstable ones of bcc; elements and random alloys, at 0 K.

    Facts: the whole curve over the slip, and the change with twice the layers. Typed failures: other_lattice, ordered_compound,
    wrong_plane, and those of the runs.

    Example: matsmith tool md_stacking_fault --args '{"element": "Cu"}'
    """
    relaxed = md.relaxed_cell(system, shape="tri" if len(system.elements) > 1 else "iso")
    parent = parent_of(relaxed.atoms, wanted=("fcc", "bcc"), what="Stacking faults")
    plane = args.plane or {"fcc": "111", "bcc": "110"}[parent.prototype]
    slip = SLIPS.get(f"{parent.prototype}_{plane}")
    if slip is None:
        raise DynamicsError(
            "wrong_plane",
            f"No slip on ({plane}) of {parent.prototype} crystals is built in.",
            hint="Use 111 for fcc, 110 or 112 for bcc.",
        )
    whole = slip.length_in_a * parent.a_angstrom
    shares = np.linspace(0.0, 1.0, args.points)
    simulation = md.simulation("slip", relaxed.atoms)
    atoms = _cell(parent, slip, args=args, layers=args.layers, seed=md.seed)
    curves: list[FloatArray] = []
    sense = 1.0
    cuts = _fault_elsewhere(atoms, planes=_MOST_PLANES if parent.is_alloy else 1)
    if parent.prototype == "fcc":
        # One sense of the partial makes the fault, the other puts atoms on top of each other.
        both = _energies(simulation, "sense", cuts[0], slips_angstrom=np.array([whole, -whole]), md=md)
        sense = 1.0 if both[0] <= both[1] else -1.0
    for number, cut in enumerate(cuts):
        slips = sense * whole * shares[1:]
        found = _energies(simulation, f"plane_{number}", cut, slips_angstrom=slips, md=md)
        curves.append(np.concatenate([[0.0], found]))
    lines = [gamma_line(shares, curve) for curve in curves]
    mean = gamma_line(shares, np.mean(curves, axis=0))
    top = float(np.mean([line.largest_mj_per_m2 for line in lines]))
    faulted = mean.end_mj_per_m2
    thicker = _cell(parent, slip, args=args, layers=2 * args.layers, seed=md.seed)
    if parent.is_alloy:
        scatter = len(lines) ** -0.5
        top_sigma = scatter * float(np.std([line.largest_mj_per_m2 for line in lines], ddof=1))
        fault_sigma = scatter * float(np.std([line.end_mj_per_m2 for line in lines], ddof=1))
        check: dict[str, JsonValue] = {"planes": len(lines)}
    else:
        at = np.array([sense * whole, sense * whole * mean.largest_at])
        double = _energies(simulation, "thicker", thicker, slips_angstrom=at, md=md)
        top_sigma = max(_LEAST_SIGMA, abs(float(double[1]) - top))
        fault_sigma = max(_LEAST_SIGMA, abs(float(double[0]) - faulted))
        check = {"unstable_with_twice_the_layers": round(float(double[1]), 2)}
        if parent.prototype == "fcc":
            check["intrinsic_with_twice_the_layers"] = round(float(double[0]), 2)
    truth = Truth.DFT_0K
    quantities = {
        "unstable_stacking_fault_energy": Quantity(value=top, unit="mJ/m**2", sigma=top_sigma, truth=truth)
    }
    if parent.prototype == "fcc":
        quantities["stacking_fault_energy"] = Quantity(
            value=faulted, unit="mJ/m**2", sigma=fault_sigma, truth=truth
        )
    warnings = list(md.warnings)
    if parent.prototype == "fcc" and faulted < 0:
        warnings.append("the fault lowers the energy: in this potential another stacking is the stable one")
    if parent.is_alloy:
        warnings.append(
            "the elements are dealt at random; order or segregation at the fault changes its energy, and single planes scatter"
        )
    return Outcome(
        quantities=quantities,
        facts={
            "lattice": parent.prototype,
            "lattice_constant_angstrom": round(parent.a_angstrom, 5),
            "plane": slip.plane,
            "slip": slip.along,
            "layers": args.layers,
            "atoms": len(atoms),
            "unstable_at_share": round(mean.largest_at, 3),
            **traces_fact(_picture(mean, curves, slip=slip)),
            "single_planes_mj_per_m2": [round(line.end_mj_per_m2, 2) for line in lines],
            **check,
        },
        method=md.method(
            f"slip {slip.along} on {slip.plane} of a cell with one fault, atoms and thickness relaxed along the normal",
            steps=0,
            atoms=len(atoms),
            ensemble="0 K",
        ),
        warnings=tuple(warnings),
    )


TOOL = run
