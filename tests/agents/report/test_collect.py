from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.agents.decisions import Critique, RoundSummary
from matsmith.agents.report.collect import collect
from matsmith.agents.report.model import RunReport
from matsmith.core.candidate import Novelty
from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record
from matsmith.core.run import Judgement

MakeRun = Callable[..., Ledger]


def last_judgements(ledger: Ledger) -> dict[str, Judgement]:
    return {entry.key: Judgement.model_validate_json(entry.body) for entry in ledger.entries("judgement")}


def test_candidates_that_meet_come_first_then_the_score_decides(make_run: MakeRun) -> None:
    report = collect(make_run())
    # Among those that meet, new ones stand before known ones.
    keys = [
        (not one.meets, one.meets and one.novelty.label is not Novelty.NEW, -one.score)
        for one in report.candidates
    ]
    assert keys == sorted(keys)
    assert [one.rank for one in report.candidates] == list(range(1, 13))
    assert report.met == sum(one.meets for one in report.candidates) > 0
    assert len(report.rejected) == 5
    assert report.rejected_by_reason == {"atoms too close": 3, "a wish of the specification": 2}


def test_a_candidate_carries_what_its_records_say(make_run: MakeRun) -> None:
    ledger = make_run()
    report = collect(ledger)
    for candidate in report.candidates:
        for quantity in candidate.quantities:
            record = ledger.record(quantity.record)
            assert record is not None
            assert record.quantities[quantity.name] == quantity.quantity
        relaxed = ledger.record(candidate.crystal_record)
        assert relaxed is not None
        assert relaxed.outcome.crystal == candidate.crystal
        assert (
            candidate.space_group_number == {f.name: f.value for f in candidate.facts}["space_group_number"]
        )
        assert set(candidate.records) <= set(report.records)
    rocksalt = next(one for one in report.candidates if one.formula == "MgO")
    assert (rocksalt.space_group, rocksalt.space_group_number) == ("Fm-3m", 225)
    assert rocksalt.novelty.label is Novelty.KNOWN


def test_methods_and_reference_data_are_counted_with_their_hashes(make_run: MakeRun) -> None:
    report = collect(make_run())
    by_name = {(one.method.name, one.method.reference): one for one in report.methods}
    assert by_name[("CHGNet", "")].records == 24
    assert by_name[("CHGNet", "")].tools == ["equation_of_state", "relax"]
    assert by_name[("CHGNet", "")].method.weights_hash == "9b1c" * 16
    assert "DFT formation energies (Materials Project 2018-06)" in report.reference_data
    assert "built-in crystals (2026-01)" in report.reference_data


def test_the_last_judgement_of_a_candidate_counts(make_run: MakeRun) -> None:
    ledger = make_run()
    best = collect(ledger).candidates[0]
    changed = last_judgements(ledger)[best.id].model_copy(
        update={"rejected": "relaxation_failed: cell collapsed"}
    )
    ledger.append("judgement", best.id, changed)
    report = collect(ledger)
    assert best.id not in {one.id for one in report.candidates}
    assert next(one for one in report.rejected if one.id == best.id).reason.endswith("cell collapsed")


def test_rounds_add_up(make_run: MakeRun) -> None:
    report = collect(make_run())
    assert [row.evaluated_so_far for row in report.rounds] == [18, 54]
    assert [row.met_so_far for row in report.rounds][-1] == report.met
    best = [row.best_score_so_far for row in report.rounds]
    assert best[-1] == max(one.score for one in report.candidates)


def test_a_number_in_the_critic_s_words_comes_from_its_record(make_run: MakeRun) -> None:
    report = collect(make_run())
    numbers = [part for part in report.rounds[0].critique if part.record]
    assert [part.text for part in numbers] == ["238 ± 11 GPa"]
    assert report.records[numbers[0].record].quantities["bulk_modulus"].value == 238.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("K is {r:ffffffff.bulk_modulus}.", "K is [no such number]."),
        ("K is {r:FFFF.bulk_modulus}.", "[withheld: it holds a malformed reference to a record]"),
        ("no number at all \x000\x00", "no number at all 0"),
    ],
)
def test_what_no_record_backs_shows_as_a_gap(make_run: MakeRun, text: str, expected: str) -> None:
    ledger = make_run()
    ledger.append("critique", "2", Critique(text=text))
    parts = collect(ledger).rounds[1].critique
    assert "".join(part.text for part in parts) == expected
    assert not any(part.record for part in parts)


def test_a_failed_record_gives_no_number(make_run: MakeRun) -> None:
    ledger = make_run()
    failed = next(
        record
        for record in (Record.model_validate_json(entry.body) for entry in ledger.entries("record"))
        if record.outcome.failure
    )
    ledger.append("critique", "1", Critique(text=f"K is {{r:{failed.id}.bulk_modulus}}"))
    assert [part.gap for part in collect(ledger).rounds[0].critique] == [False, True]


def test_a_run_without_an_end_can_be_resumed(make_run: MakeRun) -> None:
    report = collect(make_run(stop=False))
    assert report.stop is None
    assert "matsmith resume" in report.outcome
    assert report.elapsed_s > 0


def test_a_run_that_has_only_begun(make_run: MakeRun) -> None:
    report = collect(make_run(count=0, rejected=0, stop=False))
    assert report.candidates == report.rejected == []
    assert report.rounds == []
    assert report.ledger_head != ""


def test_candidates_that_nobody_judged_are_counted(make_run: MakeRun) -> None:
    ledger = make_run(count=3, rejected=0)
    body = next(ledger.entries("candidate")).body
    changed = body.replace(next(ledger.entries("candidate")).key, "feedfeedfeedfeed")
    ledger.append("candidate", "feedfeedfeedfeed", changed)
    assert (collect(ledger).generated, collect(ledger).waiting) == (4, 1)


def test_a_ledger_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="holds no run"):
        collect(Ledger(tmp_path / "ledger.sqlite"))


def test_an_unreadable_entry_is_named(make_run: MakeRun) -> None:
    ledger = make_run()
    ledger.append("round", "3", '{"round": "many"}')
    with pytest.raises(LedgerError, match=r"Entry \d+ \(round 3\) cannot be read"):
        collect(ledger)


def test_rounds_without_judgements_and_a_missing_relaxation(make_run: MakeRun) -> None:
    ledger = make_run(count=1, rejected=0)
    only = collect(ledger).candidates[0]
    judgement = last_judgements(ledger)[only.id].model_copy(update={"relaxed": "0" * 16})
    ledger.append("judgement", only.id, judgement)
    ledger.append("round", "3", RoundSummary(round=3))
    report = collect(ledger)
    assert report.candidates[0].crystal_record == ""
    assert report.rounds[-1].met_so_far == report.met


def test_what_is_written_can_be_read_back(make_run: MakeRun) -> None:
    report = collect(make_run())
    assert RunReport.model_validate_json(report.model_dump_json()) == report
