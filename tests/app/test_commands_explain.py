"""`matsmith explain`: one formula in words, a set summed up, JSON that adds up, refusals beside sound ones, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.models.predictors.library import predicted


def test_one_formula_is_told_with_its_parts(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "BaZrO3", "-p", "measured_band_gap", "--towards", "lower"]) == 0
    shown = capsys.readouterr().out
    for words in ("BaZrO3", "±", "Zr", "predicted band gap", "Nearest trained on", "in place of", "cause"):
        assert words in shown


def test_json_adds_up(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "MgO", "-p", "bulk_modulus", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["explanations"]
    assert one["value"] == pytest.approx(predicted("bulk_modulus", "MgO").value)
    assert one["base"] + sum(one["elements"].values()) == pytest.approx(one["total"], abs=5e-3)
    assert 10 ** one["total"] == pytest.approx(one["value"])
    assert one["scale"] == "log10(GPa)"


def test_a_file_is_summed_up_and_refusals_stand_beside(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("formulas.csv").write_text("id,formula\n1,MgO\n2,LixCoO2\n3,TiN\n")
    assert main(["explain", "--file", "formulas.csv", "-p", "bulk_modulus"]) == 1
    shown = capsys.readouterr()
    assert "2 formulas" in shown.out
    assert "N" in shown.out
    assert "variable" in shown.err
    assert main(["explain", "--file", "formulas.csv", "-p", "bulk_modulus", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["set"]["formulas"] == 2
    assert [one["formula"] for one in found["refused"]] == ["LixCoO2"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["MgO"], "No property was named"),
        (["-p", "bulk_modulus"], "No formula was given"),
        (["MgO", "-p", "bulk_modulos"], "Did you mean bulk_modulus?"),
        (["MgO", "-p", "stability"], "is not explained"),
        (["MgO", "-p", "bulk_modulus", "--towards", "up"], "no direction"),
    ],
)
def test_wrong_use_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["explain", *words]) == 2
    assert told in capsys.readouterr().err
