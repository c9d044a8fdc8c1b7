"""How a protocol is declared: its arguments, and a function from a crystal with its potential to an outcome.

    @protocol(name="md_melting", title="Melting point", measures=("melting_point",), cost_s=300.0, prefers="melting")
    def run(args: MeltingArgs, *, system: System, md: Md) -> Outcome: ...

The declaration makes it a tool. Around the function stands what all protocols share: the crystal is built or read, the potential chosen
with its reason, a folder taken that the same call finds again (so that a killed run goes on), failures typed, and the
method and the potential's known weaknesses written into the outcome.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_type_hints

import numpy as np
from pydantic import Field, JsonValue, field_validator

from matsmith.core.crystal import Crystal
from matsmith.core.elements import is_element
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.models.potentials.interface import PotentialRefusal
from matsmith.tools import potential as learned_potential
from matsmith.tools.base import Args, Deps, Tool, tool
from matsmith.tools.lammps import model_errors, sanity
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.potentials import Choice, choose
from matsmith.tools.lammps.process import Limits
from matsmith.tools.lammps.program import missing, version
from matsmith.tools.lammps.rendering import ScriptError
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.stage import Stage
from matsmith.tools.lammps.static import settled
from matsmith.tools.lammps.structures import (
    Prototype,
    cell_of,
    conventional,
    elements_of,
    lattice_cell,
    symbols_of,
    usual_lattice,
)

if TYPE_CHECKING:
    from ase import Atoms

Shape = Literal["iso", "aniso", "tri"]
_NOT_IDENTIFYING = frozenset({"structure", "potential_file", "cores", "max_hours"})
_RELAX = """fix box all box/relax {shape} 0.0 vmax 0.002 nreset 20
min_style cg
min_modify line quadratic
minimize 0.0 1.0e-6 2000 20000
unfix box
fix box all box/relax {shape} 0.0 vmax 0.0005 nreset 20
minimize 0.0 1.0e-6 2000 20000
unfix box
fix box all box/relax {shape} 0.0 vmax 0.0001
minimize 0.0 1.0e-8 2000 20000
"""
_MOST_LEFT_BAR = 2000.0
# What a shape can bring to zero: the mean alone, the diagonal, all six.
_RELAXED: dict[Shape, tuple[str, ...]] = {
    "iso": ("press",),
    "aniso": ("pxx", "pyy", "pzz"),
    "tri": ("pxx", "pyy", "pzz", "pxy", "pxz", "pyz"),
}
_SPACE_GROUPS: dict[tuple[int, int], Prototype] = {
    (225, 1): "fcc",
    (229, 1): "bcc",
    (194, 2): "hcp",
    (227, 2): "diamond",
}


class MdArgs(Args):
    """What every protocol takes: the crystal, the potential, and what may be spent."""

    structure: str | None = Field(
        default=None,
        min_length=1,
        description="a structure: id of a candidate, id of a record that holds one, or path of a CIF or POSCAR file",
        json_schema_extra={"x-reference": "structure"},
    )
    element: str | None = Field(
        default=None, description="or an element by its symbol: its fcc, bcc, hcp or diamond crystal"
    )
    potential: str | None = Field(
        default=None,
        min_length=1,
        max_length=60,
        description="id of a potential of the catalogue, or `learned`; without it the best for the elements",
    )
    potential_file: str | None = Field(
        default=None,
        min_length=1,
        description="path of a potential file of one's own; needs potential_style",
        json_schema_extra={"x-reference": "file"},
    )
    potential_style: str | None = Field(
        default=None, max_length=40, description="pair style of potential_file, such as eam/alloy"
    )
    size: int = Field(default=500, ge=1, le=100_000_000, description="atoms aimed at")
    cores: int | None = Field(
        default=None, ge=1, le=256, description="cores; without it by the number of atoms"
    )
    max_hours: float = Field(
        default=2.0,
        gt=0,
        le=240,
        description="hours that one stage may take; what would take longer is refused",
    )

    @field_validator("element")
    @classmethod
    def _is_element(cls, symbol: str | None) -> str | None:
        if symbol is not None and not is_element(symbol):
            raise ValueError(f"there is no element {symbol[:20]!r}; give a symbol such as Cu")
        return symbol

    def given(self, deps: Deps) -> Crystal:
        """The crystal that `structure` stands for."""
        return deps.crystal(self.structure or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The crystal of a run with its potential. `atoms` is the conventional cell where that is orthogonal, else the cell as given."""

    atoms: Atoms
    elements: tuple[str, ...]
    formula: str
    choice: Choice
    crystal: Crystal
    prototype: Prototype | None = None
    a_angstrom: float | None = None

    @property
    def element(self) -> str | None:
        """The symbol of a crystal of one element."""
        return self.elements[0] if len(self.elements) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """A cell at zero pressure with its atoms at rest: in LAMMPS' frame."""

    atoms: Atoms
    energy_ev_per_atom: float
    stage: Stage


