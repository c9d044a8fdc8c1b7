"""A place to run small cells in, and the settings of a user without tables and keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.lammps.potentials import choose
from matsmith.tools.lammps.process import Limits
from matsmith.tools.lammps.program import missing
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.structures import elements_of, repeated

Simulate = Callable[..., Simulation]


@pytest.fixture
def md_settings(tmp_path: Path) -> Settings:
    """Settings with a cache of the test's own."""
    return Settings(data_dir=tmp_path / "none", cache_dir=tmp_path / "cache", device="cpu", threads=1)


@pytest.fixture
def simulate(tmp_path: Path, md_settings: Settings) -> Simulate:
    """Make a simulation on one core in the test's folder; skips where LAMMPS is not installed."""
    if missing(md_settings) is not None:
        pytest.skip("LAMMPS is not installed")

    def make(
        atoms: Atoms,
        *,
        named: str | None = None,
        folder: str = "run",
        limits: Limits | None = None,
        seed: int = 0,
        note: Callable[[str], None] = lambda text: None,
        cores: int = 1,
    ) -> Simulation:
        choice = choose(elements_of(atoms), named=named, settings=md_settings)
        return Simulation(
            atoms=atoms,
            choice=choice,
            folder=tmp_path / folder,
            deps=Deps(settings=md_settings, seed=seed, note=note),
            limits=limits,
            cores=cores,
        )

    return make


def cubic_copper(times: int, *, a: float = 3.615) -> Atoms:
    """Cubes of four copper atoms."""
    return repeated(bulk("Cu", a=a, cubic=True), (times, times, times))


@pytest.fixture
def copper() -> Callable[..., Atoms]:
    return cubic_copper
