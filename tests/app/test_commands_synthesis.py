"""`matsmith synthesis` and `matsmith data get synthesis`: views, JSON, what is missing, exit statuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mined_reactions import REACTIONS, write_reactions
from typer.testing import CliRunner

from matsmith.app.application import make_app
from matsmith.core.settings import load_settings
from matsmith.knowledge.synthesis import adoption
from matsmith.knowledge.synthesis.mined import FILES
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
    assert "Reading the published reactions" in full.stderr
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
    for formula in ("Hello", "LixCoO2", "", "OgO2", "Mg1001O", "A" * 500, "O"):
        found = CliRunner().invoke(make_app(), ["synthesis", formula])
        assert found.exit_code == 2
        assert found.stdout == ""
        assert "matsmith:" in found.stderr


@shipped
def test_spaces_in_a_formula_do_not_matter(data: Path) -> None:
    plain, spaced = (
        CliRunner().invoke(make_app(), ["synthesis", one, "--json"]) for one in ("BaTiO3", " Ba TiO3 ")
    )
    assert spaced.exit_code == 0, spaced.output
    assert json.loads(spaced.stdout) == json.loads(plain.stdout)
    assert "Reading" not in spaced.stderr, "nothing is here to be read"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that stands for the public address, on this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        addresses = {route: f"{base}/{name}" for route, name in FILES.items()}
        monkeypatch.setattr(adoption, "ADDRESSES", addresses)
        yield folder
        server.shutdown()


def test_the_reactions_are_fetched_and_what_is_here_stays(data: Path, served: Path) -> None:
    app = make_app()
    write_reactions(served)
    half = CliRunner().invoke(app, ["data", "get", "synthesis"])
    assert half.exit_code == 1, "the other file is not there"
    assert "404" in half.output
    assert "solid state: here" in half.output
    assert "text-mined-synthesis_public" in half.output
    sol_gel = [{**one, "synthesis_type": "sol-gel"} for one in REACTIONS]
    write_reactions(served, sol_gel, sol_gel=True)
    (served / FILES["solid state"]).unlink()
    whole = CliRunner().invoke(app, ["data", "get", "synthesis"])
    assert whole.exit_code == 0, whole.output
    assert "sol-gel: 5 reactions" in whole.output
    assert "Not here" not in whole.output
    again = CliRunner().invoke(app, ["data", "get", "synthesis", "--json"])
    assert again.exit_code == 0
    assert all(one["here"] for one in json.loads(again.stdout))


def test_what_is_fetched_and_is_something_else_is_refused(data: Path, served: Path) -> None:
    (served / FILES["solid state"]).write_text("<html>moved</html>")
    found = CliRunner().invoke(make_app(), ["data", "get", "synthesis"])
    assert found.exit_code == 1
    assert "holds no mined reactions" in found.output
    assert "--from FILE" in " ".join(found.output.split())


def test_taking_the_reactions_in(data: Path, tmp_path: Path) -> None:
    app = make_app()
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
