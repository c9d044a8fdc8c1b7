"""The loop for real: met from what is known, the same twice, refused before a folder, killed and resumed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.planner import PlanCheck
from matsmith.agents.runs import CHECKPOINT, LEDGER, locked
from matsmith.agents.session import RunResult, design, make_reasoner, plan_objective, resume
from matsmith.core.candidate import Candidate
from matsmith.core.errors import (
    ImpossibleObjective,
    LedgerError,
    MatsmithError,
    SettingsError,
    SpecError,
    UsageError,
)
from matsmith.core.executor import Executor
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.record import Record, Status
from matsmith.core.run import Event, EventKind, Judgement, RunHeader, StopReason
from matsmith.core.settings import Settings
from matsmith.core.spec import Budget, DesignSpec, Target
from matsmith.core.verdict import Answer

OBJECTIVE = "a stable binary oxide with a bulk modulus above 180 GPa"

pytestmark = pytest.mark.usefixtures("shared_worker")


def records(folder: Path) -> list[Record]:
    with Ledger(folder / LEDGER, create=False) as ledger:
        return [Record.model_validate_json(entry.body) for entry in ledger.entries("record")]


def ids_of(folder: Path, kind: str) -> list[str]:
    with Ledger(folder / LEDGER, create=False) as ledger:
        return [entry.key for entry in ledger.entries(kind)]


def sound(folder: Path) -> None:
    """The chain is whole up to the head that the report notes, and no finished record stands twice."""
    head = json.loads((folder / "report.json").read_text(encoding="utf-8")).get("head")
    with Ledger(folder / LEDGER, create=False) as ledger:
        assert ledger.verify(head=head).problems == ()
    finished = Counter(record.id for record in records(folder) if record.status is not Status.RETRYABLE)
    assert set(finished.values()) == {1}


def known_run(settings: Settings, **named: Any) -> RunResult:
    return design(OBJECTIVE, settings=settings, accept_known=True, candidates=1, budget_s=600, **named)


def test_known_crystals_meet_the_objective(house: Settings) -> None:
    events: list[Event] = []
    result = known_run(house, on_event=events.append)
    assert result.stop.reason is StopReason.MET
    assert result.stop.met
    sound(result.folder)
    for name in ("report.html", "report.json"):
        assert (result.folder / name).stat().st_size > 1000
    assert result.report == result.folder / "report.html"
    assert list((result.folder / "candidates").glob("*.cif"))
    # What is measured settles it: the potential was not asked.
    assert {record.tool for record in records(result.folder)} == {"symmetry", "known_crystal"}
    with Ledger(result.folder / LEDGER, create=False) as ledger:
        for candidate_id in result.stop.met:
            judgement = Judgement.model_validate_json(ledger.latest("judgement", candidate_id) or "")
            for verdict in judgement.verdicts:
                assert verdict.answer is Answer.MET
                assert verdict.quantity == ledger.consume(verdict.record).quantities[verdict.property]
            candidate = Candidate.model_validate_json(ledger.latest("candidate", candidate_id) or "")
            assert len(candidate.crystal.elements) == 2
    kinds = [event.kind for event in events]
    assert kinds[0] is EventKind.STARTED
    assert kinds[-1] is EventKind.FINISHED
    assert events[-1].data["exit_code"] == 0


@pytest.fixture(scope="module")
def whole(worker: Executor, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run that was never cut off; tests that go on with one take a copy."""
    folder = tmp_path_factory.mktemp("whole")
    settings = Settings(
        data_dir=folder / "none",
        cache_dir=folder / "cache",
        state_dir=folder / "state",
        runs_dir=folder / "runs",
        mp_api_key=None,
        device="cpu",
        threads=1,
    )

    def kept(*, log: Path | None = None, settings: Settings) -> Executor:
        return worker

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matsmith.agents.session.local_executor", kept)
        return known_run(settings, out=folder / "run")


@pytest.fixture
def finished(whole: RunResult, tmp_path: Path) -> RunResult:
    folder = tmp_path / whole.folder.name
    shutil.copytree(whole.folder, folder)
    return replace(whole, folder=folder, report=folder / whole.report.name)


