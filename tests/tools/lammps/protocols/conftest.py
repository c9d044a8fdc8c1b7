"""Protocols run for real on small cells, on one core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from ase import Atoms

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps, Tool
from matsmith.tools.lammps.program import missing
from matsmith.tools.lammps.structures import symbols_of

RunProtocol = Callable[..., Outcome]


def crystal_of(atoms: Atoms) -> Crystal:
    """Atoms as what a tool's argument names."""
    return Crystal(
        lattice=atoms.cell.array.tolist(),
        species=tuple(symbols_of(atoms)),
        positions=atoms.get_scaled_positions().tolist(),
    )


@pytest.fixture
def run_protocol(md_settings: Settings) -> RunProtocol:
    """Run a tool with arguments; skips where LAMMPS is not installed."""
    if missing(md_settings) is not None:
        pytest.skip("LAMMPS is not installed")

    def run(
        tool: Tool, *, seed: int = 0, given: Mapping[str, Atoms] | None = None, **arguments: object
    ) -> Outcome:
        """`given` holds the structures that arguments name."""
        args = tool.args.model_validate({"cores": 1, **arguments})
        inputs = {name: crystal_of(atoms) for name, atoms in (given or {}).items()}
        return tool.run(args, deps=Deps(settings=md_settings, inputs=inputs, seed=seed))

    return run
