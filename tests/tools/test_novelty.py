"""Labels: known by structure, known by formula alone, a new ordering, new; each with the lists it was checked against."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from matsmith.core.candidate import Novelty
from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.prototypes import by_common_name, by_name, decorate
from matsmith.tools.novelty import label


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("lists")
    text = "formula,energy_above_hull_eV_per_atom\nZnCr2O4,0.0\nMgO,0.0\n"
    (folder / "mp_energy_above_hull.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return Settings(data_dir=folder, cache_dir=folder)


def _crystal(name: str, **assignment: str) -> Crystal:
    return Crystal.from_pymatgen(decorate(by_common_name(name)[0], assignment))


def test_a_measured_structure_is_known_by_its_structure(settings: Settings) -> None:
    found = label(_crystal("rocksalt", Na="Mg", Cl="O"), settings=settings)
    assert found.label is Novelty.KNOWN
    assert "formula and structure" in found.match
    assert "periclase" in found.match


def test_a_supercell_is_no_novelty(settings: Settings) -> None:
    structure = _crystal("rocksalt", Na="Mg", Cl="O").to_pymatgen()
    structure.make_supercell([2, 1, 1])
    assert label(Crystal.from_pymatgen(structure), settings=settings).label is Novelty.KNOWN


def test_a_formula_without_a_crystal_at_hand_says_so(settings: Settings) -> None:
    spinel = by_name("A2BC4_cF56_227_d_a_e")
    crystal = Crystal.from_pymatgen(decorate(spinel, {"Al": "Cr", "Mg": "Zn", "O": "O"}))
    found = label(crystal, settings=settings)
    assert found.label is Novelty.KNOWN
    assert found.match.startswith("formula; structure not compared")


def test_another_structure_of_a_known_formula_is_a_new_ordering(settings: Settings) -> None:
    perovskite = by_common_name("cubic perovskite")[0]
    swapped = Crystal.from_pymatgen(decorate(perovskite, {"Ca": "Ti", "Ti": "Sr", "O": "O"}))
    found = label(swapped, settings=settings)
    assert found.label is Novelty.NEW_ORDERING
    assert "permuted" in found.match


def test_a_formula_in_no_list_is_new_and_the_lists_are_named_and_dated(settings: Settings) -> None:
    found = label(_crystal("rocksalt", Na="Hf", Cl="Rb"), settings=settings)
    assert found.label is Novelty.NEW
    assert found.match == ""
    assert any("Materials Project" in name and "2018" in name for name in found.lists)
    assert any("AFLOW" in name and "pymatgen-core" in name for name in found.lists)


def test_without_tables_the_label_still_names_what_it_asked(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cache_dir=tmp_path)
    found = label(_crystal("rocksalt", Na="Hf", Cl="Rb"), settings=settings)
    assert found.label is Novelty.NEW
    assert not any("Materials Project" in name for name in found.lists)


def test_a_formula_that_somebody_has_reported_is_not_new(settings: Settings) -> None:
    crystal = _crystal("rocksalt", Na="Tb", Cl="As")
    assert label(crystal, settings=settings, reported={"HfN": "elsewhere"}).label is Novelty.NEW
    found = label(crystal, settings=settings, reported={"AsTb": "reported in the literature, evidence 0a1b"})
    assert found.label is Novelty.KNOWN
    assert "evidence 0a1b" in found.match
    assert not found.structure_matched
    # Where a list holds it, that counts for more.
    magnesia = label(_crystal("rocksalt", Na="Mg", Cl="O"), settings=settings, reported={"MgO": "somewhere"})
    assert magnesia.structure_matched
