"""Vacancies: the limit of an infinite cell, the kinds of hops, and copper against its potential's paper; a path between two states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.record import Outcome
from matsmith.tools.lammps.protocols import neb, vacancy
from matsmith.tools.lammps.protocols.vacancy import extrapolated, neighbour_hops
from matsmith.tools.lammps.structures import lattice_cell, repeated

RunProtocol = Callable[..., Outcome]


def test_the_error_of_a_cell_falls_with_its_size() -> None:
    counts = np.array([64.0, 256.0])
    assert extrapolated(counts, 1.27 + 0.8 / counts) == pytest.approx(1.27)


def test_hops_are_told_apart_by_their_length() -> None:
    assert len(neighbour_hops(repeated(bulk("Cu", a=3.6, cubic=True), (3, 3, 3)), 0)) == 1
    # Out of the plane and within it, where c/a is not ideal.
    zinc = repeated(lattice_cell("hcp", "Zn", 2.66, c=4.95), (4, 2, 2))
    assert len(neighbour_hops(zinc, 0)) == 2


def test_copper_has_its_potentials_published_vacancy(run_protocol: RunProtocol) -> None:
    # Y. Mishin et al., Phys. Rev. B 63, 224106 (2001): 1.272 eV.
    outcome = run_protocol(vacancy.TOOL, element="Cu", potential="cu_mishin1", size=108, migration=False)
    assert outcome.failure is None, outcome.failure
    assert outcome.quantities["vacancy_formation_energy"].value == pytest.approx(1.272, abs=0.01)


def test_compounds_are_refused(run_protocol: RunProtocol) -> None:
    crystal = bulk("NiAl", "cesiumchloride", a=2.88)
    outcome = run_protocol(vacancy.TOOL, given={"x": crystal}, structure="x")
    assert outcome.failure is not None
    assert outcome.failure.code == "not_an_element"


def ends() -> tuple[Atoms, Atoms]:
    first = repeated(bulk("Cu", a=3.615, cubic=True), (2, 2, 2))
    last = first.copy()
    positions = last.get_positions()
    positions[2] += last.get_distance(2, 0, mic=True, vector=True)
    last.set_positions(positions)
    for atoms in (first, last):
        del atoms[0]
    return first, last


def written(folder: Path, atoms: Atoms) -> str:
    path = folder / f"{len(list(folder.iterdir()))}.vasp"
    atoms.write(path, format="vasp", direct=True)
    return str(path)


def test_the_two_states_of_a_path_count_by_what_stands_in_their_files() -> None:
    # A vacancy beside its neighbour is the same crystal as before the hop: by a structure's id both would be one state.
    assert neb.NebArgs.reference_fields()["structure"] == "file"
    assert neb.NebArgs.reference_fields()["end"] == "file"


def test_a_hop_in_copper_has_its_potentials_published_barrier(
    run_protocol: RunProtocol, tmp_path: Path
) -> None:
    # Y. Mishin et al., Phys. Rev. B 63, 224106 (2001): 0.689 eV; this cell is small.
    first, last = ends()
    outcome = run_protocol(
        neb.TOOL,
        structure=written(tmp_path, first),
        end=written(tmp_path, last),
        images=3,
        potential="cu_mishin1",
    )
    assert outcome.failure is None, outcome.failure
    assert outcome.quantities["migration_barrier"].value == pytest.approx(0.689, abs=0.02)
    assert outcome.quantities["barrier_backward"].value == pytest.approx(
        outcome.quantities["migration_barrier"].value, abs=0.002
    )


def test_what_is_no_path_is_refused(run_protocol: RunProtocol, tmp_path: Path) -> None:
    first, last = ends()
    same = run_protocol(
        neb.TOOL, structure=written(tmp_path, first), end=written(tmp_path, first), potential="cu_mishin1"
    )
    assert same.failure is not None
    assert same.failure.code == "no_way"
    last.set_cell(last.cell.array * 1.05, scale_atoms=True)
    other = run_protocol(
        neb.TOOL, structure=written(tmp_path, first), end=written(tmp_path, last), potential="cu_mishin1"
    )
    assert other.failure is not None
    assert other.failure.code == "other_cell"
