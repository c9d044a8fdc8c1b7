"""One real worker and one ledger of physics for all tests of this folder, so that the weights load once."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.executor import ProcessExecutor
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record
from matsmith.core.settings import Settings
from matsmith.tools.runner import ToolRunner, local_executor


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a user without tables and keys, on one thread."""
    folder = tmp_path_factory.mktemp("plain")
    return Settings(
        data_dir=folder / "none", cache_dir=folder / "cache", mp_api_key=None, device="cpu", threads=1
    )


@pytest.fixture(scope="session")
def worker(plain: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessExecutor]:
    executor = local_executor(log=tmp_path_factory.mktemp("worker") / "worker.log", settings=plain)
    yield executor
    executor.close()


@pytest.fixture(scope="session")
def physics(
    plain: Settings, worker: ProcessExecutor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ToolRunner]:
    """A runner whose ledger all tests share: what one has computed the next one finds."""
    with Ledger(tmp_path_factory.mktemp("physics") / "ledger.sqlite") as ledger:
        yield ToolRunner(ledger, settings=plain, executor=worker)


@pytest.fixture
def runner(tmp_path: Path, plain: Settings, worker: ProcessExecutor) -> Iterator[ToolRunner]:
    """A runner with an empty ledger."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ToolRunner(ledger, settings=plain, executor=worker)


def offer_to(runner: ToolRunner, crystal: Crystal) -> str:
    """Put a crystal into the ledger as a candidate and return its id."""
    candidate = Candidate.of(crystal, lineage=Lineage(strategy="made"))
    runner.ledger.append("candidate", candidate.id, candidate)
    return candidate.id


@pytest.fixture
def offer() -> Callable[[ToolRunner, Crystal], str]:
    return offer_to


def rocksalt_of(cation: str, *, anion: str = "O", edge: float = 4.211) -> Crystal:
    """The primitive rocksalt cell; `edge` is that of the cubic cell in Å."""
    half = edge / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=(cation, anion),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )


@pytest.fixture
def rocksalt() -> Callable[..., Crystal]:
    return rocksalt_of


@pytest.fixture
def caesium_chloride_magnesia() -> Crystal:
    """MgO with the CsCl structure, near its own volume (eight neighbours push the bond out by about 5 %)."""
    edge = 2.64
    return Crystal(
        lattice=((edge, 0.0, 0.0), (0.0, edge, 0.0), (0.0, 0.0, edge)),
        species=("Mg", "O"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )


@pytest.fixture
def overlapping() -> Crystal:
    """Two oxygen atoms 0.3 Å apart, at every volume that a tool tries."""
    return Crystal(
        lattice=((5.0, 0.0, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, 5.0)),
        species=("O", "O"),
        positions=((0.0, 0.0, 0.0), (0.06, 0.0, 0.0)),
    )


@pytest.fixture(scope="session")
def periclase(physics: ToolRunner) -> Record:
    """Magnesia relaxed by the real potential from a cell 4 % too large in volume."""
    record = physics.run("relax", {"structure": offer_to(physics, rocksalt_of("Mg", edge=4.27))})
    assert record.outcome.failure is None, record.outcome.failure
    return record
