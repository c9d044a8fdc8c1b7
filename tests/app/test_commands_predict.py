"""`matsmith predict`: formulas and files, JSON, refusals beside sound ones, exit statuses."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from matsmith.app.main import main
from matsmith.models.predictors.library import predicted, shipped
from matsmith.models.predictors.stability.model import chances, stability_model
from matsmith.models.predictors.structure.model import shipped_structure_models


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


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


def test_a_file_as_json_has_a_line_each_in_its_order_refusals_too(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("formulas.csv").write_text("id,formula\n1,MgO\n2,LixCoO2\n3,GaN\n4,\n5,MgO\n")
    assert main(["predict", "--file", "formulas.csv", "-p", "bulk_modulus", "--json"]) == 1
    shown = capsys.readouterr()
    found = lines_of(shown.out)
    assert [one["formula"] for one in found] == ["MgO", "LixCoO2", "GaN", "", "MgO"]
    for one in (found[0], found[2], found[4]):
        known = predicted("bulk_modulus", one["formula"])
        assert list(one)[:6] == ["formula", "property", "value", "unit", "sigma", "in_domain"]
        assert one["value"] == pytest.approx(known.value)
        assert one["sigma"] == pytest.approx(known.sigma)
        assert one["unit"] == "GPa"
        assert one["in_domain"] is True
        assert one["of"] == known.of
    assert "variable" in found[1]["refused"]
    assert found[3]["hint"]
    assert "value" not in found[1]
    assert "variable" in shown.err
    assert "2 of 5" in shown.err


def test_a_plain_list_from_standard_input(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("MgO\n\nNaCl\n"))
    assert main(["predict", "--file", "-", "-p", "shear_modulus", "--json"]) == 0
    assert [one["formula"] for one in lines_of(capsys.readouterr().out)] == ["MgO", "NaCl"]


def test_every_property_by_default(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "TiO2", "--json"]) == 0
    found = lines_of(capsys.readouterr().out)
    assert [one["property"] for one in found] == [*shipped(), "stability"]
    assert all("unit" in one for one in found), "what has no unit says so"


def test_stability_is_told_with_its_calibration_and_views(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "Na3PS4", "OgO", "-p", "stability", "-p", "bulk_modulus", "--json"]) == 1
    chance, modulus, refused = lines_of(capsys.readouterr().out)
    (known,) = chances(["Na3PS4"])
    assert chance["value"] == pytest.approx(known.probability)
    assert chance["sigma"] == pytest.approx(known.spread)
    assert chance["in_domain"] == known.in_domain
    own = stability_model().card["databases"]["materials_project"]
    assert chance["calibration_error"] == own["calibration_error"]
    assert "the Materials Project" in chance["of"]
    assert modulus["property"] == "bulk_modulus"
    assert "Og" in refused["refused"]
    assert main(["predict", "Na3PS4", "-p", "stability"]) == 0
    shown = capsys.readouterr().out
    for words in ("its views", "calibrated within", "inside"):
        assert words in shown


def test_a_composition_far_from_all_others_is_outside_with_its_reason(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "HeXe", "-p", "stability", "--json"]) == 0
    (one,) = lines_of(capsys.readouterr().out)
    assert one["in_domain"] is False
    assert "times the usual distance" in one["outside_because"] or "element" in one["outside_because"]


def test_the_list_of_models_states_errors_and_coverage(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    crystals = [one for one in rows if "CIF file" in one["of"]]
    *listed, stability = rows[: len(rows) - len(crystals)]
    assert [one["property"] for one in listed] == shipped()
    assert [one["property"] for one in crystals] == list(shipped_structure_models())
    assert all(one["errors"]["rows"] < one["errors"]["of_the_median"] for one in crystals)
    assert all(one["errors"]["rows"] > 0 and one["citation"] for one in listed)
    assert stability["property"] == "stability"
    assert stability["roc_auc"] > 0.85
    assert main(["predict", "--list"]) == 0
    shown = capsys.readouterr().out
    assert "bulk_modulus" in shown
    assert "ROC-AUC" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "No formula was given"),
        (["MgO", "-p", "bulk_modulos"], "Did you mean bulk_modulus?"),
        (["MgO", "-p", "stabilty"], "Did you mean stability?"),
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
