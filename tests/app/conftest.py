"""A finished run made of real models, as the design loop writes it, and settings that stay in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from made_judgements import write_judged

from matsmith import __version__
from matsmith.agents.decisions import Plan, RoundSummary, Understanding
from matsmith.agents.report.write import write_report
from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.run import RunHeader, Stop, StopReason
from matsmith.core.settings import Settings, load_settings
from matsmith.core.spec import DesignSpec, Target

OBJECTIVE = "an oxide with a bulk modulus above 150 GPa"
SPEC = DesignSpec(
    objective=OBJECTIVE,
    targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0)],
    candidates=2,
)


def rocksalt(cation: str, *, length: float = 4.21) -> Crystal:
    """The primitive cell of a rocksalt oxide; `length` is the cubic cell's in Å."""
    half = length / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=(cation, "O"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )


def write_run(folder: Path, *, reason: StopReason | None = StopReason.MET) -> Path:
    """Write a run with three candidates of which two meet; without a reason it was interrupted and has no report."""
    folder.mkdir(parents=True, exist_ok=True)
    with Ledger(folder / "ledger.sqlite") as ledger:
        plan = Plan(spec=SPEC, understood=[Understanding(words="oxide", meaning="contains O")])
        header = RunHeader(
            run=folder.name,
            objective=OBJECTIVE,
            seed=0,
            reasoner="rules",
            version=__version__,
            started_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        )
        ledger.append_many([("run", folder.name, header), ("plan", folder.name, plan)])
        met: list[str] = []
        for cation, modulus, novelty in (
            ("Mg", 163.0, Novelty.KNOWN),
            ("Ni", 187.0, Novelty.NEW),
            ("Ba", 74.0, Novelty.KNOWN),
        ):
            meets = _write_candidate(ledger, cation, modulus=modulus, novelty=novelty)
            met += [meets] if meets else []
        ledger.append("round", "1", RoundSummary(round=1, generated=3, simulated=3, met=len(met)))
        if reason is not None:
            stop = Stop(reason=reason, sentence="Two candidates meet every target.", elapsed_s=12.5, met=met)
            ledger.append("stop", folder.name, stop)
            write_report(ledger, folder)
    return folder


def _write_candidate(ledger: Ledger, cation: str, *, modulus: float, novelty: Novelty) -> str:
    label = NoveltyLabel(label=novelty, lists=("made list (2026)",))
    crystal = rocksalt(cation)
    candidate = Candidate.of(crystal, lineage=Lineage(strategy="known", prototype="rocksalt"), novelty=label)
    _, meets = write_judged(ledger, candidate, spec=SPEC, modulus_gpa=modulus, round_number=1, novelty=label)
    return candidate.id if meets else ""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which everything stays; no keys, no tables, no terminal."""
    for name in list(os.environ):
        if name.startswith("MATSMITH_") or name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MP_API_KEY"):
            monkeypatch.delenv(name)
    for name in ("runs", "state", "cache"):
        monkeypatch.setenv(f"MATSMITH_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("MATSMITH_DATA", str(tmp_path / "tables"))
    monkeypatch.setenv("MATSMITH_DIFFUSION_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.chdir(tmp_path)
    load_settings.cache_clear()
    yield tmp_path
    load_settings.cache_clear()


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of that folder."""
    assert home.is_dir()
    return load_settings()


@pytest.fixture
def make_run() -> Callable[..., Path]:
    """`write_run`, for tests that want a run of their own."""
    return write_run


@pytest.fixture
def run_folder(home: Path) -> Path:
    """A finished run with its report."""
    return write_run(home / "runs" / "made-run")