@dataclass(kw_only=True)
class Md:
    """What a protocol works with: simulations in its folder, its potential, and whoever is told how far it is."""

    deps: Deps
    folder: Path
    choice: Choice
    limits: Limits
    cores: int | None
    timestep_ps: float
    warnings: list[str] = field(default_factory=list[str])

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.deps.seed

    def note(self, text: str) -> None:
        """Tell whoever waits how far it is."""
        self.deps.note(text)

    def simulation(
        self,
        name: str,
        atoms: Atoms,
        *,
        boundary: str = "p p p",
        timestep_ps: float | None = None,
        limits: Limits | None = None,
        elements: tuple[str, ...] | None = None,
    ) -> Simulation:
        """A simulation in a sub-folder of its own."""
        return Simulation(
            atoms=atoms,
            choice=self.choice,
            folder=self.folder / name,
            deps=self.deps,
            limits=limits or self.limits,
            cores=self.cores,
            boundary=boundary,
            timestep_ps=timestep_ps,
            elements=elements,
        )

    def relaxed_cell(
        self, what: System | Atoms, *, shape: Shape = "aniso", elements: tuple[str, ...] | None = None
    ) -> Relaxed:
        """Cell and atoms relaxed to zero pressure with the potential: volume alone (iso), edges (aniso) or edges and angles (tri).

        `elements`: all that the potential is read for where the cell holds fewer of them, as a potential of a pair alone needs both.
        Raises `DynamicsError` (`not_relaxed`) when forces are left, or stresses that the shape could have relaxed, and those of the run.
        """
        atoms = what.atoms if isinstance(what, System) else what
        name = "relaxed-" + _hash_of_atoms(atoms, shape)[:10]
        simulation = self.simulation(name, atoms, elements=elements)
        stage = simulation.stage(
            "relax", _RELAX, values={"shape": shape}, columns=("fmax",), title="relaxing cell and atoms"
        )
        stage = settled(stage, simulation)
        left = max(abs(float(stage.thermo[part][-1])) for part in _RELAXED[shape])
        if left > _MOST_LEFT_BAR:
            raise DynamicsError(
                "not_relaxed",
                f"The cell keeps a stress of {left * 1e-4:.2f} GPa with the potential {self.choice.id}.",
                hint="Start from another cell, or choose another potential.",
            )
        final = stage.final
        return Relaxed(atoms=final, energy_ev_per_atom=stage.potential_energy_ev / len(final), stage=stage)

    def method(self, name: str, *, steps: int, atoms: int, ensemble: str) -> Method:
        """What computed a value: the protocol's own words, size and length, the program and the potential with its hash."""
        length = f", {steps:,} steps of {1000 * self.timestep_ps:g} fs" if steps else ""
        return Method(
            name=f"{name} ({ensemble}, {atoms:,} atoms{length}; LAMMPS {version()}, pair style {self.choice.pair_style})",
            model=self.choice.title,
            weights_hash=next(iter(self.choice.files.values())) if self.choice.learned else self.choice.hash,
            files=dict(self.choice.files),
            reference=self.choice.citation,
        )


