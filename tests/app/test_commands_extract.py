from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.core.ledger import Ledger

PAPER = """---
title: Rocksalt oxides
authors: Smith, J.
year: 2019
---
# Results

The measured bulk modulus of MgO is 160.2 ± 0.7 GPa at 300 K. CaO has a bulk modulus of 111 GPa.
"""


@pytest.fixture
def paper(home: Path) -> Path:
    path = home / "paper.md"
    path.write_text(PAPER, encoding="utf-8")
    return path


def test_values_are_shown_with_their_source_and_words(
    paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", str(paper), "--property", "bulk modulus"]) == 0
    shown = capsys.readouterr().out
    for words in ("MgO", "160.2 ± 0.7", "Smith 2019", "at 300 K", "CaO", "111"):
        assert words in shown


def test_one_material_as_json(paper: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", str(paper), "-p", "bulk modulus", "-m", "OMg", "--json"]) == 0
    (value,) = json.loads(capsys.readouterr().out)["values"]
    assert (value["material"], value["low"], value["unit"]) == ("MgO", 160.2, "GPa")


def test_values_go_into_a_run_beside_what_it_computed(
    paper: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["extract", str(paper), "-p", "bulk modulus", "--run", str(run_folder)]) == 0
    shown = capsys.readouterr().out
    assert "2 new literature records" in shown
    assert "MgO, bulk_modulus" in shown
    assert "agrees" in shown
    with Ledger(run_folder / "ledger.sqlite", create=False) as ledger:
        assert len(list(ledger.entries("literature"))) == 2
        assert ledger.verify().intact
    assert main(["extract", str(paper), "-p", "bulk modulus", "--run", str(run_folder)]) == 0
    assert "0 new literature records" in capsys.readouterr().out


def test_nothing_found_is_a_status_of_its_own(paper: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", str(paper), "-p", "band gap"]) == 3
    assert "No value of band gap" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_read(
    paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = paper.with_name("missing.pdf")
    assert main(["extract", str(missing), str(paper), "-p", "bulk modulus"]) == 0
    read = capsys.readouterr()
    assert "missing.pdf" in read.err
    assert "MgO" in read.out
    assert main(["extract", str(missing), "-p", "bulk modulus"]) == 1


def test_an_unknown_property_is_a_usage_error(paper: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["extract", str(paper), "-p", "smell"]) == 2
    assert "band gap" in capsys.readouterr().err
