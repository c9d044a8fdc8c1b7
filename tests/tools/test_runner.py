"""The runner: nothing twice, no failed input, files by their structure, and a dead worker that costs one call."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import BudgetExceeded, LedgerError, StructureError, ToolError, WorkerError
from matsmith.core.executor import ProcessExecutor
from matsmith.core.ledger import Ledger
from matsmith.core.record import Outcome, Record, Status
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, Tool, tool
from matsmith.tools.runner import ToolRunner, read_structure

Offer = Callable[[ToolRunner, Crystal], str]
Rocksalt = Callable[..., Crystal]


def _records(runner: ToolRunner) -> list[Record]:
    return [Record.model_validate_json(entry.body) for entry in runner.ledger.entries("record")]


class CountedArgs(Args):
    structure: StructureRef


class Counted:
    """A cheap tool that counts its calls, and whose answer and identity a test may set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.identity = "weights 1"
        self.outcome = Outcome(facts={"made": True})

        @tool(name="counted", title="Counted", cost_s=0.001, identity=lambda settings: self.identity)
        def run(args: CountedArgs, *, deps: Deps) -> Outcome:
            self.calls += 1
            return self.outcome

        self.tool: Tool = run
        monkeypatch.setattr("matsmith.tools.runner.get_tool", self.find)

    def find(self, name: str) -> Tool:
        assert name == "counted"
        return self.tool


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def test_the_same_call_is_computed_once(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    candidate = offer(runner, rocksalt("Mg"))
    first = runner.run("counted", {"structure": candidate})
    second = runner.run("counted", {"structure": candidate})
    assert second == first
    assert counted.calls == len(_records(runner)) == 1
    assert first.inputs == {"structure": candidate}


def test_twins_in_a_batch_share_one_record(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    candidate = offer(runner, rocksalt("Mg"))
    spent: list[int] = []
    runner.on_spend(spent.append)
    found = dict(runner.run_many("counted", [{"structure": candidate}] * 3))
    assert sorted(found) == [0, 1, 2]
    assert len({record.id for record in found.values()}) == 1
    assert (counted.calls, spent) == (1, [1])


def test_weights_seed_and_version_make_another_computation(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    call = {"structure": offer(runner, rocksalt("Mg"))}
    ids = {runner.run("counted", call).id}
    counted.identity = "weights 2"
    ids.add(runner.run("counted", call).id)
    runner.seed = 1
    ids.add(runner.run("counted", call).id)
    assert len(ids) == counted.calls == 3
    assert all(record.recomputed_id == record.id for record in _records(runner))


def test_a_failure_that_would_repeat_itself_is_kept_and_another_runs_again(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    first, second = offer(runner, rocksalt("Mg")), offer(runner, rocksalt("Ca"))
    counted.outcome = Outcome.failed("overlap", "Too close.")
    assert runner.run("counted", {"structure": first}).status is Status.FAILURE
    runner.run("counted", {"structure": first})
    assert counted.calls == 1
    counted.outcome = Outcome.failed("busy", "Later.", retryable=True)
    assert runner.run("counted", {"structure": second}).status is Status.RETRYABLE
    counted.outcome = Outcome(facts={"made": True})
    assert runner.run("counted", {"structure": second}).status is Status.SUCCESS
    assert counted.calls == 3
    assert runner.run("counted", {"structure": second}).status is Status.SUCCESS
    assert counted.calls == 3


def test_a_failed_record_is_no_input(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted.outcome = Outcome.failed("overlap", "Too close.")
    failed = runner.run("counted", {"structure": offer(runner, rocksalt("Mg"))})
    monkeypatch.undo()
    before = len(_records(runner))
    for name, field in (("symmetry", "structure"), ("density", "relaxed"), ("stability", "relaxed")):
        with pytest.raises(LedgerError, match="cannot be used as input"):
            runner.run(name, {field: failed.id})
    assert len(_records(runner)) == before


def test_a_record_without_a_structure_is_none(runner: ToolRunner, rocksalt: Rocksalt, offer: Offer) -> None:
    record = runner.run("symmetry", {"structure": offer(runner, rocksalt("Mg"))})
    with pytest.raises(ToolError, match="holds no structure"):
        runner.run("symmetry", {"structure": record.id})


def test_a_file_stands_for_its_structure(
    runner: ToolRunner, rocksalt: Rocksalt, offer: Offer, tmp_path: Path
) -> None:
    crystal = rocksalt("Mg")
    cif, poscar = tmp_path / "MgO.cif", tmp_path / "POSCAR"
    cif.write_text(crystal.to_cif())
    crystal.to_pymatgen().to(filename=str(poscar), fmt="poscar")
    by_id = runner.run("symmetry", {"structure": offer(runner, crystal)})
    for path in (cif, poscar):
        record = runner.run("symmetry", {"structure": str(path)})
        assert record.id == by_id.id
    assert len(_records(runner)) == 1
    assert str(tmp_path) not in by_id.model_dump_json()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data_x\n_cell_length_a 4\n",
        "no crystal at all\n",
        "data_x\nloop_\n_atom_site_label\n_atom_site_fract_x\nMg zero\n",
    ],
)
def test_an_unreadable_cif_says_so(runner: ToolRunner, tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.cif"
    path.write_text(text)
    with pytest.raises(StructureError, match=r"broken\.cif") as caught:
        runner.run("symmetry", {"structure": str(path)})
    assert caught.value.hint
    assert _records(runner) == []


def test_files_that_are_no_crystals(runner: ToolRunner, tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="neither a file nor the id"):
        runner.run("symmetry", {"structure": "0123456789abcdef"})
    with pytest.raises(StructureError, match="neither a file"):
        read_structure(tmp_path)
    large = tmp_path / "large.cif"
    with large.open("wb") as file:
        file.truncate(30_000_000)
    with pytest.raises(StructureError, match="too large"):
        read_structure(large)


def test_a_disordered_crystal_is_refused(tmp_path: Path, rocksalt: Rocksalt) -> None:
    structure = rocksalt("Mg").to_pymatgen()
    structure.replace_species({"Mg": {"Mg": 0.5, "Ca": 0.5}})
    path = tmp_path / "disordered.cif"
    structure.to(filename=str(path), fmt="cif")
    with pytest.raises(StructureError, match="partially occupied"):
        read_structure(path)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({}, "structure"),
        ({"structure": 3}, "structure"),
        ({"structure": "x", "tolerance": 1}, "tolerance"),
        ({"structure": "x", "tolerance_angstrom": -1}, "tolerance_angstrom"),
    ],
)
def test_wrong_arguments_name_the_field(runner: ToolRunner, call: dict[str, Any], field: str) -> None:
    with pytest.raises(ToolError, match=field) as caught:
        runner.run("symmetry", call)
    assert "matsmith tool symmetry" in caught.value.hint


def test_an_unknown_tool_is_answered_with_the_nearest(runner: ToolRunner) -> None:
    with pytest.raises(ToolError) as caught:
        runner.run("symetry", {"structure": "x"})
    assert "symmetry" in caught.value.hint


def test_a_past_deadline_starts_nothing(runner: ToolRunner, rocksalt: Rocksalt, offer: Offer) -> None:
    call = {"structure": offer(runner, rocksalt("Mg"))}
    with pytest.raises(BudgetExceeded):
        runner.run("symmetry", call, deadline=time.monotonic() - 1)
    assert _records(runner) == []
    finished = runner.run("symmetry", call)
    # What is finished costs no time.
    assert runner.run("symmetry", call, deadline=time.monotonic() - 1) == finished


def test_a_spender_that_refuses_stops_the_computation(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    def refuse(count: int) -> None:
        raise BudgetExceeded(f"no {count} more")

    call = {"structure": offer(runner, rocksalt("Mg"))}
    done = runner.run("counted", call)
    runner.on_spend(refuse)
    assert runner.run("counted", call) == done
    other = {"structure": offer(runner, rocksalt("Ca"))}
    with pytest.raises(BudgetExceeded, match="no 1 more"):
        runner.run("counted", other)
    assert counted.calls == 1


FRAGILE = '''
import os, signal
from matsmith.core.record import Outcome
from matsmith.tools.base import Args, Deps, StructureRef, tool

class FragileArgs(Args):
    structure: StructureRef

@tool(name="fragile", title="Fragile", cost_s=0.01, needs_worker=True)
def run(args: FragileArgs, *, deps: Deps) -> Outcome:
    """Ends its process when it meets polonium, and has a defect for gold."""
    elements = deps.crystal(args.structure).elements
    if "Po" in elements:
        os.kill(os.getpid(), signal.SIGKILL)
    if "Au" in elements:
        raise RuntimeError("a defect")
    return Outcome(facts={"worker": os.getpid()})

TOOL = run
'''
SERVE = """
import json, sys
from matsmith.tools import registry
from matsmith.tools.worker import work
registry._MODULES["fragile"] = "fragile_tool"
for line in sys.stdin:
    work(json.loads(line), sys.stdout)
"""


@pytest.fixture
def fragile(tmp_path: Path, plain: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToolRunner]:
    """A runner with a real process that dies by a signal."""
    (tmp_path / "fragile_tool.py").write_text(FRAGILE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("matsmith.tools.registry._MODULES", {"fragile": "fragile_tool"})
    executor = ProcessExecutor(
        [sys.executable, "-c", SERVE], environment={"PYTHONPATH": str(tmp_path)}, log=tmp_path / "worker.log"
    )
    from matsmith.tools.registry import get_tool

    get_tool.cache_clear()
    with Ledger(tmp_path / "fragile.sqlite") as ledger:
        yield ToolRunner(ledger, settings=plain, executor=executor)
    executor.close()
    get_tool.cache_clear()
    sys.modules.pop("fragile_tool", None)


def test_a_dead_worker_costs_one_call_and_the_rest_is_computed(
    fragile: ToolRunner, rocksalt: Rocksalt, offer: Offer
) -> None:
    metals = ["Mg", "Po", "Ca", "Sr"]
    calls = [{"structure": offer(fragile, rocksalt(metal))} for metal in metals]
    found = {metals[index]: record for index, record in fragile.run_many("fragile", calls)}
    assert set(found) == set(metals)
    failure = found["Po"].outcome.failure
    assert failure is not None
    assert (failure.code, failure.retryable) == ("worker_died", True)
    assert "signal 9" in failure.message
    for metal in ("Mg", "Ca", "Sr"):
        assert found[metal].status is Status.SUCCESS
        assert found[metal].outcome.facts["worker"] != os.getpid()
    # Another process took over, and kept on.
    assert found["Mg"].outcome.facts != found["Ca"].outcome.facts
    assert found["Ca"].outcome.facts == found["Sr"].outcome.facts
    assert len(_records(fragile)) == 4
    assert fragile.ledger.verify().intact


def test_after_a_death_only_the_culprit_runs_again(
    fragile: ToolRunner, rocksalt: Rocksalt, offer: Offer
) -> None:
    calls = [{"structure": offer(fragile, rocksalt(metal))} for metal in ("Mg", "Po")]
    first = dict(fragile.run_many("fragile", calls))
    again = dict(fragile.run_many("fragile", calls))
    assert again[0] == first[0]
    assert again[1].id == first[1].id
    assert [record.id for record in _records(fragile)].count(first[1].id) == 2
    assert fragile.ledger.finished(first[1].id) is None


def test_a_defect_is_raised_and_what_was_finished_stands(
    fragile: ToolRunner, rocksalt: Rocksalt, offer: Offer
) -> None:
    calls = [{"structure": offer(fragile, rocksalt(metal))} for metal in ("Mg", "Au", "Ca")]
    with pytest.raises(WorkerError, match="a defect") as caught:
        list(fragile.run_many("fragile", calls))
    assert not caught.value.retryable
    assert [record.status for record in _records(fragile)] == [Status.SUCCESS]


def test_a_worker_past_its_deadline_is_ended(
    runner: ToolRunner, rocksalt: Rocksalt, offer: Offer, tmp_path: Path, plain: Settings
) -> None:
    sleeper = ProcessExecutor([sys.executable, "-c", "import time; time.sleep(600)"])
    late = ToolRunner(runner.ledger, settings=plain, executor=sleeper)
    started = time.monotonic()
    with pytest.raises(BudgetExceeded):
        late.run("screen", {"structure": offer(late, rocksalt("Mg"))}, deadline=time.monotonic() + 0.3)
    assert time.monotonic() - started < 120
    assert _records(late) == []


def test_a_call_whose_ground_moves_under_it_is_made_again_at_once(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    calls = {"structure": offer(runner, rocksalt("Mg"))}, {"structure": offer(runner, rocksalt("Ca"))}

    @tool(name="counted", title="Counted", cost_s=0.001, identity=lambda settings: counted.identity)
    def run(args: CountedArgs, *, deps: Deps) -> Outcome:
        counted.calls += 1
        if counted.identity == "server":
            counted.identity = "no server"
            return Outcome.failed("silent", "The server is silent.", retryable=True)
        return Outcome(facts={"from": counted.identity})

    counted.tool, counted.identity = run, "server"
    found = dict(runner.run_many("counted", calls))
    assert [found[index].outcome.facts for index in (0, 1)] == [{"from": "no server"}] * 2
    assert {record.identity for record in found.values()} == {"no server"}
    # The failed attempt stands in the ledger, and what was found by the worse way is not filed as the better one's.
    assert [record.status for record in _records(runner)] == [
        Status.RETRYABLE,
        Status.SUCCESS,
        Status.SUCCESS,
    ]
    counted.identity = "server again"
    assert runner.run("counted", calls[0]).outcome.facts == {"from": "server again"}


def test_ground_that_never_rests_does_not_loop(
    runner: ToolRunner, counted: Counted, rocksalt: Rocksalt, offer: Offer
) -> None:
    @tool(name="counted", title="Counted", cost_s=0.001, identity=lambda settings: counted.identity)
    def run(args: CountedArgs, *, deps: Deps) -> Outcome:
        counted.calls += 1
        counted.identity = f"moved {counted.calls}"
        return Outcome.failed("silent", "The server is silent.", retryable=True)

    counted.tool = run
    record = runner.run("counted", {"structure": offer(runner, rocksalt("Mg"))})
    assert record.status is Status.RETRYABLE
    assert counted.calls == 2