def small(settings: Settings, *, evaluations: int = 12) -> PlanCheck:
    """New binary oxides of few atoms with hardly any evaluations: the potential is asked at once."""
    spec = DesignSpec.model_validate(
        {
            "objective": "a new binary oxide",
            "targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=180.0)],
            "chemistry": {"required": ["O"], "elements_min": 2, "elements_max": 2},
            "structure": {"atoms_max": 4},
            "new_only": True,
            "candidates": 1,
            "budget": Budget(wall_time_s=3600, evaluations=evaluations),
        }
    )
    return PlanCheck.from_spec(spec, settings=settings)


@pytest.fixture
def small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of ten, screened five at a time, so that a small budget reaches through several stages."""
    monkeypatch.setattr("matsmith.agents.generator.LARGEST_ROUND", 10)
    monkeypatch.setattr("matsmith.agents.simulator._CHUNK", 5)
    monkeypatch.setattr("matsmith.agents.reasoners.rules.RELAXED_PER_ROUND", 2)


@pytest.mark.usefixtures("small_rounds")
def test_the_same_seed_and_evaluations_give_the_same_run(house: Settings, tmp_path: Path) -> None:
    runs = [design(small(house), settings=house, out=tmp_path / name, seed=5) for name in ("one", "two")]
    for run in runs:
        sound(run.folder)
        assert run.stop.reason is StopReason.BUDGET
        assert len(records(run.folder)) <= 12
    one, two = (run.folder for run in runs)
    assert ids_of(one, "candidate") == ids_of(two, "candidate")
    first, second = ({record.id: record for record in records(folder)} for folder in (one, two))
    assert set(first) == set(second)
    assert {"screen", "relax"} <= {record.tool for record in first.values()}
    for record_id, record in first.items():
        assert record.quantities == second[record_id].quantities
        assert record.outcome.crystal == second[record_id].outcome.crystal


@pytest.mark.usefixtures("small_rounds")
@pytest.mark.parametrize("evaluations", [1, 9])
def test_evaluations_are_never_overspent(house: Settings, evaluations: int) -> None:
    result = design(small(house, evaluations=evaluations), settings=house)
    assert result.stop.reason is StopReason.BUDGET
    assert len(records(result.folder)) <= evaluations
    assert "Not met" in result.stop.sentence


@pytest.mark.parametrize(
    ("objective", "error"),
    [
        ("an oxide with a bulk modulus above 900 GPa", ImpossibleObjective),
        ("an oxide with a bulk modulus above 300 GPa and a bulk modulus below 100 GPa", ImpossibleObjective),
        ("an oxide with a melting point above 2000 K", ImpossibleObjective),
        ("an oxide with a work function above 5 eV", ImpossibleObjective),
        ("", SpecError),
    ],
)
def test_what_cannot_be_is_refused_before_a_folder_is_made(
    house: Settings, objective: str, error: type[MatsmithError]
) -> None:
    with pytest.raises(error) as caught:
        design(objective, settings=house)
    assert caught.value.hint
    assert not house.runs_dir.exists()
    assert not house.state_dir.exists()


def test_a_finished_run_is_resumed_to_the_same_result_and_computes_nothing(
    house: Settings, finished: RunResult
) -> None:
    before, page = records(finished.folder), finished.report.read_bytes()
    assert resume(finished.folder, settings=house) == finished
    assert records(finished.folder) == before
    assert finished.report.read_bytes() == page
    sound(finished.folder)


def test_a_lost_checkpoint_costs_nothing_that_was_computed(house: Settings, finished: RunResult) -> None:
    before = records(finished.folder)
    for path in finished.folder.glob(f"{CHECKPOINT}*"):
        path.unlink()
    again = resume(finished.folder, settings=house)
    assert again.stop == finished.stop
    assert records(finished.folder) == before
    sound(finished.folder)


class Killed:
    """Ends the process, as far as the loop can tell, once so many entries of a kind are written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, kind: str, after: int) -> None:
        write, self.left = Ledger.append_many, after

        def append_many(ledger: Ledger, rows: Any) -> None:
            listed: list[Any] = list(rows)
            write(ledger, listed)
            self.left -= sum(row[0] == kind for row in listed)
            if self.left <= 0:
                raise KeyboardInterrupt

        monkeypatch.setattr(Ledger, "append_many", append_many)


