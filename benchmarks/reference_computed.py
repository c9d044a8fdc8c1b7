"""What the potential gives for the measured crystals, computed once and kept: cells, curves, elastic constants, vacancies, surfaces.

Results stand in a file of JSON lines, so that an interrupted run goes on where it was. Elastic constants come from the stress of
strained cells with relaxed atoms, as the slope over ± 1 and ± 2 % strain; vacancies from cells of 31 to 53 atoms at the lattice
of the crystal; surfaces from eight layers of the closest-packed plane: (111) of fcc, (110) of bcc, (0001) of hcp.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.relaxation import (
    EV_PER_ANGSTROM3_IN_GPA,
    RelaxationFailure,
    RelaxationSettings,
    Relaxed,
    relax,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.knowledge.crystals import MeasuredCrystal
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

FloatArray = NDArray[np.float64]
AMPLITUDES = (0.01, 0.02)
_EV_PER_ANGSTROM2_IN_J_PER_M2 = 16.02176634
_NEAR_ENOUGH_EV_PER_ANGSTROM = 0.2
_SHEAR = {4: (1, 2), 6: (0, 1)}


class Store:
    """Results by key in a file of JSON lines; a result is written as soon as it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: dict[str, Any] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").split("\n")[:-1]:  # a line without its end was torn
                row = json.loads(line)
                self._held[row["key"]] = row["value"]

    def get(self, key: str) -> Any:
        """The result, or None."""
        return self._held.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a result, on disk too."""
        self._held[key] = value
        with self._path.open("a+b") as stream:
            end = stream.seek(0, 2)
            if end:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":
                    stream.truncate(self._sound_end())
            stream.write(json.dumps({"key": key, "value": value}).encode() + b"\n")

    def _sound_end(self) -> int:
        return self._path.read_bytes().rfind(b"\n") + 1


def key_of(kind: str, crystal: MeasuredCrystal, potential: BatchedCHGNet) -> str:
    """Key of one result: what, of which crystal, with which weights."""
    return f"{kind}|{crystal.formula}|{crystal.name}|{potential.weights_hash[:12]}"


def usable(result: Relaxed | RelaxationFailure) -> Relaxed | None:
    """The relaxed cell, or the last one of a relaxation that nearly converged."""
    if isinstance(result, Relaxed):
        return result
    last = result.last if result.code == "unconverged" else None
    near = last is not None and last.max_force_ev_per_angstrom <= _NEAR_ENOUGH_EV_PER_ANGSTROM
    return last if near else None


def relaxed_cells(crystals: Iterable[MeasuredCrystal], *, potential: BatchedCHGNet, store: Store) -> None:
    """Lattice and positions of the relaxed primitive cell of every crystal, energy in eV per atom."""
    missing = [c for c in crystals if store.get(key_of("cell", c, potential)) is None]
    starts = (crystal.structure().get_primitive_structure() for crystal in missing)
    for place, result in relax(starts, potential=potential):
        found = usable(result)
        value: dict[str, Any] = {"failure": result.code if isinstance(result, RelaxationFailure) else None}
        if found is not None:
            value |= _cell(found.structure) | {
                "energy_ev_per_atom": found.energy_ev_per_atom,
                "failure": None,
            }
        store.put(key_of("cell", missing[place], potential), value)


def energy_curves(
    crystals: Iterable[MeasuredCrystal], *, factors: Iterable[float], potential: BatchedCHGNet, store: Store
) -> None:
    """Volumes and energies per atom at fixed volumes, atoms and shape relaxed, as the equation-of-state tool does it."""
    chosen = tuple(factors)
    missing = [
        c for c in crystals if cell_of(c, potential, store) and not store.get(key_of("curve", c, potential))
    ]
    jobs = [(index, factor) for index in range(len(missing)) for factor in chosen]
    points: list[dict[float, tuple[float, float] | None]] = [{} for _ in missing]

    def scaled(index: int, factor: float) -> Structure:
        structure = _structure(cell_of(missing[index], potential, store))
        structure.scale_lattice(structure.volume * factor)
        return structure

    settings = RelaxationSettings(cell="shape", max_steps=150)
    for place, result in relax((scaled(*job) for job in jobs), potential=potential, settings=settings):
        index, factor = jobs[place]
        found = usable(result)
        points[index][factor] = found and (
            found.structure.volume / len(found.structure),
            found.energy_ev_per_atom,
        )
        if len(points[index]) == len(chosen):
            whole = [points[index][factor] for factor in chosen]
            value: dict[str, Any] = {"volumes": [], "energies": []}
            if all(point is not None for point in whole):
                sound = [point for point in whole if point is not None]
                value = {"volumes": [p[0] for p in sound], "energies": [p[1] for p in sound]}
            store.put(key_of("curve", missing[index], potential), value)


def elastic_constants(crystals: Iterable[MeasuredCrystal], *, potential: BatchedCHGNet, store: Store) -> None:
    """C11, C12, C44 (GPa) of cubic crystals, C13, C33 of hexagonal ones, C66 of tetragonal ones besides, with their spread."""
    missing = [
        c for c in crystals if cell_of(c, potential, store) and not store.get(key_of("elastic", c, potential))
    ]
    jobs = [
        (index, component, sign * amplitude)
        for index, crystal in enumerate(missing)
        for component in _strains(crystal.space_group)
        for amplitude in AMPLITUDES
        for sign in (1, -1)
    ]

    def strained(index: int, component: int, amount: float) -> Structure:
        structure = _structure(cell_of(missing[index], potential, store))
        return _with_lattice(
            structure, np.array(structure.lattice.matrix) @ (np.eye(3) + _strain(component, amount))
        )

    def finish(index: int, stress: dict[tuple[int, float], FloatArray | None]) -> dict[str, Any]:
        return _constants(stress, components=_strains(missing[index].space_group))

    _gather(jobs, strained, finish, kind="elastic", crystals=missing, potential=potential, store=store)


def _gather(
    jobs: list[tuple[int, int, float]],
    build: Callable[[int, int, float], Structure],
    finish: Callable[[int, dict[tuple[int, float], FloatArray | None]], dict[str, Any]],
    *,
    kind: str,
    crystals: list[MeasuredCrystal],
    potential: BatchedCHGNet,
    store: Store,
) -> None:
    """Relax all strained cells in shared batches; a crystal is stored when its last strain is in."""
    wanted = [sum(job[0] == index for job in jobs) for index in range(len(crystals))]
    stress: list[dict[tuple[int, float], FloatArray | None]] = [{} for _ in crystals]
    settings = RelaxationSettings(cell="fixed", force_tolerance_ev_per_angstrom=0.01, max_steps=100)
    for place, result in relax((build(*job) for job in jobs), potential=potential, settings=settings):
        index, component, amount = jobs[place]
        found = usable(result)
        stress[index][component, amount] = None if found is None else found.stress_ev_per_angstrom3
        if len(stress[index]) == wanted[index]:
            store.put(key_of(kind, crystals[index], potential), finish(index, stress[index]))


def _constants(
    stress: dict[tuple[int, float], FloatArray | None], *, components: tuple[int, ...]
) -> dict[str, Any]:
    """Slopes of the stress over the amplitudes: mean and spread of each constant."""
    found: dict[str, list[float]] = {}
    for component in components:
        for amplitude in AMPLITUDES:
            up, down = stress[component, amplitude], stress[component, -amplitude]
            if up is None or down is None:
                return {"constants": {}, "spread": {}}
            slope = (up - down) / (2 * amplitude) * EV_PER_ANGSTROM3_IN_GPA
            if component == 1 and len(components) == 2:
                found.setdefault("C11", []).append(float(slope[0, 0]))
                found.setdefault("C12", []).append(float(slope[1, 1] + slope[2, 2]) / 2)
            elif component == 1:
                for name, axis in (("C11", 0), ("C12", 1), ("C13", 2)):
                    found.setdefault(name, []).append(float(slope[axis, axis]))
            elif component == 3:
                found.setdefault("C33", []).append(float(slope[2, 2]))
            else:
                found.setdefault(f"C{component}{component}", []).append(float(slope[_SHEAR[component]]))
    return {
        "constants": {name: float(np.mean(values)) for name, values in found.items()},
        "spread": {name: float(np.ptp(values)) / 2 for name, values in found.items()},
    }


def _strains(space_group: int) -> tuple[int, ...]:
    """Voigt numbers of the strains that give the constants of the table."""
    if space_group >= 195:
        return (1, 4)
    return (1, 3, 4, 6) if 75 <= space_group <= 142 else (1, 3, 4)


def _strain(component: int, amount: float) -> FloatArray:
    """Strain tensor (3, 3); a shear strain is the engineering one, half in each off-diagonal place."""
    strain = np.zeros((3, 3))
    if component <= 3:
        strain[component - 1, component - 1] = amount
    else:
        first, second = _SHEAR[component]
        strain[first, second] = strain[second, first] = amount / 2
    return strain


def vacancies(crystals: Iterable[MeasuredCrystal], *, potential: BatchedCHGNet, store: Store) -> None:
    """Formation energy (eV) of a vacancy at the lattice of the relaxed crystal."""
    repeats = {225: (2, 2, 2), 229: (3, 3, 3), 194: (3, 3, 2)}
    missing = [c for c in crystals if not store.get(key_of("vacancy", c, potential))]

    def cell(crystal: MeasuredCrystal) -> Structure:
        structure = conventional(crystal, potential, store)
        structure.make_supercell(repeats[crystal.space_group])
        structure.remove_sites([0])
        return structure

    settings = RelaxationSettings(cell="fixed", max_steps=100)
    for place, result in relax((cell(c) for c in missing), potential=potential, settings=settings):
        found, crystal = usable(result), missing[place]
        bulk = cell_of(crystal, potential, store)["energy_ev_per_atom"]
        energy = None if found is None else (found.energy_ev_per_atom - bulk) * len(found.structure)
        store.put(key_of("vacancy", crystal, potential), {"energy_ev": energy})


def surfaces(crystals: Iterable[MeasuredCrystal], *, potential: BatchedCHGNet, store: Store) -> None:
    """Energy (J/m²) of the closest-packed surface, atoms relaxed."""
    import ase.build
    from pymatgen.io.ase import AseAtomsAdaptor

    library: Any = ase.build
    builders: dict[int, Any] = {225: library.fcc111, 229: library.bcc110, 194: library.hcp0001}

    missing = [c for c in crystals if not store.get(key_of("surface", c, potential))]

    def slab(crystal: MeasuredCrystal) -> Structure:
        lattice = conventional(crystal, potential, store).lattice
        build = builders[crystal.space_group]
        more = {"c": lattice.c} if crystal.space_group == 194 else {}
        atoms = build(crystal.formula, size=(1, 1, 8), a=lattice.a, vacuum=6.5, **more)
        atoms.pbc = True
        return AseAtomsAdaptor.get_structure(atoms)  # pyright: ignore[reportUnknownMemberType]

    settings = RelaxationSettings(cell="fixed", max_steps=100)
    for place, result in relax((slab(c) for c in missing), potential=potential, settings=settings):
        found, crystal = usable(result), missing[place]
        energy = None
        if found is not None:
            bulk = cell_of(crystal, potential, store)["energy_ev_per_atom"]
            rows = np.array(found.structure.lattice.matrix)
            area = float(np.linalg.norm(np.cross(rows[0], rows[1])))
            excess = (found.energy_ev_per_atom - bulk) * len(found.structure)
            energy = excess / (2 * area) * _EV_PER_ANGSTROM2_IN_J_PER_M2
        store.put(key_of("surface", crystal, potential), {"energy_j_per_m2": energy})


def cell_of(crystal: MeasuredCrystal, potential: BatchedCHGNet, store: Store) -> dict[str, Any]:
    """The stored relaxed cell; empty when the crystal was not relaxed."""
    held: dict[str, Any] = store.get(key_of("cell", crystal, potential)) or {}
    return held if "lattice" in held else {}


def conventional(crystal: MeasuredCrystal, potential: BatchedCHGNet, store: Store) -> Structure:
    """The conventional cell on the relaxed lattice, with the measured positions."""
    start = crystal.structure()
    primitive = np.array(start.get_primitive_structure().lattice.matrix)
    deformation = np.linalg.solve(primitive, np.array(cell_of(crystal, potential, store)["lattice"]))
    return _with_lattice(start, np.array(start.lattice.matrix) @ deformation)


def _with_lattice(structure: Structure, lattice: FloatArray) -> Structure:
    from pymatgen.core import Structure

    return Structure(lattice, structure.species, structure.frac_coords)


def _cell(structure: Structure) -> dict[str, Any]:
    return {
        "lattice": np.array(structure.lattice.matrix).tolist(),
        "species": [str(site.specie) for site in structure],
        "positions": np.array(structure.frac_coords).tolist(),
    }


def _structure(cell: dict[str, Any]) -> Structure:
    from pymatgen.core import Structure

    return Structure(cell["lattice"], cell["species"], cell["positions"])
