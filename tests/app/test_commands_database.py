from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from local_service import Reply, Service, local_service

from matsmith.app.main import main
from matsmith.knowledge import optimade_providers


@pytest.fixture
def oqmd(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """OQMD, on this machine, with an empty cache."""
    monkeypatch.setenv("MATSMITH_CACHE_DIR", str(home / "cache"))
    with local_service() as running:
        local = replace(optimade_providers.get_provider("oqmd"), base_url=running.url)
        monkeypatch.setitem(optimade_providers.PROVIDERS, "oqmd", local)
        yield running


def answer() -> Reply:
    attributes = {
        "chemical_formula_reduced": "O2Si",
        "elements": ["O", "Si"],
        "_oqmd_stability": 0.0,
        "_oqmd_band_gap": 5.7,
    }
    return Reply(body={"data": [{"id": "42", "attributes": attributes}], "meta": {"data_returned": 1}})


def test_the_query_is_shown_before_the_answer(oqmd: Service, capsys: pytest.CaptureFixture[str]) -> None:
    oqmd.say(answer())
    assert main(["database", "stable Si-O compounds with their band gaps in OQMD"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("on the convex hull") < shown.index("O2Si")
    for words in ("_oqmd_stability<=0.000001", "42", "5.7", "CC BY 4.0", "doi:10.1007/s11837-013-0755-4"):
        assert words in shown


def test_showing_the_query_asks_nothing(oqmd: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["database", "stable Si-O compounds", "-d", "oqmd", "--show-query", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["query"] == {"elements": ["O", "Si"], "only": True, "stable": True}
    assert oqmd.asked == []


def test_json_holds_query_rows_and_date(oqmd: Service, capsys: pytest.CaptureFixture[str]) -> None:
    oqmd.say(answer())
    assert main(["database", "Si-O compounds", "-d", "oqmd", "--json"]) == 0
    (held,) = json.loads(capsys.readouterr().out)["answers"]
    assert held["rows"][0]["values"] == {"energy_above_hull": 0.0, "computed_band_gap": 5.7}
    assert held["date"].startswith("20")


def test_one_database_that_fails_does_not_hide_the_other(
    oqmd: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    oqmd.say(answer())
    assert main(["database", "Si-O compounds", "-d", "oqmd", "-d", "materials_project"]) == 0
    read = capsys.readouterr()
    assert "O2Si" in read.out
    assert "MP_API_KEY" in read.err


def test_a_database_that_fails_alone_is_a_failure(oqmd: Service, capsys: pytest.CaptureFixture[str]) -> None:
    oqmd.say(Reply(status=400, body=""))
    assert main(["database", "Si-O compounds", "-d", "oqmd"]) == 1
    assert "OQMD answered 400" in capsys.readouterr().err


def test_what_a_database_does_not_hold_is_said_before_anything_is_sent(
    oqmd: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["database", "carbides with a bulk modulus above 300 GPa", "-d", "oqmd"]) == 2
    assert "cannot be asked for bulk modulus" in capsys.readouterr().err
    assert oqmd.asked == []


def test_a_key_is_asked_for_with_a_way_without(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["database", "stable Si-O compounds"]) == 2
    shown = capsys.readouterr().err
    assert "MP_API_KEY" in shown
    assert "oqmd" in shown