RunProtocol = Callable[..., Outcome]


PREFERS: dict[str, str] = {}
"""By which property a protocol's potential is chosen; filled as protocols are declared, so ask after the tool was loaded."""


def protocol(
    *,
    name: str,
    title: str,
    cost_s: float,
    measures: tuple[str, ...] = (),
    prefers: str | None = None,
    version: str = "1",
) -> Callable[[RunProtocol], Tool]:
    """Declare a protocol; `prefers` is the property by which the potential is chosen where several cover the elements."""
    if prefers is not None:
        PREFERS[name] = prefers

    def declare(run: RunProtocol) -> Tool:
        args_type = get_type_hints(run)["args"]

        def whole(args: MdArgs, *, deps: Deps) -> Outcome:
            try:
                return _run(run, args, deps=deps, name=name, prefers=prefers)
            except DynamicsError as error:
                failed = Outcome.failed(error.code, error.message, hint=error.hint, retryable=error.retryable)
                return failed.model_copy(update={"facts": error.facts})
            except ScriptError as error:
                return Outcome.failed("refused", error.message, hint=error.hint)
            except PotentialRefusal as error:
                return Outcome.failed(error.refusal.code, error.message, hint=error.hint)

        whole.__doc__ = run.__doc__
        whole.__annotations__["args"] = args_type
        return tool(
            name=name,
            title=title,
            version=version,
            measures=measures,
            cost_s=cost_s,
            needs_worker=True,
            side_effects="writes the run's files into the cache",
            identity=identity,
            missing=missing,
        )(whole)

    return declare


def identity(settings: Settings) -> str:
    """What results depend on besides their arguments: the catalogue, the program's release, the learned potential, and the errors assumed."""
    return f"{_catalogue_hash()}:{_release()}:{learned_potential.identity(settings)}:{model_errors.VERSION}"


@lru_cache(maxsize=1)
def _catalogue_hash() -> str:
    content = files("matsmith.knowledge").joinpath("classical_potentials.json").read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


@lru_cache(maxsize=1)
def _release() -> str:
    try:
        return package_version("lammps")
    except PackageNotFoundError:
        return "none"


def _run(run: RunProtocol, args: MdArgs, *, deps: Deps, name: str, prefers: str | None) -> Outcome:
    system = system_of(args, deps=deps, prefers=prefers)
    folder = deps.settings.cache_dir / "md" / name / _key(args, system, deps)
    folder.mkdir(parents=True, exist_ok=True)
    seconds = 3600.0 * args.max_hours
    md = Md(
        deps=deps,
        folder=folder,
        choice=system.choice,
        limits=Limits(wall_s=1.5 * seconds, most_estimated_s=seconds),
        cores=args.cores,
        timestep_ps=sanity.usual_timestep_ps(system.elements, system.choice),
        warnings=[f"{system.choice.id}: {weakness}" for weakness in system.choice.weaknesses],
    )
    with _alone_in(folder):
        outcome = run(args, system=system, md=md)
    if outcome.failure is not None:
        return outcome
    quantities, statistical = model_errors.with_model_errors(
        outcome.quantities, learned=system.choice.learned
    )
    facts: dict[str, JsonValue] = {
        "statistical_sigma": {name: float(f"{sigma:.4g}") for name, sigma in statistical.items()},
        "potential": system.choice.id,
        "potential_reason": system.choice.reason,
        "folder": str(folder),
    }
    warnings = dict.fromkeys((*outcome.warnings, *md.warnings))
    if statistical:
        warnings[model_errors.SAID] = None
    return outcome.model_copy(
        update={
            "quantities": quantities,
            "facts": {**outcome.facts, **facts},
            "warnings": tuple(warnings),
            "method": outcome.method or md.method(name, steps=0, atoms=len(system.atoms), ensemble="at rest"),
        }
    )


