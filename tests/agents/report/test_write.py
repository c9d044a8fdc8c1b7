from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.agents.report.collect import collect
from matsmith.agents.report.model import RunReport
from matsmith.agents.report.write import cif_text, write_report
from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger

MakeRun = Callable[..., Ledger]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_written_and_writing_again_changes_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    ledger, folder = make_run(count=4), tmp_path / "out" / "run"
    page = write_report(ledger, folder)
    first = contents(folder)
    assert page == folder / "report.html"
    assert {"report.html", "report.json"} < set(first)
    assert write_report(ledger, folder) == page
    assert contents(folder) == first
    report = RunReport.model_validate_json(first["report.json"])
    assert report == collect(ledger)
    assert report.ledger_head == ledger.head
    assert ledger.verify(head=report.ledger_head).intact
    assert {f"candidates/{one.cif_name}" for one in report.candidates} == set(first) - {
        "report.html",
        "report.json",
    }


def test_the_cif_gives_back_the_relaxed_crystal(make_run: MakeRun, tmp_path: Path) -> None:
    from pymatgen.core import Structure

    report = collect(make_run(count=6))
    for candidate in report.candidates:
        path = tmp_path / candidate.cif_name
        path.write_text(cif_text(report, candidate), encoding="ascii")
        structure = Structure.from_file(path)
        assert structure.composition.reduced_formula == candidate.formula
        expected = candidate.crystal.volume_angstrom3 / len(candidate.crystal.species)
        assert structure.volume / len(structure) == pytest.approx(expected, rel=1e-4)


def test_the_cif_says_where_it_comes_from_and_what_was_found(make_run: MakeRun) -> None:
    report = collect(make_run())
    best = report.candidates[0]
    text = cif_text(report, best)
    comment = [line for line in text.splitlines() if line.startswith("# ")]
    assert comment[0].startswith(f"# matsmith candidate {best.id}")
    assert any(best.crystal_record in line for line in comment)
    value = next(one.quantity for one in best.quantities if one.name == "bulk_modulus")
    wanted = f"bulk modulus > 150 GPa: met ({value}".replace("±", "+/-")
    assert any(wanted in line and ", record" in line for line in comment)
    assert f"_symmetry_Int_Tables_number   {best.space_group_number}" in text


def test_words_cannot_leave_the_comment_of_a_cif(make_run: MakeRun) -> None:
    report = collect(make_run(count=1, words="\n_cell_length_a 1\r\nloop_\u2028x"))
    text = cif_text(report, report.candidates[0])
    assert text.count("\n_cell_length_a") == 1
    assert "_cell_length_a 1 loop_" in text.splitlines()[1]
    text.encode("ascii")


def test_a_hostile_id_cannot_leave_the_folder(make_run: MakeRun) -> None:
    candidate = collect(make_run(count=1)).candidates[0]
    assert candidate.model_copy(update={"id": "../../x", "formula": "../Mg O"}).cif_name == "001_MgO_x.cif"


def test_files_of_an_earlier_ranking_go_and_those_of_others_stay(make_run: MakeRun, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    write_report(make_run(count=2), folder)
    stale = folder / "candidates" / "099_MgO_12345678.cif"
    stale.write_text("# matsmith candidate 1234, written by matsmith 0.1.0\n", encoding="ascii")
    foreign = folder / "candidates" / "098_MgO_12345678.cif"
    foreign.write_text("data_mine\n", encoding="ascii")
    write_report(Ledger(tmp_path / "ledger.sqlite"), folder)
    assert not stale.exists()
    assert foreign.exists()
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(make_run: MakeRun, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="ascii")
    with pytest.raises(LedgerError, match="cannot be written to") as raised:
        write_report(make_run(count=1), blocked)
    assert raised.value.retryable
