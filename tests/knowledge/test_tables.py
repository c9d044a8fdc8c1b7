"""Tables made for the purpose: values, polymorphs, the cache, and damage of every kind."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from matsmith.core.errors import DataError, UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.knowledge.table_sources import BY_PROPERTY, SOURCES
from matsmith.knowledge.tables import KnownTables, load_table

ENERGY = "formula,formation_energy_eV_per_atom\nMg4O4,-2.9\nMgO,-3.0\nAl2O3,-3.44\nFe2O3,-1.7\nMg2,0.0\n"
MODULUS = "formula,log10_K_VRH_GPa\nMgO,2.2\nMgO,2.0\nO4Mg4,2.1\nAl2O3,2.3979400086720375\n"


def _put(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.csv.gz"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


@pytest.fixture
def tables(tmp_path: Path) -> KnownTables:
    _put(tmp_path, "mp_formation_energy", ENERGY)
    _put(tmp_path, "mp_log10_bulk_modulus", MODULUS)
    _put(tmp_path, "mp_stability", "formula,is_stable\nMgO,TRUE\nMg3O,FALSE\n")
    return KnownTables(tmp_path, cache_dir=tmp_path / "cache")


def test_an_energy_is_that_of_the_lowest_polymorph(tables: KnownTables) -> None:
    value = tables.lookup("formation_energy", "Mg8O8")
    assert value is not None
    assert (value.value, value.rows, value.unit) == (-3.0, 2, "eV/atom")
    assert value.spread == pytest.approx(0.1)
    assert value.label == "known: Materials Project via Matbench v0.1 (2019-04-02)"


def test_a_modulus_is_the_median_polymorph_in_gpa(tables: KnownTables) -> None:
    value = tables.lookup("bulk_modulus", "MgO")
    assert value is not None
    assert value.value == pytest.approx(10**2.1)
    assert value.rows == 3
    assert value.spread == pytest.approx(10**2.2 - 10**2.0)
    alumina = tables.lookup("bulk_modulus", "Al2O3")
    assert alumina is not None
    assert alumina.value == pytest.approx(250.0)
    assert alumina.spread == 0


def test_an_index_of_a_gap_that_nearly_closes_counts_for_no_formula(tmp_path: Path) -> None:
    rows = "ZnO,2.41\nZn2O2,32.97\nInSb,53.8\nBeO,1.8\nBe2O2,6.5\n"
    _put(tmp_path, "mp_refractive_index", f"formula,refractive_index\n{rows}")
    tables = KnownTables(tmp_path)
    zincite, bromellite = (tables.lookup("refractive_index", one) for one in ("ZnO", "BeO"))
    assert zincite is not None
    assert bromellite is not None
    assert (zincite.value, zincite.spread, zincite.rows) == (2.41, 0.0, 1)
    assert bromellite.value == 1.8, "a form's own value, not the average of two"
    assert bromellite.spread == pytest.approx(4.7)
    assert tables.lookup("refractive_index", "InSb") is None


def test_what_is_not_known_is_none(tables: KnownTables) -> None:
    assert tables.lookup("bulk_modulus", "NaCl") is None
    assert tables.lookup("measured_band_gap", "MgO") is None  # the folder has no such table
    assert tables.lookup("hardness", "MgO") is None  # no table holds it
    assert KnownTables(None).lookup("bulk_modulus", "MgO") is None


def test_words_are_numbers(tables: KnownTables) -> None:
    assert tables.table("mp_stability").rows("MgO").tolist() == [1.0]
    assert tables.table("mp_stability").rows("OMg3").tolist() == [0.0]


def test_known_formulas_are_keys(tables: KnownTables) -> None:
    assert tables.known_formulas("formation_energy") == {"MgO", "Al2O3", "Fe2O3", "Mg"}
    assert tables.known_formulas() == {"MgO", "Al2O3", "Fe2O3", "Mg", "Mg3O"}
    assert tables.names() == ["mp_formation_energy", "mp_stability", "mp_log10_bulk_modulus"]


def test_a_system_holds_its_subsystems_and_nothing_else(tables: KnownTables) -> None:
    table = tables.table("mp_formation_energy")
    assert [table.keys[index] for index in table.within(["Mg", "O", "Al"])] == ["Al2O3", "Mg", "MgO"]
    assert [table.keys[index] for index in table.within(["U"])] == []
    assert table.lowest().tolist() == [-3.44, -1.7, 0.0, -3.0]


def test_the_cache_answers_as_the_file_does_and_only_for_that_file(tmp_path: Path) -> None:
    path = _put(tmp_path, "mp_formation_energy", ENERGY)
    source = SOURCES["mp_formation_energy"]
    first = load_table(path, source=source, cache_dir=tmp_path / "cache")
    [kept] = (tmp_path / "cache").iterdir()
    second = load_table(path, source=source, cache_dir=tmp_path / "cache")
    assert second.keys == first.keys
    assert second.rows("MgO").tolist() == first.rows("MgO").tolist() == [-3.0, -2.9]
    assert second.within(["Fe", "O"]).tolist() == first.within(["Fe", "O"]).tolist()
    _put(tmp_path, "mp_formation_energy", ENERGY.replace("-3.0", "-3.5"))
    assert load_table(path, source=source, cache_dir=tmp_path / "cache").rows("MgO")[0] == -3.5
    assert kept.exists()


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    path = _put(tmp_path, "mp_formation_energy", ENERGY)
    source = SOURCES["mp_formation_energy"]
    load_table(path, source=source, cache_dir=tmp_path / "cache")
    [kept] = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:-200] if damage is None else damage)
    assert load_table(path, source=source, cache_dir=tmp_path / "cache").rows("MgO")[0] == -3.0
    with np.load(kept, allow_pickle=False) as held:
        assert len(held["values"]) == 5


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    path = _put(tmp_path, "mp_formation_energy", ENERGY)
    (tmp_path / "cache").write_text("a file stands in the way")
    table = load_table(path, source=SOURCES["mp_formation_energy"], cache_dir=tmp_path / "cache")
    assert len(table) == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("formula,other\nMgO,1\n", "columns formula, other"),
        ("", "columns none"),
        ("formula,formation_energy_eV_per_atom\n", "is empty"),
        ("formula,formation_energy_eV_per_atom\nMgO,-3\nMgO\n", "Line 3"),
        ("formula,formation_energy_eV_per_atom\nMgO,much\n", "Line 2"),
        ("formula,formation_energy_eV_per_atom\nXyO,-3\n", "Line 2"),
        ("formula,formation_energy_eV_per_atom\nMgO,-3\nFeO,nan\n", "Line 3"),
    ],
)
def test_a_foreign_or_damaged_table_says_where(tmp_path: Path, text: str, words: str) -> None:
    _put(tmp_path, "mp_formation_energy", text)
    with pytest.raises(DataError, match=words) as caught:
        KnownTables(tmp_path).table("mp_formation_energy")
    assert "matsmith data get" in caught.value.hint


def test_a_truncated_or_missing_file_is_named(tmp_path: Path) -> None:
    path = _put(tmp_path, "mp_formation_energy", ENERGY)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="cut short"):
        KnownTables(tmp_path).table("mp_formation_energy")
    path.unlink()
    with pytest.raises(DataError, match="not there") as caught:
        KnownTables(tmp_path).table("mp_formation_energy")
    assert "MATSMITH_DATA" in caught.value.hint
    with pytest.raises(DataError, match="no data folder"):
        KnownTables(None).table("mp_formation_energy")
    with pytest.raises(UsageError):
        KnownTables(tmp_path).table("gold")


def test_every_table_holds_a_property_that_the_registry_lists_in_its_unit() -> None:
    for name, source in BY_PROPERTY.items():
        assert PROPERTIES[name].unit == source.unit


@pytest.mark.skipif("MATSMITH_DATA" not in os.environ, reason="the downloaded tables are not here")
def test_the_real_tables_hold_what_is_known() -> None:
    tables = KnownTables(Path(os.environ["MATSMITH_DATA"]))
    energy = tables.lookup("formation_energy", "Al2O3")
    assert energy is not None
    assert energy.value == pytest.approx(-3.44, abs=0.05)
    index = tables.lookup("refractive_index", "Al2O3")
    assert index is not None
    assert index.value == pytest.approx(1.77, abs=0.05)
    assert tables.table("mp_formation_energy").lowest().min() > -6.0