@pytest.mark.parametrize(
    ("kind", "after"), [("record", 6), ("answer", 2), ("proposed", 1), ("judgement", 1), ("stop", 1)]
)
def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(
    house: Settings,
    whole: RunResult,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    after: int,
) -> None:
    folder = tmp_path / "cut"
    with monkeypatch.context() as patch:
        Killed(patch, kind=kind, after=after)
        with pytest.raises(KeyboardInterrupt):
            known_run(house, out=folder)
    cut = [record.id for record in records(folder)]
    result = resume(folder, settings=house)
    sound(folder)
    assert [record.id for record in records(folder)][: len(cut)] == cut
    assert result.stop.reason is StopReason.MET
    assert result.stop.met == whole.stop.met
    assert {record.id for record in records(folder)} == {record.id for record in records(whole.folder)}
    assert ids_of(folder, "candidate") == ids_of(whole.folder, "candidate")


@pytest.mark.usefixtures("small_rounds")
def test_a_run_that_was_cut_off_while_computing_goes_on(
    house: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cut"
    with monkeypatch.context() as patch:
        Killed(patch, kind="record", after=7)
        with pytest.raises(KeyboardInterrupt):
            design(small(house), settings=house, out=folder, seed=5)
    assert len(records(folder)) == 7
    result = resume(folder, settings=house)
    sound(folder)
    assert len(records(folder)) <= 12
    whole = design(small(house), settings=house, out=tmp_path / "whole", seed=5)
    assert result.stop.reason == whole.stop.reason
    assert {record.id for record in records(folder)} == {record.id for record in records(whole.folder)}


def test_a_run_in_use_is_not_resumed(house: Settings, finished: RunResult) -> None:
    with locked(finished.folder), pytest.raises(UsageError, match="Another process"):
        resume(finished.folder, settings=house)


def test_what_is_no_run_cannot_be_resumed(house: Settings, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no ledger"):
        resume(tmp_path, settings=house)
    with Ledger(tmp_path / LEDGER):
        pass
    with pytest.raises(LedgerError, match="before its plan"):
        resume(tmp_path, settings=house)


def test_a_folder_is_not_used_twice(house: Settings, finished: RunResult) -> None:
    with pytest.raises(UsageError, match="holds a run already"):
        known_run(house, out=finished.folder)


def test_reasoners_by_name(house: Settings) -> None:
    assert make_reasoner("rules", settings=house).name == "rules"
    with pytest.raises(SettingsError, match="no reasoner"):
        make_reasoner("oracle", settings=house)
    with pytest.raises(SettingsError) as caught:
        make_reasoner("openai", settings=house)
    assert "OPENAI_API_KEY" in caught.value.hint


@pytest.fixture
def chat_server() -> Iterator[tuple[str, list[str]]]:
    """The server that answers by the built-in rules; its address, and the paths that it was asked."""
    path = Path(__file__).parents[2] / "benchmarks" / "local_chat_server.py"
    spec = importlib.util.spec_from_file_location("local_chat_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked: list[str] = []
    base: type[BaseHTTPRequestHandler] = module.Handler

    class Noting(base):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Noting)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    server.shutdown()
    server.server_close()


def test_a_language_model_behind_a_server_goes_the_same_way(
    house: Settings,
    whole: RunResult,
    tmp_path: Path,
    chat_server: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    address, asked = chat_server
    served = house.model_copy(update={"openai_base_url": address, "model": "built-in-rules"})
    by_model = known_run(served, out=tmp_path / "model", reasoner="openai")
    assert by_model.stop.met == whole.stop.met
    assert by_model.stop.reason is StopReason.MET
    assert {r.id for r in records(by_model.folder)} == {r.id for r in records(whole.folder)}
    # Planner, literature, generator and critic, and a second look at plan and critique; nothing was left for the simulator.
    assert asked.count("/v1/chat/completions") == 6
    with Ledger(by_model.folder / LEDGER, create=False) as ledger:
        header = RunHeader.model_validate_json(next(ledger.entries("run")).body)
    assert header.reasoner == "openai"
    # An answer that the ledger holds is not asked again.
    resume(by_model.folder, settings=served)
    assert asked.count("/v1/chat/completions") == 6


def test_planning_alone_writes_nothing(house: Settings) -> None:
    check = plan_objective(OBJECTIVE, settings=house)
    assert check.runnable
    assert not house.runs_dir.exists()
