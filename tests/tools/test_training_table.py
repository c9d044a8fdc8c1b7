from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from local_service import Reply, local_service
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import DataError, UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.project_summaries import exchange_for
from matsmith.models.diffusion.data_format import LOWEST, load_table
from matsmith.tools import training_builder, training_table
from matsmith.tools.training_table import Assembled, TableSettings, assemble, check_sources, crystal_at


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, cache_dir=folder, device="cpu", threads=1)  # pyright: ignore[reportCallIssue]


def _rocksalt(first: str, second: str, length: float) -> Structure:
    return Structure.from_spacegroup(
        225, Lattice.cubic(length), [first, second], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ).get_primitive_structure()


def _cifs(folder: Path) -> Path:
    folder.mkdir()
    _rocksalt("Mg", "O", 4.22).to(str(folder / "magnesia.cif"), fmt="cif")
    (_rocksalt("Mg", "O", 4.23) * (1, 2, 1)).to(str(folder / "the-same.cif"), fmt="cif")
    Structure(Lattice.cubic(2.66), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(
        str(folder / "other-form.cif"), fmt="cif"
    )
    (folder / "broken.cif").write_text("data_nothing")
    return folder


def _made(tmp_path: Path, *sources: str, **wanted: object) -> Assembled:
    return assemble(
        list(sources),
        tmp_path / "out" / "table.npz",
        wanted=TableSettings(**wanted),  # pyright: ignore[reportArgumentType]
        settings=_settings(tmp_path),
    )


def test_each_crystal_is_there_once_and_broken_files_are_counted(tmp_path: Path) -> None:
    made = _made(tmp_path, str(_cifs(tmp_path / "cifs")), moduli="none")
    assert sorted(made.table.types) == ["221_1_1", "225_1_1"]
    assert made.duplicates == 1
    assert made.skipped == {"unreadable": 1}
    assert made.read == {str(tmp_path / "cifs"): 3}
    assert made.table.properties[LOWEST].sum() == 1
    kept = load_table(tmp_path / "out" / "table.npz")
    assert kept.types == made.table.types
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["table.npz"]
    form = crystal_at(kept, kept.types.index("221_1_1"))
    assert form.formula == "MgO"
    assert form.volume_angstrom3 == pytest.approx(2.66**3, rel=1e-4)


def test_of_duplicates_the_one_of_which_most_is_known_stays(tmp_path: Path) -> None:
    poor = _made(tmp_path, str(_cifs(tmp_path / "cifs")), moduli="none").table
    rich = poor.select(np.flatnonzero([kind == "225_1_1" for kind in poor.types]))
    rich.properties["band_gap_ev"] = np.array([7.8], np.float32)
    training_table.save_table(rich, tmp_path / "rich.npz")
    made = _made(tmp_path, str(tmp_path / "cifs"), str(tmp_path / "rich.npz"), moduli="none")
    assert made.duplicates == 2
    assert np.nansum(made.table.properties["band_gap_ev"]) == pytest.approx(7.8)


def test_moduli_that_are_unknown_are_filled_in_and_measured_ones_kept(tmp_path: Path) -> None:
    source = str(_cifs(tmp_path / "cifs"))
    by_formula = _made(tmp_path, source, moduli="composition").table.properties["bulk_modulus_gpa"]
    assert np.ptp(by_formula) == 0, "a formula has one prediction"
    static = _made(tmp_path, source, moduli="static").table
    value = static.properties["bulk_modulus_gpa"][static.types.index("225_1_1")]
    assert value == pytest.approx(160, rel=0.25)


def test_static_moduli_that_were_computed_are_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(_cifs(tmp_path / "cifs"))
    save = training_table.save_table

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(training_table, "save_table", full)
    with pytest.raises(OSError, match="disk full"):
        _made(tmp_path, source, moduli="static")
    monkeypatch.setattr(training_table, "save_table", save)

    def again(*_: object, **__: object) -> list[float]:
        raise RuntimeError("computed twice")

    monkeypatch.setattr(training_table, "static_moduli", again)
    made = _made(tmp_path, source, moduli="static")
    assert np.isfinite(made.table.properties["bulk_modulus_gpa"]).all()


def test_a_split_by_type_tests_on_kinds_never_trained_on(tmp_path: Path) -> None:
    made = _made(tmp_path, str(_cifs(tmp_path / "cifs")), moduli="none", split="type")
    parts = dict(zip(made.table.types, made.table.split.tolist(), strict=True))
    assert set(parts) == {"221_1_1", "225_1_1"}
    by_formula = _made(tmp_path, str(tmp_path / "cifs"), moduli="none")
    assert len(set(by_formula.table.split.tolist())) == 1


def test_the_project_is_a_source_like_others(tmp_path: Path) -> None:
    lattice = (4.12 * np.eye(3)).tolist()
    sites = [
        {"species": [{"element": name, "occu": 1}], "abc": abc}
        for name, abc in (("Cs", [0, 0, 0]), ("Cl", [0.5, 0.5, 0.5]))
    ]
    sound = {"material_id": "mp-22865", "structure": {"lattice": {"matrix": lattice}, "sites": sites}}
    with local_service() as service:
        service.say(
            Reply(body={"data": [{**sound, "energy_above_hull": 0.0}, {"material_id": "mp-0"}]}),
        )
        made = assemble(
            ["materials-project"],
            tmp_path / "t.npz",
            wanted=TableSettings(moduli="none", elements=("Cs",)),
            settings=_settings(tmp_path),
            exchange=exchange_for("k", cache_dir=None, base_url=service.url),
        )
    assert made.table.names == ["mp-22865"]
    assert made.skipped == {"unreadable": 1}
    assert made.table.properties["energy_above_hull_ev_per_atom"].tolist() == [0]


def test_sources_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one source"):
        _made(tmp_path)
    with pytest.raises(UsageError, match="MP_API_KEY"):
        _made(tmp_path, "materials-project")
    with pytest.raises(DataError, match="There is no"):
        check_sources(["shipped", str(tmp_path / "nowhere.csv")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no \.cif file"):
        check_sources([str(tmp_path / "empty")])
    for wrong in ({"max_atoms": 0}, {"workers": 0}, {"limit": 0}, {"split": "row"}, {"moduli": "guessed"}):
        with pytest.raises(UsageError):
            TableSettings(**wrong)  # pyright: ignore[reportArgumentType]


def _stopped_before_the_end(monkeypatch: pytest.MonkeyPatch, make: Callable[[], object]) -> None:
    """What a kill between the last block and the finished table leaves behind."""

    def full(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(training_table, "save_table", full)
        with pytest.raises(OSError, match="disk full"):
            make()


def test_a_build_that_goes_on_gives_the_moduli_of_one_in_a_single_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = str(_cifs(tmp_path / "cifs"))

    def found(*_: object, **__: object) -> list[float]:
        return [158.1237861, 23.4564321]

    monkeypatch.setattr(training_table, "static_moduli", found)
    whole = _made(tmp_path, source, moduli="static").table.properties["bulk_modulus_gpa"]
    _stopped_before_the_end(monkeypatch, lambda: _made(tmp_path, source, moduli="static"))
    resumed = _made(tmp_path, source, moduli="static").table.properties["bulk_modulus_gpa"]
    np.testing.assert_array_equal(whole, resumed)


def test_labels_of_other_references_are_not_mixed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / training_builder.METHOD).write_text("{}")
    edge = 4.12 * np.eye(3)
    row = {
        "key": "AB_cP2_221_b_a|Cs,Cl", "problem": "", "lattice": edge.tolist(), "species": ["Cs", "Cl"],
        "positions": [[0, 0, 0], [0.5, 0.5, 0.5]], "energy_ev_per_atom": -3.2, "bulk_modulus_gpa": None,
    }  # fmt: skip
    (work / training_builder.ROWS).write_text(json.dumps(row) + "\n")
    above = "energy_above_hull_ev_per_atom"

    def referred(lowest_ev: float) -> None:
        text = f"formula,formation_energy_eV_per_atom\nCs,0.0\nCl2,0.0\nCsCl,{lowest_ev}\n"
        (tmp_path / "mp_formation_energy.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))

    def made() -> Assembled:
        return _made(tmp_path, str(work), moduli="none")

    # Caesium is none of the elements of the phases that ship: at first there is no label at all.
    assert above not in made().table.properties
    _stopped_before_the_end(monkeypatch, made)
    referred(-2.2)
    first = made().table.properties[above]
    assert np.isfinite(first).all()
    _stopped_before_the_end(monkeypatch, made)
    referred(-3.2)
    np.testing.assert_allclose(made().table.properties[above], first + 1.0, atol=1e-3)
