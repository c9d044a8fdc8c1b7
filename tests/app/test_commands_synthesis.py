"""`matsmith synthesis` and `matsmith data get synthesis`: views, JSON, what is missing, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mined_reactions import write_reactions
from typer.testing import CliRunner

from matsmith.app.application import make_app
from matsmith.core.settings import load_settings
from matsmith.models.predictors.synthesis.predicting import all_here

shipped = pytest.mark.skipif(not all_here(), reason="the weights are not here")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("MATSMITH_DATA", str(folder))
    monkeypatch.setenv("MATSMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "240")
    load_settings.cache_clear()
    return folder


@shipped
def test_a_view_with_doi_and_without_the_reactions(data: Path) -> None:
    app = make_app()
    bare = CliRunner().invoke(app, ["synthesis", "BaTiO3"])
    assert bare.exit_code == 0, bare.output
    assert "published targets" in bare.output
    assert "BaCO3" in bare.output
    assert "matsmith data get synthesis" in bare.output
    write_reactions(data)
    full = CliRunner().invoke(app, ["synthesis", "BaTiO3"])
    assert "doi:10.1016/j.made.2007.01.001" in full.output
    assert "1050 °C (3 papers" in full.output


@shipped
def test_json_holds_what_the_view_shows(data: Path) -> None:
    write_reactions(data)
    found = CliRunner().invoke(make_app(), ["synthesis", "BaTiO3", "--route", "sol-gel", "--json"])
    told = json.loads(found.stdout)
    assert told["route"] == "sol-gel"
    assert told["predicted"]["calcination_temperature"]["unit"] == "K"
    low, high = told["intervals_90"]["calcination_temperature"]
    assert low < told["predicted"]["calcination_temperature"]["value"] < high
    assert told["published"]["calcination_temperature"]["papers"] == 3
    assert told["precursor_sets"][0]["share"] > 0


@shipped
def test_a_bad_formula_is_wrong_use(data: Path) -> None:
    for formula in ("Hello", "LixCoO2"):
        found = CliRunner().invoke(make_app(), ["synthesis", formula])
        assert found.exit_code == 2
        assert found.stdout == ""
        assert "matsmith:" in found.stderr


def test_getting_the_reactions(data: Path, tmp_path: Path) -> None:
    app = make_app()
    missing = CliRunner().invoke(app, ["data", "get", "synthesis"])
    assert missing.exit_code == 1
    assert "text-mined-synthesis_public" in missing.output
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    source = write_reactions(elsewhere)
    taken = CliRunner().invoke(app, ["data", "get", "synthesis", "--from", str(source)])
    assert taken.exit_code == 0, taken.output
    assert "5 reactions" in taken.output
    listed = json.loads(CliRunner().invoke(app, ["data", "list", "--json"]).stdout)
    here = {row["table"]: row["here"] for row in listed}
    assert here["solid_state_synthesis"]
    assert not here["sol_gel_synthesis"]
    for wrong in (
        ["data", "get", "mp_band_gap", "--from", str(source)],
        ["data", "get", "synthesis", "mp_band_gap"],
    ):
        assert CliRunner().invoke(app, wrong).exit_code == 2
