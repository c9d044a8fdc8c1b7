"""Crystals at rest: what is not at rest is told, what may not move does not count, and rough alloys settle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.lammps import protocol, static
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocol import Md, MdArgs, System
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.static import FORCE_LEFT_EV_PER_ANGSTROM, at_rest
from matsmith.tools.lammps.structures import repeated, symbols_of

Simulate = Callable[..., Simulation]
RunProtocol = Callable[..., Outcome]
Copper = Callable[..., Atoms]


def _shaken(copper: Copper) -> Atoms:
    atoms = copper(3)
    atoms.rattle(0.15, seed=1)
    return atoms


def test_a_crystal_that_did_not_come_to_rest_is_a_typed_failure(
    simulate: Simulate, copper: Copper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static, "_MOST_ITERATIONS", 3)
    with pytest.raises(DynamicsError) as refusal:
        at_rest(simulate(copper(3)), "far", _shaken(copper))
    assert refusal.value.code == "not_relaxed"
    assert refusal.value.hint


def test_forces_on_what_is_held_do_not_count(simulate: Simulate, copper: Copper) -> None:
    atoms = _shaken(copper)
    rest = at_rest(simulate(atoms), "held", atoms, rim=(0, 53))
    assert rest.stage.thermo["fmax"][-1] < FORCE_LEFT_EV_PER_ANGSTROM
    moved = np.linalg.norm(rest.atoms.get_positions() - atoms.get_positions(), axis=1)
    assert moved[:54].max() < 1e-9
    assert moved[54:].max() > 0.1
    planes = at_rest(simulate(atoms), "planes", atoms, along_normal=True)
    assert planes.stage.thermo["fmax"][-1] < FORCE_LEFT_EV_PER_ANGSTROM


class _Args(MdArgs):
    shape: str = "aniso"


def _relaxed(args: _Args, *, system: System, md: Md) -> Outcome:
    """The cell as it comes out."""
    found = md.relaxed_cell(system, shape=args.shape)  # pyright: ignore[reportArgumentType]
    return Outcome(facts={"stage": found.stage.name, "fmax": float(found.stage.thermo["fmax"][-1])})


_TOOL = protocol.protocol(name="md_relaxed", title="relaxed", cost_s=1.0)(_relaxed)


def _run(atoms: Atoms, shape: str, settings: Settings) -> Outcome:
    from matsmith.core.crystal import Crystal

    crystal = Crystal(
        lattice=atoms.cell.array.tolist(),
        species=tuple(symbols_of(atoms)),
        positions=atoms.get_scaled_positions().tolist(),
    )
    return _TOOL.run(
        _Args(structure="x", shape=shape, cores=1), deps=Deps(settings=settings, inputs={"x": crystal})
    )


def test_stresses_that_the_shape_could_relax_are_told_even_without_a_pressure(
    simulate: Simulate, copper: Copper, md_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = copper(1)
    simulate(atoms)  # skips without LAMMPS
    # Longer along z, narrower across: the mean pressure is small, its components are several GPa.
    atoms.set_cell(atoms.cell.array * np.array([0.985, 0.985, 1.032]), scale_atoms=True)
    monkeypatch.setattr(protocol, "_RELAX", "group {shape} type 1\nrun 0\n")
    stage = simulate(atoms).run_static()
    assert abs(stage.thermo["press"][-1]) < 2000 < abs(stage.thermo["pzz"][-1])
    assert _run(atoms, "iso", md_settings).failure is None
    told = _run(atoms, "aniso", md_settings).failure
    assert told is not None
    assert told.code == "not_relaxed"


def test_an_alloy_whose_line_search_ends_early_settles(simulate: Simulate, md_settings: Settings) -> None:
    atoms = repeated(bulk("Al", "fcc", a=3.95, cubic=True), (4, 4, 4))
    simulate(atoms)  # skips without LAMMPS
    atoms.set_chemical_symbols([("Al", "Cu")[i % 2] for i in np.random.default_rng(0).permutation(256)])
    found = _run(atoms, "tri", md_settings)
    assert found.failure is None, found.failure
    assert found.facts["stage"] == "relax_settled"
    assert found.facts["fmax"] < FORCE_LEFT_EV_PER_ANGSTROM  # pyright: ignore[reportOperatorIssue]
