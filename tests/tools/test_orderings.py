"""Disordered crystals: Cu3Au finds its order, entropy is kept, and nothing else takes a partly occupied site."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import pytest

from matsmith.core.errors import StructureError
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings, load_settings
from matsmith.models.disorder import mixing_entropy_per_site
from matsmith.tools.base import Deps
from matsmith.tools.orderings import GAS_CONSTANT_J_PER_MOL_K, TOOL, OrderingsArgs
from matsmith.tools.runner import ToolRunner
from matsmith.tools.structure_files import UnreadableStructure, read_disordered, read_structure

FCC = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))


def written(path: Path, edge: float, sites: list[tuple[str, tuple[float, float, float], float]]) -> Path:
    lines = [
        "data_made",
        "_symmetry_space_group_name_H-M 'P 1'",
        *(f"_cell_length_{axis} {edge}" for axis in "abc"),
        *(f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")),
        "loop_",
        *(
            f"_atom_site_{key}"
            for key in ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "occupancy")
        ),
        *(f"{s}{k} {s} {x} {y} {z} {share}" for k, (s, (x, y, z), share) in enumerate(sites)),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def alloy(path: Path, *, gold: float = 0.25) -> Path:
    sites = [(symbol, place, share) for place in FCC for symbol, share in (("Cu", 1 - gold), ("Au", gold))]
    return written(path, 3.75, sites)


def ordered(path: Path, settings: Settings, **args: object) -> Outcome:
    deps = Deps(settings=settings.model_copy(update={"potential": "emt"}))
    return TOOL.run(OrderingsArgs.model_validate({"file": str(path), **args}), deps=deps)


def test_an_alloy_finds_its_known_order(tmp_path: Path, plain: Settings) -> None:
    outcome = ordered(alloy(tmp_path / "a.cif"), plain, max_atoms=8)
    assert outcome.failure is None
    assert outcome.crystal is not None
    assert outcome.crystal.formula == "Cu3Au"
    ranking = outcome.facts["ranking"]
    assert isinstance(ranking, list)
    rows = [row for row in ranking if isinstance(row, dict)]
    groups = [row["space_group"] for row in rows]
    # L1_2 and its long-period relative lie within a meV/atom of each other.
    assert "Pm-3m" in groups[:2]
    above = [float(str(row["above_lowest_mev_per_atom"])) for row in rows]
    assert above == sorted(above)
    assert above[0] == 0.0


def test_the_entropy_of_mixing_is_kept(tmp_path: Path, plain: Settings) -> None:
    outcome = ordered(alloy(tmp_path / "a.cif"), plain, max_atoms=4, relax=False)
    expected = -GAS_CONSTANT_J_PER_MOL_K * (0.25 * log(0.25) + 0.75 * log(0.75))
    assert outcome.quantities["configurational_entropy"].value == pytest.approx(expected, rel=1e-6)
    assert "energy" not in outcome.quantities


def test_vacancies_have_entropy_too() -> None:
    assert mixing_entropy_per_site([0.5]) == pytest.approx(log(2))
    assert mixing_entropy_per_site([1 / 3, 1 / 3]) == pytest.approx(log(3))


def test_occupancies_that_no_small_cell_shows_are_rounded_and_said(tmp_path: Path, plain: Settings) -> None:
    outcome = ordered(alloy(tmp_path / "a.cif", gold=0.3), plain, max_atoms=4, relax=False)
    assert outcome.failure is None
    assert outcome.facts["largest_change_of_an_occupancy"] == pytest.approx(1 / 3 - 0.3, abs=1e-3)
    assert any("max_atoms" in warning for warning in outcome.warnings)


def test_a_trace_that_no_cell_shows_is_refused(tmp_path: Path, plain: Settings) -> None:
    failure = ordered(alloy(tmp_path / "a.cif", gold=0.2), plain, max_atoms=2, relax=False).failure
    assert failure is not None
    assert failure.code == "occupancies_too_fine"
    assert "max_atoms" in failure.hint


def test_a_whole_crystal_is_its_own_order(tmp_path: Path, plain: Settings) -> None:
    path = written(tmp_path / "cu.cif", 3.61, [("Cu", place, 1) for place in FCC])
    outcome = ordered(path, plain, relax=False)
    assert outcome.failure is None
    assert outcome.quantities["configurational_entropy"].value == 0.0
    assert outcome.crystal is not None
    assert set(outcome.crystal.species) == {"Cu"}


@pytest.mark.parametrize(("text", "code"), [("nothing", "unreadable"), (None, "no_file")])
def test_a_bad_file_is_a_typed_failure(tmp_path: Path, plain: Settings, text: str | None, code: str) -> None:
    path = tmp_path / "x.cif"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    failure = ordered(path, plain).failure
    assert failure is not None
    assert failure.code == code


def test_a_rank_beyond_the_last_is_refused(tmp_path: Path, plain: Settings) -> None:
    failure = ordered(alloy(tmp_path / "a.cif"), plain, max_atoms=4, relax=False, rank=40).failure
    assert failure is not None
    assert failure.code == "no_such_rank"


def test_every_other_reader_sends_the_file_here(tmp_path: Path) -> None:
    path = alloy(tmp_path / "a.cif")
    with pytest.raises(UnreadableStructure) as caught:
        read_structure(path)
    assert caught.value.code == "disordered"
    assert "matsmith tool orderings" in caught.value.hint
    assert not read_disordered(path).is_ordered


def test_the_record_goes_by_what_stands_in_the_file(tmp_path: Path, runner: ToolRunner) -> None:
    first = alloy(tmp_path / "a.cif")
    (tmp_path / "other").mkdir()
    same, changed = alloy(tmp_path / "other" / "b.cif"), alloy(tmp_path / "c.cif", gold=0.5)
    calls = [{"file": str(path), "max_atoms": 4, "relax": False} for path in (first, same, changed)]
    found = [runner.run("orderings", call) for call in calls]
    assert found[0].id == found[1].id != found[2].id
    with pytest.raises(StructureError):
        runner.run("orderings", {"file": str(tmp_path / "none.cif")})


def test_what_it_returns_is_a_structure_for_other_tools(tmp_path: Path, runner: ToolRunner) -> None:
    record = runner.run("orderings", {"file": str(alloy(tmp_path / "a.cif")), "max_atoms": 4, "relax": False})
    symmetry = runner.run("symmetry", {"structure": record.id})
    assert symmetry.outcome.facts["space_group_number"] == 221


def test_by_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from matsmith.app.main import main

    load_settings.cache_clear()
    monkeypatch.setenv("MATSMITH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MATSMITH_CACHE_DIR", str(tmp_path / "cache"))
    path = alloy(tmp_path / "a.cif")
    args = json.dumps({"file": str(path), "max_atoms": 4, "relax": False})
    assert main(["tool", "orderings", "--args", args, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"]["facts"]["formula_of_the_cell"] == "Cu3Au"
    assert main(["tool", "symmetry", f"structure={path}"]) != 0
    assert "matsmith tool orderings" in capsys.readouterr().err
    load_settings.cache_clear()
