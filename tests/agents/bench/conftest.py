"""Attempts over real ledgers: a record is written, and an answer names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.bench.attempt import Attempt, Ending
from matsmith.agents.bench.task import Task
from matsmith.core.crystal import Crystal
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings


@pytest.fixture
def house(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "none",
        cache_dir=tmp_path / "cache",
        state_dir=tmp_path / "state",
        runs_dir=tmp_path / "runs",
        library_dir=tmp_path / "library",
        diffusion_weights=tmp_path / "none",
        openai_api_key=None,
        openai_base_url=None,
        reasoner="rules",
    )


@pytest.fixture
def rocksalt() -> Callable[..., Crystal]:
    def make(cation: str = "Mg", anion: str = "O", *, edge: float = 4.2112) -> Crystal:
        half = edge / 2
        return Crystal(
            lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
            species=(cation, anion),
            positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
        )

    return make


@pytest.fixture
def record_of(rocksalt: Callable[..., Crystal]) -> Callable[..., Record]:
    """Make a record of MgO, or of another crystal, with these quantities."""

    def make(
        quantities: dict[str, Quantity] | None = None,
        *,
        tool: str = "equation_of_state",
        crystal: Crystal | None = None,
        failure: str = "",
        **fields: Any,
    ) -> Record:
        outcome = (
            Outcome.failed("overlap", failure)
            if failure
            else Outcome(quantities=quantities or {}, crystal=crystal or rocksalt(), **fields)
        )
        return Record.of(
            outcome,
            tool=tool,
            tool_version="1",
            inputs={"made": outcome.model_dump_json()},
            identity="made",
            seed=0,
        )

    return make


@pytest.fixture
def attempted(tmp_path: Path) -> Callable[..., Attempt]:
    """Make an attempt whose records stand in a ledger."""

    def make(
        *records: Record,
        said: str = "",
        raw: str | None = None,
        ending: Ending = Ending.ANSWERED,
        **fields: Any,
    ) -> Attempt:
        path = tmp_path / "ledger.sqlite"
        with Ledger(path) as ledger:
            for record in records:
                ledger.write_record(record)
        return Attempt(
            ending=ending, said=said, raw=said if raw is None else raw, ledgers=[str(path)], **fields
        )

    return make


@pytest.fixture
def make_task() -> Callable[..., Task]:
    """Make a task with these checks."""

    def make(*checks: dict[str, Any], **fields: Any) -> Task:
        given: dict[str, Any] = {
            "id": "made-task",
            "kind": "calculation",
            "door": "chat",
            "prompt": "Compute the bulk modulus of MgO.cif.",
            "answer": list(checks),
        }
        return Task.model_validate(given | fields)

    return make