def system_of(args: MdArgs, *, deps: Deps, prefers: str | None) -> System:
    """The crystal and the potential that arguments ask for. Raises `DynamicsError` when there is none."""
    if (args.structure is None) == (args.element is None):
        raise DynamicsError(
            "no_structure",
            "A run needs a structure or an element, and not both.",
            hint="Give element (Cu) or structure (a CIF or POSCAR file, or an id).",
        )
    atoms, prototype, a = _crystal_of(args, deps)
    elements = elements_of(atoms)
    choice = choose(
        elements,
        property_name=prefers,
        named=args.potential,
        user_file=Path(args.potential_file) if args.potential_file is not None else None,
        user_style=args.potential_style,
        settings=deps.settings,
    )
    crystal = _as_crystal(atoms) if args.structure is None else args.given(deps)
    return System(
        atoms=atoms,
        elements=elements,
        formula=crystal.formula,
        choice=choice,
        crystal=crystal,
        prototype=prototype,
        a_angstrom=a,
    )


def _crystal_of(args: MdArgs, deps: Deps) -> tuple[Atoms, Prototype | None, float | None]:
    if args.element is not None:
        prototype, a, c = usual_lattice(args.element)
        return lattice_cell(prototype, args.element, a, c=c), prototype, a
    from ase import Atoms

    crystal = args.given(deps)
    given = Atoms(
        list(crystal.species), cell=crystal.lattice, scaled_positions=list(crystal.positions), pbc=True
    )
    atoms = conventional(given)
    prototype = _prototype_of(atoms)
    return atoms, prototype, _edge_of(atoms, prototype)


def _prototype_of(atoms: Atoms) -> Prototype | None:
    if len(elements_of(atoms)) != 1:
        return None
    from matsmith.core.space_group import spglib_or_none

    cell: Any = (cell_of(atoms), atoms.get_scaled_positions(), atoms.get_atomic_numbers())
    found: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=1e-2)
    if found is None:
        return None
    n_primitive = len(set(found.mapping_to_primitive))
    return _SPACE_GROUPS.get((int(found.number), n_primitive))


def _edge_of(atoms: Atoms, prototype: Prototype | None) -> float | None:
    """The edge a in Å that a crystal of this prototype has at its volume; of hcp the shortest of the cell."""
    if prototype is None:
        return None
    if prototype == "hcp":
        return float(np.linalg.norm(cell_of(atoms), axis=1).min())
    per_cell = {"fcc": 4, "bcc": 2, "diamond": 8}[prototype]
    return float((atoms.get_volume() / len(atoms) * per_cell) ** (1 / 3))


def _as_crystal(atoms: Atoms) -> Crystal:
    from pymatgen.io.ase import AseAtomsAdaptor

    return Crystal.from_pymatgen(cast("Any", AseAtomsAdaptor.get_structure(cast("Any", atoms))))


def _hash_of_atoms(atoms: Atoms, *more: object) -> str:
    cell: list[list[float]] = cell_of(atoms).tolist()
    positions: list[list[float]] = atoms.get_positions().round(8).tolist()
    content = json.dumps([symbols_of(atoms), cell, positions, [str(each) for each in more]])
    return hashlib.sha256(content.encode()).hexdigest()


def _key(args: MdArgs, system: System, deps: Deps) -> str:
    own: Mapping[str, Any] = args.model_dump(mode="json", exclude=set(_NOT_IDENTIFYING))
    return _hash_of_atoms(system.atoms, json.dumps(own, sort_keys=True), system.choice.hash, deps.seed)[:24]


@contextlib.contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Hold a folder. Raises `DynamicsError` (`busy`) while another process runs the same call."""
    import fcntl

    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DynamicsError(
                "busy",
                "The same run is under way in another process.",
                hint="Wait for it, or give another seed.",
                retryable=True,
            ) from None
        yield
