"""Energies of the faces of a crystal from relaxed slabs, and the shape that they give it.

    γ = [E(slab) - N e(bulk)] / 2A,

in two thicknesses, whose difference is the error. Slabs have two equal faces and no dipole (models/slabs.py). Potentials that were fitted
to bulk alone give faces that are 10 to 50 % too low, as embedded-atom potentials of fcc metals mostly do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.redox import mean_charges
from matsmith.models.slabs import CleanSlab, Plane, clean_slabs, conventional_cell, distinct_planes
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.paths import structure_of
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.static import EV_PER_ANGSTROM2_IN_MJ_PER_M2, at_rest, deformed
from matsmith.tools.surface_energy import wulff_weights

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    from matsmith.tools.lammps.simulation import Simulation

_THICKNESSES_ANGSTROM = (16.0, 28.0)
_MOST_FACES = 12
_LEAST_SIGMA = 0.1
_VACUUM_BEYOND_CUTOFF_ANGSTROM = 2.0


class SurfaceArgs(MdArgs):
    """Of which crystal, and which faces."""

    size: int = Field(default=600, ge=8, le=20_000, description="largest slab, in atoms")
    plane: tuple[int, int, int] | None = Field(
        default=None, description="Miller indices in the conventional cell; without it every simple face"
    )
    max_index: int = Field(default=1, ge=1, le=3, description="largest index of the faces tried")


@dataclass(frozen=True, kw_only=True)
class Face:
    """A face with its energy in mJ/m² in each thickness, thin first."""

    plane: Plane
    energies_mj_per_m2: tuple[float, ...]
    atoms: int

    @property
    def energy(self) -> float:
        """In the thickest slab."""
        return self.energies_mj_per_m2[-1]

    @property
    def sigma(self) -> float:
        """Change with the thickness; a hundredth where only one could be computed."""
        if len(self.energies_mj_per_m2) < 2:
            return 0.01 * abs(self.energy)
        return max(_LEAST_SIGMA, abs(self.energies_mj_per_m2[-1] - self.energies_mj_per_m2[-2]))


def slab_atoms(slab: CleanSlab, *, cutoff_angstrom: float) -> Atoms:
    """The slab with its third vector along the normal and vacuum beyond the potential's reach, in the simulator's frame."""
    from ase import Atoms as AseAtoms

    structure: Any = slab.structure
    cell = np.array(structure.lattice.matrix, dtype=np.float64)
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    positions = np.array(structure.cart_coords, dtype=np.float64)
    heights = positions @ normal
    needed = float(np.ptp(heights)) + cutoff_angstrom + _VACUUM_BEYOND_CUTOFF_ANGSTROM
    cell[2] = normal * max(float(cell[2] @ normal), needed)
    made = AseAtoms([str(site.specie.symbol) for site in structure], positions=positions, cell=cell, pbc=True)
    return deformed(made, np.eye(3))[0]


@protocol(
    name="md_surface",
    title="Surface energies with a classical potential",
    cost_s=20.0,
    prefers="surface",
)
def run(args: SurfaceArgs, *, system: System, md: Md) -> Outcome:
    """Energies (mJ/m²) of the faces of a crystal from relaxed slabs at 0 K, and their shares of its equilibrium shape.

    Quantities: the energy of each face as `surface_energy_111` and so on, `lowest_surface_energy`, and `mean_surface_energy` over the shape. Typed failures:
    no_slab, unstable, and those of the runs.

    Example: matsmith tool md_surface --args '{"element": "Cu", "plane": [1, 1, 1]}'
    """
    relaxed = md.relaxed_cell(system, shape="aniso" if len(system.atoms) > 1 else "iso")
    conventional = conventional_cell(structure_of(relaxed.atoms))
    if args.plane == (0, 0, 0):
        raise DynamicsError("no_plane", "There is no plane (000).", hint="Give indices such as [1, 1, 1].")
    planes = [args.plane] if args.plane else distinct_planes(conventional, max_index=args.max_index)
    simulation = md.simulation("slabs", relaxed.atoms)
    faces: list[Face] = []
    refused: dict[str, str] = {}
    for plane in planes[:_MOST_FACES]:
        found = _face(
            plane, conventional, relaxed.energy_ev_per_atom, simulation=simulation, args=args, md=md
        )
        if isinstance(found, str):
            refused[_text(plane)] = found
        else:
            faces.append(found)
    if not faces:
        listed = "; ".join(f"({plane}): {why}" for plane, why in refused.items())
        raise DynamicsError(
            "no_slab", f"No face can be computed. {listed}.", hint="Try another plane, or a larger size."
        )
    faces.sort(key=lambda face: face.energy)
    if faces[0].energy <= 0:
        raise DynamicsError(
            "unstable",
            f"The face ({_text(faces[0].plane)}) lowers the energy: the crystal is not stable in this potential.",
            hint="Use another potential, or relax the structure with it first.",
        )
    return _outcome(faces, conventional=conventional, refused=refused, md=md)


def _face(
    plane: Plane,
    conventional: Structure,
    bulk_ev_per_atom: float,
    *,
    simulation: Simulation,
    args: SurfaceArgs,
    md: Md,
) -> Face | str:
    amounts = {str(symbol): float(n) for symbol, n in conventional.composition.as_dict().items()}
    charges = mean_charges(amounts) if len(amounts) > 1 else None
    energies: list[float] = []
    count = 0
    for size, thickness in enumerate(_THICKNESSES_ANGSTROM):
        slabs = clean_slabs(
            conventional, plane, charges=charges, thickness_angstrom=thickness, max_atoms=args.size
        )
        if isinstance(slabs, str):
            if size == 0:
                return slabs.replace("_", " ")
            break
        lowest: float | None = None
        for number, slab in enumerate(slabs):
            md.note(f"face ({_text(plane)}), {thickness:g} Å, termination {number + 1} of {len(slabs)}")
            atoms = slab_atoms(slab, cutoff_angstrom=md.choice.cutoff_angstrom)
            name = f"slab_{_text(plane).replace('-', 'm').replace(' ', '_')}_{size}_{number}"
            rest = at_rest(simulation, name, atoms)
            excess = rest.energy_ev - len(atoms) * bulk_ev_per_atom
            energy = excess / (2 * slab.area_angstrom2) * EV_PER_ANGSTROM2_IN_MJ_PER_M2
            lowest = energy if lowest is None else min(lowest, energy)
            count = len(atoms)
        if lowest is not None:
            energies.append(lowest)
    return Face(plane=plane, energies_mj_per_m2=tuple(energies), atoms=count)


def _text(plane: Plane) -> str:
    return ("" if all(0 <= n < 10 for n in plane) else " ").join(str(n) for n in plane)


def _outcome(faces: list[Face], *, conventional: Structure, refused: dict[str, str], md: Md) -> Outcome:
    truth = Truth.DFT_0K
    quantities: dict[str, Quantity] = {}
    for face in faces:
        name = _text(face.plane).replace("-", "m").replace(" ", "_")
        quantities[f"surface_energy_{name}"] = Quantity(
            value=face.energy, unit="mJ/m**2", sigma=face.sigma, truth=truth
        )
    lowest = faces[0]
    quantities["lowest_surface_energy"] = Quantity(
        value=lowest.energy, unit="mJ/m**2", sigma=lowest.sigma, truth=truth
    )
    weights = (
        wulff_weights(conventional, {face.plane: face.energy for face in faces}) if len(faces) > 1 else None
    )
    if weights is not None:
        shares = [weights[face.plane] for face in faces]
        quantities["mean_surface_energy"] = Quantity(
            value=float(np.dot(shares, [face.energy for face in faces])),
            unit="mJ/m**2",
            sigma=float(np.dot(shares, [face.sigma for face in faces])),
            truth=truth,
        )
    rows: list[JsonValue] = [
        {
            "plane": _text(face.plane),
            "energies_mj_per_m2": [round(energy, 2) for energy in face.energies_mj_per_m2],
            "share_of_shape": None if weights is None else round(weights[face.plane], 3),
            "atoms": face.atoms,
        }
        for face in faces
    ]
    warnings = list(md.warnings)
    single = [_text(face.plane) for face in faces if len(face.energies_mj_per_m2) < 2]
    if single:
        warnings.append(f"one thickness alone for {', '.join(single)}: a hundredth is taken as error")
    return Outcome(
        quantities=quantities,
        facts={
            "faces": rows,
            "lowest_face": _text(lowest.plane),
            "refused_faces": dict(refused),
            "thicknesses_angstrom": list(_THICKNESSES_ANGSTROM),
        },
        method=md.method(
            "symmetric slabs in two thicknesses, atoms relaxed; Wulff shape",
            steps=0,
            atoms=max(face.atoms for face in faces),
            ensemble="0 K",
        ),
        warnings=tuple(warnings),
    )


TOOL = run
