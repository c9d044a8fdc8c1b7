"""Candidates of design runs, held against the wishes of the task by other means than the run's own."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.bench.attempt import Attempt, Ending
from matsmith.agents.bench.grading import grade
from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record
from matsmith.core.run import Judgement, Stop, StopReason
from matsmith.core.settings import Settings
from matsmith.core.verdict import Answer, Verdict

Make = Callable[..., Any]
WISHES: dict[str, Any] = {
    "check": "candidates",
    "all_of": ["O"],
    "none_of": ["Co"],
    "elements": [2, 3],
    "space_groups": [195, 230],
    "wishes": [{"property": "bulk_modulus", "above": 150}],
}


@pytest.fixture
def run_with(tmp_path: Path, record_of: Make) -> Callable[..., Attempt]:
    """A finished run that claims one candidate with this modulus."""

    def make(
        crystal: Crystal, *, value: float = 170.0, sigma: float = 5.0, known_record: bool = True
    ) -> Attempt:
        folder = tmp_path / "run"
        folder.mkdir()
        candidate = Candidate.of(crystal, lineage=Lineage(strategy="decoration"))
        quantity = Quantity(value=value, unit="GPa", sigma=sigma)
        record: Record = record_of({"bulk_modulus": quantity}, crystal=crystal)
        verdict = Verdict(
            candidate=candidate.id,
            target=0,
            property="bulk_modulus",
            answer=Answer.MET,
            probability=0.99,
            quantity=quantity,
            record=record.id if known_record else "0123456789abcdef",
        )
        judgement = Judgement(
            candidate=candidate.id, round=0, records=[record.id], verdicts=[verdict], meets=True
        )
        stop = Stop(reason=StopReason.MET, sentence="Objective met.", elapsed_s=1.0, met=[candidate.id])
        with Ledger(folder / "ledger.sqlite") as ledger:
            ledger.append("candidate", candidate.id, candidate)
            ledger.write_record(record)
            ledger.append("judgement", candidate.id, judgement)
            ledger.append("stop", "run", stop)
        return Attempt(ending=Ending.ANSWERED, told=stop.sentence, runs=[str(folder)])

    return make


@pytest.fixture
def problems(house: Settings, tmp_path: Path, make_task: Make) -> Callable[..., list[str]]:
    def find(attempt: Attempt, **changes: Any) -> list[str]:
        task = make_task(WISHES | changes, kind="design", door="design")
        found = grade(task, attempt, folder=tmp_path / "files", settings=house)
        assert found.passed == (not found.failures)
        assert found.refuted == found.failures
        return found.refuted

    return find


def test_a_candidate_that_keeps_every_wish_passes(run_with: Make, problems: Make, rocksalt: Make) -> None:
    assert problems(run_with(rocksalt("Mg"))) == []


def test_an_excluded_element_is_found(run_with: Make, problems: Make, rocksalt: Make) -> None:
    assert problems(run_with(rocksalt("Co"))) == ["CoO holds Co, which is excluded"]


def test_a_missing_element_is_found(run_with: Make, problems: Make, rocksalt: Make) -> None:
    assert problems(run_with(rocksalt("Ti", "N"))) == ["TiN holds no O"]


def test_the_space_group_is_found_anew(run_with: Make, problems: Make, rocksalt: Make) -> None:
    assert problems(run_with(rocksalt("Mg")), space_groups=[1, 194]) == [
        "MgO has the space group 225, and 1 to 194 were asked for"
    ]


def test_a_verdict_that_does_not_follow_from_its_record_is_found(
    run_with: Make, problems: Make, rocksalt: Make
) -> None:
    found = problems(run_with(rocksalt("Mg"), value=155.0, sigma=20.0))
    assert found == ["MgO: bulk_modulus above 150 does not follow from 155 ± 20 GPa"]


def test_a_verdict_without_its_record_is_found(run_with: Make, problems: Make, rocksalt: Make) -> None:
    found = problems(run_with(rocksalt("Mg"), known_record=False))
    assert "MgO: bulk_modulus is called met without a record" in found


def test_too_few_candidates_fail_without_being_false(
    run_with: Make, house: Settings, make_task: Make, rocksalt: Make, tmp_path: Path
) -> None:
    task = make_task(WISHES | {"at_least": 2})
    found = grade(task, run_with(rocksalt("Mg")), folder=tmp_path / "files", settings=house)
    assert found.failures == ["1 candidates are claimed, and 2 are wanted"]
    assert found.refuted == []


def test_a_raw_table_that_contradicts_refutes(
    run_with: Make, house: Settings, problems: Make, rocksalt: Make
) -> None:
    house.data_dir.mkdir()
    with gzip.open(house.data_dir / "mp_log10_bulk_modulus.csv.gz", "wt", encoding="utf-8") as file:
        file.write("formula,log10_gpa\nMg2O2,1.9\nCaO,2.5\n")
    found = problems(run_with(rocksalt("Mg")))
    assert found == [
        "bulk_modulus above 150 is claimed, and every row of MgO in mp_log10_bulk_modulus.csv.gz has at most 79.43"
    ]


def test_one_agent_claims_by_naming_every_number(
    attempted: Make, record_of: Make, make_task: Make, house: Settings, tmp_path: Path
) -> None:
    record: Record = record_of({"bulk_modulus": Quantity(value=170.0, unit="GPa", sigma=5.0)})
    task = make_task(WISHES)
    named = attempted(record, said="MgO has 170 GPa.", raw=f"MgO has {record.reference('bulk_modulus')}.")
    assert grade(task, named, folder=tmp_path, settings=house).passed
    unnamed = attempted(record, said="MgO meets it.")
    assert "0 candidates are claimed" in grade(task, unnamed, folder=tmp_path, settings=house).failures[0]
