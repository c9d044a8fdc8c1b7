"""A screw dislocation a/2<111> in a bcc crystal: the energy of its core, its two places, and the shape of the core.

A cylinder about the line gets the displacements of anisotropic elasticity (dislocation_field.py), its rim is held there, and the rest
relaxes. The energy within a radius, against the bulk's, grows as

    E(r) = E_core + K ln(r / b),

so that slope and elasticity check each other, and the rest is the core's energy at the radius b. The line can lie in either kind of
triangle of <111> rows: the easy core and the hard one, whose difference is the height of the way between neighbouring easy
cores (V. Vítek, Cryst. Lattice Defects 5, 1 (1974); D. Rodney et al., Acta Mater. 124, 633 (2017)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.elastic_tensor import rotated
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.dislocation_field import DislocationField, field_of
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.parent_lattice import Direction, Parent, parent_of
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.protocols.elastic import static_tensor
from matsmith.tools.lammps.standard_frame import frame_of
from matsmith.tools.lammps.static import at_rest
from matsmith.tools.lammps.statistics import line
from matsmith.tools.lammps.structures import repeated

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

_AXES: tuple[Direction, Direction, Direction] = ((1, -1, 0), (1, 1, -2), (1, 1, 1))
_RIM_IN_CUTOFFS = 2.0
_VACUUM_ANGSTROM = 15.0
_INNER, _OUTER = 0.35, 0.85
_RADII = 40
_SHAKE_ANGSTROM = 0.02
_SYMMETRIC, _POLARISED = 0.3, 0.7
_ENERGIES = """compute own all pe/atom
dump atoms all custom 1 atoms.dump id type xu yu zu c_own
run 0
"""


class ScrewArgs(MdArgs):
    """Of which bcc crystal, and how large the cylinder is."""

    size: int = Field(
        default=2000, ge=300, le=100_000, description="atoms aimed at, of a cylinder one period long"
    )


@dataclass(frozen=True, kw_only=True)
class Cylinder:
    """Perfect positions (n, 3) about the line at the origin, those of the rim last, and where the rim begins."""

    atoms: Atoms
    places: FloatArray
    first_of_rim: int
    radius_angstrom: float


@dataclass(frozen=True, kw_only=True)
class Core:
    """One relaxed core: energy per length in eV/Å within radii in Å, what follows, and how far the inner rows moved together."""

    radii: FloatArray
    energies: FloatArray
    slope: float
    core_ev_per_angstrom: float
    core_sigma: float
    polarisation: float
    largest_edge_angstrom: float


def rows_beside(parent_a_angstrom: float) -> tuple[FloatArray, FloatArray]:
    """Middles (2,) of the two kinds of triangle that rows along [111] make, beside the row at the origin."""
    away = parent_a_angstrom * math.sqrt(2 / 3) / math.sqrt(3.0)
    angles = (math.pi / 3, 2 * math.pi / 3)
    one, two = (np.array([away * math.cos(angle), away * math.sin(angle)]) for angle in angles)
    return one, two


def cylinder(parent: Parent, middle: FloatArray, *, size: int, rim_angstrom: float) -> Cylinder:
    """Cut a cylinder of about so many atoms about a line through `middle` (2,), measured from a row."""
    a = parent.a_angstrom
    period = a * math.sqrt(3.0) / 2
    radius = math.sqrt(size * a**3 / 2 / period / math.pi)
    unit = parent.cut(_AXES, repeat=(1, 1, 1))
    lengths = np.asarray(unit.cell.lengths(), dtype=np.float64)
    across = [2 * math.ceil(radius / float(n)) + 3 for n in lengths[:2]]
    block = repeated(unit, (across[0], across[1], 1))
    places = np.asarray(block.get_positions(), dtype=np.float64)
    middle_of_block = np.array([across[0] * lengths[0], across[1] * lengths[1]]) / 2
    row = places[np.argmin(np.linalg.norm(places[:, :2] - middle_of_block, axis=1)), :2]
    places[:, :2] -= row + middle
    distance = np.linalg.norm(places[:, :2], axis=1)
    inside = np.flatnonzero(distance < radius)
    order = inside[np.argsort(distance[inside] > radius - rim_angstrom, kind="stable")]
    first_of_rim = int((distance[order] <= radius - rim_angstrom).sum())
    if first_of_rim < 60:
        raise DynamicsError("too_small", "The cylinder is nearly all rim.", hint="Ask for more atoms (size).")
    atoms = cast("Atoms", cast("Any", block)[order])
    side = 2 * radius + _VACUUM_ANGSTROM
    atoms.set_cell([side, side, period], scale_atoms=False)
    return Cylinder(
        atoms=atoms,
        places=places[order],
        first_of_rim=first_of_rim,
        radius_angstrom=radius - rim_angstrom,
    )


def energy_within(
    distances: FloatArray, excess_ev: FloatArray, *, period: float, radii: FloatArray
) -> FloatArray:
    """Excess energy per length (k,) in eV/Å of the atoms (n,) nearer to the line than each radius (k,)."""
    order = np.argsort(distances)
    total = np.concatenate([[0.0], np.cumsum(excess_ev[order])])
    return np.asarray(total[np.searchsorted(distances[order], radii)] / period, dtype=np.float64)


@protocol(
    name="md_screw_dislocation",
    title="Screw dislocation core in bcc crystals",
    measures=(),
    cost_s=60.0,
    prefers="screw",
)
def run(args: ScrewArgs, *, system: System, md: Md) -> Outcome:
    """Core energies (eV/Å) of the easy and the hard core of the screw dislocation a/2<111> of a bcc crystal, at 0 K.

    Facts: energy over the radius with its slope beside that of elasticity, and whether the easy core is symmetric or polarised. Typed
    failures: other_lattice, learned_potential (energies of single atoms are needed), too_small, and those of the runs.

    Example: matsmith tool md_screw_dislocation --args '{"element": "W"}'
    """
    if md.choice.learned:
        raise DynamicsError(
            "learned_potential",
            "The core's energy needs the energies of single atoms, which the learned potential does not give here.",
            hint="Name a classical potential.",
        )
    frame = frame_of(system.atoms)
    relaxed = md.relaxed_cell(frame.atoms, shape="iso")
    parent = parent_of(relaxed.atoms, wanted=("bcc",), what="Screw dislocations")
    if parent.is_alloy:
        raise DynamicsError(
            "alloy",
            "In an alloy the core differs from place to place along the line.",
            hint="Give a crystal of one element.",
        )
    tensor = static_tensor(relaxed.atoms, frame=frame, md=md).measured.tensor_gpa
    axes = np.array(_AXES, dtype=np.float64)
    turn = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    burgers = parent.a_angstrom * math.sqrt(3.0) / 2
    field = field_of(rotated(tensor, turn), np.array([0.0, 0.0, burgers]))
    rim = _RIM_IN_CUTOFFS * md.choice.cutoff_angstrom
    bulk = relaxed.energy_ev_per_atom
    found: list[tuple[Core, Cylinder]] = []
    for number, middle in enumerate(rows_beside(parent.a_angstrom)):
        md.note(f"core {number + 1} of 2")
        cut = cylinder(parent, middle, size=args.size, rim_angstrom=rim)
        simulation = md.simulation(f"core_{number}", cut.atoms)
        found.append((_core(cut, field, simulation=simulation, bulk_ev=bulk, burgers=burgers), cut))
    (easy, cut), (hard, _) = sorted(found, key=lambda each: each[0].core_ev_per_angstrom)
    # A start of full symmetry keeps it: only a shaken core can polarise. The hard core is kept where it is by its symmetry alone.
    md.note("easy core, shaken")
    shaken = _core(
        cut, field, simulation=md.simulation("shaken", cut.atoms), bulk_ev=bulk, burgers=burgers, seed=md.seed
    )
    if shaken.core_ev_per_angstrom < easy.core_ev_per_angstrom:
        easy = shaken
    return _outcome(easy, hard, field=field, burgers=burgers, atoms=len(cut.atoms), md=md)


def _core(
    cut: Cylinder,
    field: DislocationField,
    *,
    simulation: Simulation,
    bulk_ev: float,
    burgers: float,
    seed: int | None = None,
) -> Core:
    """Relax one core; with a seed its atoms are shaken first."""
    moved = field.displacements(cut.places[:, :2])
    atoms = cut.atoms.copy()
    side = float(atoms.cell.array[0, 0])
    middle = np.array([side / 2, side / 2, 0.0])
    shake = np.zeros_like(moved)
    if seed is not None:
        free = np.random.default_rng(seed).normal(scale=_SHAKE_ANGSTROM, size=(cut.first_of_rim, 3))
        shake[: cut.first_of_rim] = free
    atoms.set_positions(cut.places + moved + middle + shake)
    rest = at_rest(simulation, "relaxed", atoms, rim=(cut.first_of_rim, len(atoms) - 1))
    stage = simulation.stage("energies", _ENERGIES, atoms=rest.atoms, title="energies of the atoms")
    own = stage.dump("atoms").columns["c_own"][0]
    distances = np.linalg.norm(cut.places[:, :2], axis=1)
    radii = np.linspace(_INNER, _OUTER, _RADII) * cut.radius_angstrom
    energies = energy_within(distances, own - bulk_ev, period=burgers, radii=radii)
    rising = line(np.log(radii), energies)
    parts = energies - field.prelogarithmic_ev_per_angstrom * np.log(radii / burgers)
    # What the three rows beside the line moved along it beyond elasticity, together: zero where the core keeps its diads.
    settled = np.asarray(rest.atoms.get_positions(), dtype=np.float64) - middle - cut.places
    beyond = settled[:, 2] - moved[:, 2]
    beyond -= burgers * np.round(beyond / burgers)
    inner = np.argsort(distances)[:3]
    within = distances < cut.radius_angstrom
    return Core(
        radii=radii,
        energies=energies,
        slope=rising.slope,
        core_ev_per_angstrom=float(parts.mean()),
        core_sigma=float(parts.std(ddof=1)),
        polarisation=abs(float(beyond[inner].mean())) / (burgers / 6),
        largest_edge_angstrom=float(np.linalg.norm(settled[within, :2], axis=1).max()),
    )


def _shape(core: Core) -> str:
    if core.polarisation < _SYMMETRIC:
        return "symmetric (not degenerate)"
    return "polarised (degenerate)" if core.polarisation > _POLARISED else "partly polarised"


def _outcome(
    easy: Core, hard: Core, *, field: DislocationField, burgers: float, atoms: int, md: Md
) -> Outcome:
    truth = Truth.DFT_0K
    # Both kinds of middle have the same shells of rows about them: what their energies scatter over the radius cancels.
    higher = 1000 * burgers * (hard.energies - easy.energies)
    elastic = field.prelogarithmic_ev_per_angstrom
    quantities = {
        "screw_core_energy": Quantity(
            value=easy.core_ev_per_angstrom, unit="eV/angstrom", sigma=easy.core_sigma, truth=truth
        ),
        "hard_above_easy_core": Quantity(
            value=float(higher.mean()),
            unit="meV",
            sigma=max(0.1, float(higher.std(ddof=1))),
            truth=truth,
        ),
    }
    warnings = [*md.warnings, "the rim is held: cores feel the wall by their inverse square of the radius"]
    if abs(easy.slope / elastic - 1) > 0.1:
        warnings.append(
            f"energy rises by {easy.slope:.3f} eV/Å where elasticity says {elastic:.3f}: take a larger cylinder (size)"
        )
    if _shape(easy) != "symmetric (not degenerate)":
        warnings.append(
            "the easy core is not symmetric: density-functional theory finds symmetric cores in all bcc transition metals"
        )
    rows: list[JsonValue] = [
        {
            "core": name,
            "core_energy_ev_per_angstrom": round(core.core_ev_per_angstrom, 5),
            "sigma_ev_per_angstrom": round(core.core_sigma, 5),
            "slope_ev_per_angstrom": round(core.slope, 5),
            "polarisation": round(core.polarisation, 4),
            "largest_move_across_the_line_angstrom": round(core.largest_edge_angstrom, 4),
        }
        for name, core in (("easy", easy), ("hard", hard))
    ]
    traces = [
        Trace(name=name, x=np.log(core.radii / burgers), y=core.energies, style="points")
        for name, core in (("easy core", easy), ("hard core", hard))
    ]
    spread = np.log(easy.radii[[0, -1]] / burgers)
    traces.append(
        Trace(name="elasticity", x=spread, y=easy.core_ev_per_angstrom + elastic * spread, dashed=True)
    )
    return Outcome(
        quantities=quantities,
        facts={
            "burgers_vector_angstrom": round(burgers, 5),
            "elastic_slope_ev_per_angstrom": round(elastic, 5),
            "core_radius_angstrom": round(burgers, 4),
            "easy_core_is": _shape(easy),
            "cores": rows,
            **traces_fact(
                TracePlot(
                    id="energy-within",
                    title="Energy of the dislocation within a radius",
                    x=("logarithm of radius over Burgers vector", ""),
                    y=("energy", "eV/Å"),
                    traces=traces,
                )
            ),
        },
        method=md.method(
            "cylinder with the displacements of anisotropic elasticity, its rim held",
            steps=0,
            atoms=atoms,
            ensemble="0 K",
        ),
        warnings=tuple(warnings),
    )


TOOL = run
