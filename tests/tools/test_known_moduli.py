"""Hardness and ratios from tabulated moduli: titanium carbide within its error, spread counted, absence said."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.table_moduli import table_moduli
from matsmith.tools.base import Deps
from matsmith.tools.known_moduli import KnownModuliArgs
from matsmith.tools.registry import get_tool, known_only, tools_for


def deps_of(tmp_path: Path, *, bulk: str, shear: str, formula: str = "TiC") -> Deps:
    (tmp_path / "mp_log10_bulk_modulus.csv.gz").write_bytes(
        gzip.compress(f"formula,log10_K_VRH_GPa\n{bulk}".encode(), mtime=0)
    )
    (tmp_path / "mp_log10_shear_modulus.csv.gz").write_bytes(
        gzip.compress(f"formula,log10_G_VRH_GPa\n{shear}".encode(), mtime=0)
    )
    settings = Settings(data_dir=tmp_path, cache_dir=tmp_path / "cache")
    return Deps(settings=settings, inputs={"x": Crystal.from_pymatgen(find(formula)[0].structure())})


def test_titanium_carbide(tmp_path: Path) -> None:
    # PBE near 250 and 180 GPa; measured: Young's modulus 440, hardness 27.5 GPa, Poisson ratio 0.19.
    deps = deps_of(tmp_path, bulk="TiC,2.398\n", shear="TiC,2.255\n")
    outcome = get_tool("known_moduli").run(KnownModuliArgs(structure="x", structure_known=True), deps=deps)
    assert outcome.failure is None, outcome.failure
    for name, measured in (("youngs_modulus", 440), ("hardness", 27.5), ("poisson_ratio", 0.19)):
        quantity = outcome.quantities[name]
        assert abs(quantity.value - measured) < 2 * quantity.sigma, name
    assert outcome.facts["inconclusive"] == {}
    errors = table_moduli().errors
    young = outcome.quantities["youngs_modulus"]
    assert young.sigma == pytest.approx(errors["youngs_modulus"].relative * young.value)


def test_polymorphs_widen_the_error_and_an_unknown_structure_confirms_nothing(tmp_path: Path) -> None:
    deps = deps_of(tmp_path, bulk="TiC,2.398\nTiC,2.0\n", shear="TiC,2.255\nTiC,1.8\n")
    outcome = get_tool("known_moduli").run(KnownModuliArgs(structure="x"), deps=deps)
    young = outcome.quantities["youngs_modulus"]
    assert young.sigma > 0.3 * young.value
    doubts = outcome.facts["inconclusive"]
    assert isinstance(doubts, dict)
    assert "which structure" in str(doubts["hardness"])


def test_an_unlisted_formula_names_the_next_tool(tmp_path: Path) -> None:
    deps = deps_of(tmp_path, bulk="TiC,2.398\n", shear="TiC,2.255\n", formula="MgO")
    outcome = get_tool("known_moduli").run(KnownModuliArgs(structure="x"), deps=deps)
    assert outcome.failure is not None
    assert outcome.failure.code == "not_listed"
    assert "elasticity" in outcome.failure.hint


def test_it_is_offered_only_with_both_tables(plain: Settings, tmp_path: Path) -> None:
    assert [tool.name for tool in tools_for("hardness", settings=plain)] == ["known_crystal", "elasticity"]
    settings = deps_of(tmp_path, bulk="TiC,2.398\n", shear="TiC,2.255\n").settings
    assert [tool.name for tool in tools_for("hardness", settings=settings)] == [
        "known_crystal",
        "known_moduli",
        "elasticity",
    ]
    assert not known_only("hardness", settings=settings)
