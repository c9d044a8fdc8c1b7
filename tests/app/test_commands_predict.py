"""`matsmith predict`: formulas and files, JSON, refusals beside sound ones, exit statuses."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.models.predictors.library import predicted, shipped


def test_a_table_says_value_interval_domain_and_what_it_is_of(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "BaTiO3", "-p", "measured_band_gap", "-p", "bulk_modulus"]) == 0
    shown = capsys.readouterr().out
    assert "BaTiO3" in shown
    assert "±" in shown
    assert "GPa" in shown
    assert "inside" in shown
    assert "Voigt-Reuss-Hill" in shown


def test_a_file_as_json_equals_the_library_and_refusals_stand_beside(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("formulas.csv").write_text("id,formula\n1,MgO\n2,LixCoO2\n3,GaN\n4,\n")
    assert main(["predict", "--file", "formulas.csv", "-p", "bulk_modulus", "--json"]) == 1
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert [one["formula"] for one in found["predictions"]] == ["MgO", "GaN"]
    for one in found["predictions"]:
        known = predicted("bulk_modulus", one["formula"])
        assert one["value"] == pytest.approx(known.value)
        assert one["sigma"] == pytest.approx(known.sigma)
        assert one["unit"] == "GPa"
        assert one["in_domain"] is True
        assert one["of"] == known.of
    assert [one["formula"] for one in found["refused"]] == ["LixCoO2", ""]
    assert "variable" in shown.err
    assert "2 of 4" in shown.err


def test_a_plain_list_from_standard_input(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("MgO\n\nNaCl\n"))
    assert main(["predict", "--file", "-", "-p", "shear_modulus", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 2


def test_every_property_by_default(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "TiO2", "--json"]) == 0
    assert [one["property"] for one in json.loads(capsys.readouterr().out)["predictions"]] == shipped()


def test_the_list_of_models_states_errors_and_coverage(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["property"] for one in listed] == shipped()
    assert all(one["errors"]["rows"] > 0 and one["citation"] for one in listed)
    assert main(["predict", "--list"]) == 0
    assert "bulk_modulus" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "No formula was given"),
        (["MgO", "-p", "bulk_modulos"], "Did you mean bulk_modulus?"),
        (["--file", "nowhere.csv"], "no file nowhere.csv"),
        (["--file", "empty.csv"], "is empty"),
        (["--file", "other.csv"], "no column formula"),
        (["--file", "binary.csv"], "no text file"),
    ],
)
def test_wrong_use_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    Path("empty.csv").write_text("\n")
    Path("other.csv").write_text("a,b\n1,2\n")
    Path("binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    assert main(["predict", *words]) == 2
    assert told in capsys.readouterr().err
