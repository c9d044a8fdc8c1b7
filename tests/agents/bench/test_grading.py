"""Grading: what passes, what fails, and what is a false claim."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.bench.attempt import Attempt, ClaimedQuote, Ending, Grade, MadeCall
from matsmith.agents.bench.grading import grade
from matsmith.agents.bench.task import Task
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record
from matsmith.core.settings import Settings

Make = Callable[..., Any]
MODULUS: dict[str, Any] = {
    "check": "value",
    "property": "bulk_modulus",
    "formula": "MgO",
    "expected": {"value": 162, "unit": "GPa", "source": "Bass 1995"},
    "relative": 0.12,
}


def gpa(value: float, sigma: float = 10.0) -> dict[str, Quantity]:
    return {"bulk_modulus": Quantity(value=value, unit="GPa", sigma=sigma)}


@pytest.fixture
def graded(house: Settings, tmp_path: Path) -> Callable[[Task, Attempt], Grade]:
    return lambda task, attempt: grade(task, attempt, folder=tmp_path / "files", settings=house)


def test_a_right_value_named_by_its_record_passes(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    record: Record = record_of(gpa(158.0))
    found = graded(
        make_task(MODULUS),
        attempted(record, said="K is 158 GPa.", raw=f"K is {record.reference('bulk_modulus')}."),
    )
    assert found.passed
    assert found.refuted == []
    assert found.records == 1
    assert found.errors[0].relative == pytest.approx(4 / 162)
    assert found.errors[0].sigmas == pytest.approx(0.4)


def test_a_right_value_without_a_record_fails(graded: Make, make_task: Make, attempted: Make) -> None:
    found = graded(make_task(MODULUS), attempted(said="The bulk modulus is 162.3 GPa."))
    assert not found.passed
    assert found.bare_numbers == ["162.3"]
    assert "no bulk_modulus of MgO is named by a record" in found.failures


def test_a_wrong_value_is_false_only_beyond_its_own_error(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    unsure: Record = record_of(gpa(120.0, sigma=30.0))
    found = graded(make_task(MODULUS), attempted(unsure, records=[unsure.id]))
    assert not found.passed
    assert found.refuted == []
    sure: Record = record_of(gpa(120.0, sigma=2.0))
    found = graded(make_task(MODULUS), attempted(sure, records=[sure.id]))
    assert "120.0 ± 2.0 GPa, and 162 ± 19 GPa is right" in found.refuted[0]


def test_an_attempt_that_claims_nothing_is_never_refuted(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    record: Record = record_of(gpa(120.0, sigma=2.0))
    found = graded(make_task(MODULUS), attempted(record, records=[record.id], ending=Ending.NOT_MET))
    assert not found.passed
    assert found.refuted == []


def test_one_wrong_value_beside_a_right_one_fails(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    right, wrong = record_of(gpa(160.0)), record_of(gpa(90.0))
    found = graded(make_task(MODULUS), attempted(right, wrong, records=[right.id, wrong.id]))
    assert not found.passed
    assert len(found.errors) == 2


def test_the_value_of_another_formula_does_not_count(
    graded: Make, make_task: Make, attempted: Make, record_of: Make, rocksalt: Callable[..., Crystal]
) -> None:
    other: Record = record_of(gpa(160.0), crystal=rocksalt("Ca"))
    assert not graded(make_task(MODULUS), attempted(other, records=[other.id])).passed


def test_a_value_in_another_unit_is_a_false_claim(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    record: Record = record_of({"bulk_modulus": Quantity(value=162.0, unit="MPa", sigma=1.0)})
    assert (
        "given in MPa, not in GPa"
        in graded(make_task(MODULUS), attempted(record, records=[record.id])).refuted[0]
    )


def test_bounds_hold_where_no_single_value_is_known(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    check = {
        "check": "value",
        "property": "energy_above_hull",
        "at_most": 0.04,
        "unit": "eV/atom",
        "source": "CRC",
    }
    for value, passed, false in ((-1.6, True, 0), (0.03, True, 0), (0.1, False, 0), (0.5, False, 1)):
        record: Record = record_of(
            {"energy_above_hull": Quantity(value=value, unit="eV/atom", sigma=0.05)}, tool="stability"
        )
        found = graded(make_task(check), attempted(record, records=[record.id]))
        assert found.passed is passed
        assert len(found.refuted) == false
        assert found.errors == []


def test_references_that_lead_nowhere_are_false(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    record: Record = record_of(gpa(160.0))
    raw = f"{{r:deadbeef.bulk_modulus}} and {record.reference('bulk_modulus')} and {record.reference('density')}"
    found = graded(make_task(MODULUS), attempted(record, raw=raw))
    assert len(found.refuted) == 2
    assert not found.passed


def test_a_record_changed_afterwards_is_found(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    record: Record = record_of(gpa(90.0))
    attempt: Attempt = attempted(record, records=[record.id])
    connection = sqlite3.connect(attempt.ledgers[0])
    connection.execute("DROP TRIGGER entries_keep")
    body = json.loads(connection.execute("SELECT body FROM entries").fetchone()[0])
    body["outcome"]["quantities"]["bulk_modulus"]["value"] = 161.0
    connection.execute("UPDATE entries SET body = ?", (json.dumps(body),))
    connection.commit()
    connection.close()
    found = graded(make_task(MODULUS), attempt)
    assert not found.passed
    assert any("not intact" in sentence for sentence in found.refuted)


def test_facts_are_read_from_records(graded: Make, make_task: Make, attempted: Make, record_of: Make) -> None:
    check = {"check": "fact", "fact": ["space_group_number"], "equals": 225}
    right: Record = record_of(tool="symmetry", facts={"space_group_number": 225})
    assert graded(make_task(check), attempted(right, records=[right.id])).passed
    wrong: Record = record_of(tool="symmetry", facts={"space_group_number": 227})
    assert graded(make_task(check), attempted(wrong, records=[wrong.id])).refuted
    assert not graded(make_task(check), attempted()).passed


def test_a_fact_may_have_to_hold_patterns(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    task = make_task({"check": "fact", "fact": ["phases"], "holds": ["MgO", "silicon|\\bSi\\b"]})
    both: Record = record_of(tool="identify_phases", facts={"phases": [{"phase": "MgO"}, {"phase": "Si"}]})
    assert graded(task, attempted(both, records=[both.id])).passed
    one: Record = record_of(tool="identify_phases", facts={"phases": [{"phase": "MgO"}]})
    assert "does not hold silicon" in graded(task, attempted(one, records=[one.id])).refuted[0]


def test_refusing_is_right_where_nothing_can_be_had(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    check = {"check": "refuses", "because": ["diamond"], "unspent": True}
    task = make_task(check, success="refused")
    assert graded(task, attempted(ending=Ending.REFUSED, told="Even diamond has less.")).passed
    assert graded(task, attempted(ending=Ending.NOT_UNDERSTOOD, error="above diamond")).passed
    assert "reason is not said" in graded(task, attempted(ending=Ending.REFUSED, told="No.")).failures[0]
    assert graded(task, attempted(ending=Ending.ANSWERED, said="Diamond it is.")).refuted
    assert not graded(task, attempted(ending=Ending.CRASHED, error="diamond")).passed
    spent: Record = record_of(gpa(443.0), tool="relax")
    assert (
        "relax was computed"
        in graded(task, attempted(spent, ending=Ending.REFUSED, told="diamond")).failures[0]
    )


def test_a_refusal_of_one_property_may_name_others(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    task = make_task({"check": "refuses", "properties": ["bulk_modulus"]}, success="refused")
    energy: Record = record_of({"energy": Quantity(value=-6.0, unit="eV/atom", sigma=0.03)}, tool="relax")
    assert graded(task, attempted(energy, records=[energy.id])).passed
    modulus: Record = record_of(gpa(160.0))
    assert graded(task, attempted(modulus, records=[modulus.id])).refuted


def test_what_failed_stays_a_gap(
    graded: Make, make_task: Make, attempted: Make, record_of: Make, rocksalt: Callable[..., Crystal]
) -> None:
    check = {"check": "gap", "property": "bulk_modulus", "formula": "NbN", "mentioned": ["broken"]}
    record: Record = record_of(gpa(160.0))
    task = make_task(check, MODULUS)
    assert graded(task, attempted(record, records=[record.id], told="broken.cif failed: overlap")).passed
    assert "failure is not said" in graded(task, attempted(record, records=[record.id])).failures[0]
    borrowed: Record = record_of(gpa(160.0), crystal=rocksalt("Nb", "N"))
    found = graded(task, attempted(record, borrowed, records=[record.id, borrowed.id], told="broken.cif"))
    assert "and 160 ± 10 GPa is named for it" in found.refuted[0]


def test_words_and_calls(graded: Make, make_task: Make, attempted: Make) -> None:
    words = make_task({"check": "words", "any_of": [["MgO", "periclase"], ["28\\.4"]], "none_of": ["999"]})
    assert graded(words, attempted(told="Periclase: 28.44")).passed
    assert not graded(words, attempted(told="Periclase: 28.9")).passed
    assert graded(words, attempted(said="MgO", told="28.44, and 999 was left out", quotes=[])).passed
    calls = make_task({"check": "calls", "none_of": ["design"], "all_of": ["relax"]})
    assert graded(calls, attempted(calls=[MadeCall(name="relax", ok=True)])).passed
    found = graded(calls, attempted(calls=[MadeCall(name="design", ok=True)]))
    assert found.refuted == ["design was called, which nobody asked for"]
    assert "relax was not called" in found.failures


def test_quotes_must_stand_in_their_sources(
    graded: Make, make_task: Make, attempted: Make, tmp_path: Path
) -> None:
    documents = tmp_path / "files" / "documents"
    documents.mkdir(parents=True)
    (documents / "paper.md").write_text("The modulus of A\n was   12 GPa.", encoding="utf-8")
    task = make_task({"check": "quotes", "documents": ["paper"], "holding": ["12 GPa"]})
    true = ClaimedQuote(name="paper.md", text="The modulus of A was 12 GPa.")
    assert graded(task, attempted(quotes=[true], said="The modulus of A was 12 GPa.")).passed
    false = ClaimedQuote(name="paper.md", text="The modulus of A was 21 GPa.")
    found = graded(task, attempted(quotes=[true, false]))
    assert "stands in no source" in found.refuted[0]
    assert not graded(task, attempted(quotes=[])).passed


def test_tools_that_are_not_here_are_named(graded: Make, make_task: Make, attempted: Make) -> None:
    task = make_task(MODULUS, needs=["equation_of_state", "time_travel"])
    assert graded(task, attempted()).lacking == ["time_travel"]


def test_an_attempt_far_over_its_time_fails(
    graded: Make, make_task: Make, attempted: Make, record_of: Make
) -> None:
    record: Record = record_of(gpa(160.0))
    task = make_task(MODULUS, budget={"wall_time_s": 10})
    assert graded(task, attempted(record, records=[record.id], wall_s=30.0)).passed
    assert "10 s were given" in graded(task, attempted(record, records=[record.id], wall_s=60.0)).failures[0]
