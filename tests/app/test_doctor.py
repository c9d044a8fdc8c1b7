from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.app.doctor import examine, nearest_folder, write_problem
from matsmith.app.findings import Finding, State
from matsmith.app.main import main
from matsmith.core.settings import load_settings
from matsmith.knowledge.matbench_files import DOWNLOADS

SECRET = "sk-do-not-show-this"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_a_sound_installation_can_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for expected in (
        "Python",
        "torch",
        "CHGNet",
        "weights",
        "OPENAI_API_KEY",
        "runs folder",
        "The main job can run.",
    ):
        assert expected in shown


def test_json_holds_the_same(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["doctor", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["can_run"] is True
    assert {finding["state"] for finding in answer["findings"]} <= set(State)


def test_keys_are_reported_and_never_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.is_dir()
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_BASE_URL", f"https://user:{SECRET}@example.org/v1")
    load_settings.cache_clear()
    for words in (["doctor"], ["doctor", "--json"]):
        assert main(words) == 0
        shown = capsys.readouterr()
        assert SECRET not in shown.out + shown.err
    found = by_name(examine())
    assert found["OPENAI_API_KEY"].detail == "set"
    assert found["MP_API_KEY"].state is State.ABSENT


def test_the_weights_of_the_diffusion_model_are_shown_and_damaged_ones_are_bad(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matsmith.tools.crystal_model import SHIPPED, weights_hash

    monkeypatch.delenv("MATSMITH_DIFFUSION_WEIGHTS", raising=False)
    load_settings.cache_clear()
    shown = by_name(examine())["crystal diffusion"]
    assert shown.state is State.GOOD
    assert weights_hash(load_settings())[:16] in shown.detail
    assert f"{SHIPPED.stat().st_size / 1e6:.1f} MB" in shown.detail
    torn = bytearray(SHIPPED.read_bytes())
    torn[-10] ^= 1
    (home / "torn.safetensors").write_bytes(bytes(torn))
    for name, state in (("torn", State.BAD), ("gone", State.ABSENT)):
        monkeypatch.setenv("MATSMITH_DIFFUSION_WEIGHTS", str(home / f"{name}.safetensors"))
        load_settings.cache_clear()
        found = by_name(examine())["crystal diffusion"]
        assert found.state is state
        assert found.mend


def test_missing_tables_come_with_the_line_that_fetches_them(home: Path) -> None:
    found = by_name(examine())
    needed = [download for download in DOWNLOADS if download.needed]
    assert needed
    for download in needed:
        assert found[download.table].state is State.WARNING
        assert found[download.table].mend == f"matsmith data get {download.table}"
    (home / "tables").mkdir()
    (home / "tables" / needed[0].file).write_bytes(b"")
    assert by_name(examine())[needed[0].table].state is State.GOOD


def test_a_misspelt_setting_is_noticed(home: Path) -> None:
    assert home.is_dir()
    found = by_name(examine({"MATSMITH_REASONNER": "openai", "MATSMITH_REASONER": "rules"}))
    assert found["MATSMITH_REASONNER"].state is State.WARNING
    assert "MATSMITH_REASONER" not in found


def test_a_setting_that_cannot_be_used_is_bad(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.is_dir()
    monkeypatch.setenv("MATSMITH_THREADS", "many")
    load_settings.cache_clear()
    assert main(["doctor"]) == 1
    assert "The main job cannot run" in capsys.readouterr().err


def test_a_runs_folder_that_cannot_be_written_is_bad(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("MATSMITH_RUNS_DIR", str(home / "file" / "runs"))
    load_settings.cache_clear()
    found = by_name(examine())
    assert found["runs folder"].state is State.BAD
    assert "MATSMITH_RUNS_DIR" in found["runs folder"].mend


def test_the_nearest_folder_is_the_one_that_would_hold_a_new_one(tmp_path: Path) -> None:
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert write_problem(tmp_path) is None
    assert write_problem(tmp_path / "missing") is not None


def test_the_chosen_potential_and_those_installed_are_shown(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.is_dir()
    assert main(["doctor"]) == 0
    assert "installed: chgnet" in capsys.readouterr().out
    for choice, status, says in (
        ("emt", 0, "stability needs energies of chgnet"),
        ("mase", 1, "Did you mean mace"),
    ):
        monkeypatch.setenv("MATSMITH_POTENTIAL", choice)
        load_settings.cache_clear()
        assert main(["doctor"]) == status
        assert says in capsys.readouterr().out
