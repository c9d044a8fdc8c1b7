"""Settings that stay in a temporary folder, one real worker for all runs, and contexts over made ledgers."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import Plan
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.executor import Executor, Message
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.tools.runner import ToolRunner, local_executor

MakeContext = Callable[..., RunContext]


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    """Settings of a user without tables, keys and weights of a diffusion model, on one thread."""
    return Settings(
        data_dir=tmp_path / "none",
        cache_dir=tmp_path / "cache",
        state_dir=tmp_path / "state",
        runs_dir=tmp_path / "runs",
        diffusion_weights=tmp_path / "crystals.safetensors",
        openai_api_key=None,
        openai_base_url=None,
        mp_api_key=None,
        reasoner="rules",
        device="cpu",
        threads=1,
    )


class KeptExecutor:
    """A worker that outlives the run that closes it, so that the weights load once for all tests."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        return self._executor.stream(request, deadline=deadline)

    def warm_up(self) -> None:
        """Start on the first request: most runs here never compute."""

    def close(self) -> None:
        """Stay."""


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptExecutor]:
    folder = tmp_path_factory.mktemp("worker")
    executor = local_executor(
        log=folder / "worker.log", settings=Settings(data_dir=folder, cache_dir=folder, threads=1)
    )
    yield KeptExecutor(executor)
    executor.close()


@pytest.fixture
def shared_worker(worker: KeptExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this test use the one worker."""

    def kept(*, log: Path | None = None, settings: Settings) -> KeptExecutor:
        return worker

    monkeypatch.setattr("matsmith.agents.session.local_executor", kept)


def wish(**changes: Any) -> DesignSpec:
    """A binary oxide with a bulk modulus above 150 GPa."""
    fields: dict[str, Any] = {
        "objective": "a binary oxide with a bulk modulus above 150 GPa",
        "targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0)],
        "chemistry": {"required": ["O"], "elements_min": 2, "elements_max": 2},
        "candidates": 1,
    }
    return DesignSpec.model_validate(fields | changes)


@pytest.fixture
def make_spec() -> Callable[..., DesignSpec]:
    return wish


@pytest.fixture
def make_context(house: Settings, worker: KeptExecutor, tmp_path: Path) -> Iterator[MakeContext]:
    """Make the context of a run whose plan is approved; several of one test share nothing but the worker."""
    opened: list[Ledger] = []

    def make(
        spec: DesignSpec | None = None, *, reasoner: Reasoner | None = None, seed: int = 0
    ) -> RunContext:
        folder = tmp_path / f"run{len(opened)}"
        folder.mkdir()
        ledger = Ledger(folder / "ledger.sqlite")
        opened.append(ledger)
        ledger.append("plan", folder.name, Plan(spec=spec or wish()))
        runner = ToolRunner(ledger, settings=house, executor=worker, seed=seed)
        context = RunContext(
            folder=folder,
            ledger=ledger,
            settings=house,
            runner=runner,
            reasoner=reasoner or RulesReasoner(),
            seed=seed,
        )
        runner.on_spend(context.spend)
        return context

    yield make
    for ledger in opened:
        ledger.close()


def rocksalt_of(cation: str, *, anion: str = "O", edge: float = 4.211) -> Crystal:
    half = edge / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=(cation, anion),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )


@pytest.fixture
def made_candidate() -> Callable[..., Candidate]:
    """Make a rocksalt candidate."""

    def make(cation: str, *, strategy: str = "decoration", **cell: Any) -> Candidate:
        return Candidate.of(
            rocksalt_of(cation, **cell), lineage=Lineage(strategy=strategy, prototype="rocksalt")
        )

    return make
