"""The lowest path between two states of one cell, and the barriers on it, by the nudged elastic band with a climbing image.

Both ends are relaxed in their cell first. The barrier is at 0 K and without the vibrations that a rate needs beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.nudged_elastic_band import BandSettings
from matsmith.tools.base import Deps
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.paths import lowest_path
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.static import at_rest
from matsmith.tools.structure_files import read_structure

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.models.nudged_elastic_band import Path as Band

_SAME_CELL_ANGSTROM = 0.02
_NO_WAY_ANGSTROM = 0.1


class NebArgs(MdArgs):
    """The two states, and how finely the path between them is followed."""

    # Files, and not structures: two states of one path may be the same crystal, and count as one wherever a structure is
    # told by its canonical form.
    structure: str | None = Field(
        default=None,
        min_length=1,
        description="the first state: path of a CIF or POSCAR file",
        json_schema_extra={"x-reference": "file"},
    )
    end: str = Field(
        min_length=1,
        description="the other state: path of a CIF or POSCAR file with the same cell and the same atoms in the same order",
        json_schema_extra={"x-reference": "file"},
    )
    images: int = Field(
        default=7, ge=1, le=31, description="images between the ends; odd for a symmetric path"
    )
    force_ev_per_angstrom: float = Field(
        default=0.03, ge=0.005, le=0.5, description="largest force left on the images"
    )
    max_steps: int = Field(default=300, ge=10, le=5000, description="steps of the band at most")

    def given(self, deps: Deps) -> Crystal:
        """The first state, as its file has it."""
        del deps
        return read_state(self.structure or "")


def read_state(path: str) -> Crystal:
    """A state of a path. Raises `DynamicsError` for a file that is no structure."""
    try:
        return read_structure(Path(path))
    except StructureError as error:
        raise DynamicsError("unreadable", error.message, hint=error.hint) from error


def same_order(first: Crystal, last: Crystal) -> str | None:
    """Why two crystals are no ends of one path; None when they are."""
    if first.species != last.species:
        return "the atoms differ or stand in another order"
    if not np.allclose(np.array(first.lattice), np.array(last.lattice), atol=_SAME_CELL_ANGSTROM):
        return "the cells differ"
    return None


def path_plot(path: Band, *, what: str) -> TracePlot:
    """The energies of the images over the path."""
    shares = np.linspace(0, 100, len(path.energies_ev))
    return TracePlot(
        id="path",
        title=f"Energy along the path of {what}"[:80],
        x=("image along the path", "%"),
        y=("energy above the start", "eV"),
        traces=[
            Trace(name="band", x=shares, y=path.energies_ev),
            Trace(name="images", x=shares, y=path.energies_ev, style="points"),
        ],
        note=f"Nudged elastic band, largest force left {path.max_force_ev_per_angstrom:.3f} eV/Å.",
    )


def band_warnings(path: Band) -> list[str]:
    """What to say of a band that did not converge."""
    if path.converged:
        return []
    return [
        f"the band is not converged: a force of {path.max_force_ev_per_angstrom:.3f} eV/Å is left (max_steps)"
    ]


def highest_of(path: Band) -> Crystal:
    """The image at the top."""
    return Crystal.from_pymatgen(path.highest)


@protocol(
    name="md_neb",
    title="Lowest path between two states",
    measures=(),
    cost_s=60.0,
    prefers="migration",
)
def run(args: NebArgs, *, system: System, md: Md) -> Outcome:
    """Barriers (eV) forward and backward between two states of one cell, by the nudged elastic band with a climbing image.

    Both states are relaxed first, their cell kept. The structure returned is the highest image. Typed failures: other_cell, no_way (both
    relax to the same state), and those of the runs.

    Example: matsmith tool md_neb --args '{"structure": "start.cif", "end": "end.cif", "images": 7}'
    """
    if args.structure is None:
        raise DynamicsError(
            "no_structure",
            "A path needs two structures.",
            hint="Give structure and end, two CIF or POSCAR files.",
        )
    begin, end = system.crystal, read_state(args.end)
    why = same_order(begin, end)
    if why is not None:
        raise DynamicsError(
            "other_cell",
            f"The two structures are no ends of one path: {why}.",
            hint="Give the same cell and the same order of atoms in both.",
        )
    simulation = md.simulation("ends", _atoms(begin))
    md.note("relaxing both ends")
    first = at_rest(simulation, "first", _atoms(begin))
    last = at_rest(simulation, "last", _atoms(end))
    apart = last.atoms.get_scaled_positions(wrap=False) - first.atoms.get_scaled_positions(wrap=False)
    apart -= np.round(apart)
    farthest = float(np.linalg.norm(apart @ first.atoms.cell.array, axis=1).max())
    if farthest < _NO_WAY_ANGSTROM:
        raise DynamicsError(
            "no_way",
            "Both structures relax to the same state: there is no path between them.",
            hint="Give two states that are different minima of this potential.",
        )
    settings = BandSettings(
        images=args.images,
        force_tolerance_ev_per_angstrom=args.force_ev_per_angstrom,
        max_steps=args.max_steps,
    )
    md.note(f"band of {args.images} images")
    path = lowest_path(
        md,
        "band",
        first.atoms,
        last.atoms,
        energies_ev=(first.energy_ev, last.energy_ev),
        settings=settings,
    )
    top = float(path.energies_ev.max())
    sigma = path.max_force_ev_per_angstrom * 0.1
    return Outcome(
        quantities={
            "migration_barrier": Quantity(value=top, unit="eV", sigma=sigma, truth=Truth.DFT_0K),
            "barrier_backward": Quantity(
                value=top - float(path.energies_ev[-1]), unit="eV", sigma=sigma, truth=Truth.DFT_0K
            ),
        },
        facts={
            "energy_of_end_ev": round(float(path.energies_ev[-1]), 5),
            "converged": path.converged,
            "steps_of_the_band": path.steps,
            "largest_move_angstrom": round(farthest, 4),
            "images": args.images,
            **traces_fact(path_plot(path, what=system.formula)),
        },
        crystal=highest_of(path),
        method=md.method(
            f"nudged elastic band with a climbing image, {args.images} images",
            steps=0,
            atoms=len(first.atoms),
            ensemble="0 K",
        ),
        warnings=(*md.warnings, *band_warnings(path)),
    )


def _atoms(crystal: Crystal) -> Atoms:
    from ase import Atoms as AseAtoms

    return AseAtoms(
        list(crystal.species), cell=crystal.lattice, scaled_positions=list(crystal.positions), pbc=True
    )


TOOL = run
