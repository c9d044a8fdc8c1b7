"""Settings without tables, and with tiny tables made for the purpose."""

from __future__ import annotations

import gzip

import pytest

from matsmith.core.settings import Settings

HULL = "formula,energy_above_hull_eV_per_atom\n" + "".join(
    f"{formula},{value}\n"
    for formula, value in {
        "MgO": 0.0,
        "CaO": 0.0,
        "SrO": 0.0,
        "BaO": 0.0,
        "NiO": 0.0,
        "Al2O3": 0.0,
        "TiO2": 0.0,
        "SrTiO3": 0.0,
        "BaTiO3": 0.01,
        "CaTiO3": 0.0,
        "SrZrO3": 0.0,
        "BaZrO3": 0.0,
        "BaHfO3": 0.0,
        "SrSnO3": 0.02,
        "BaSnO3": 0.0,
        "KAlO3": 0.3,
        "NaAlO3": 0.3,
        "MgAl2O4": 0.0,
        "ZnAl2O4": 0.0,
        "CoAl2O4": 0.0,
        "MgCr2O4": 0.0,
        "ZnCr2O4": 0.0,
        "K2O": 0.0,
    }.items()
)
MODULUS = "formula,log10_K_VRH_GPa\n" + "".join(
    f"{formula},{value}\n"
    for formula, value in {
        "MgO": 2.19,
        "CaO": 2.03,
        "SrO": 1.93,
        "BaO": 1.83,
        "NiO": 2.28,
        "Al2O3": 2.37,
        "SrTiO3": 2.24,
        "CaTiO3": 2.23,
        "BaTiO3": 2.1,
        "BaZrO3": 2.17,
        "MgAl2O4": 2.26,
        "ZnAl2O4": 2.27,
        "K2O": 1.46,
    }.items()
)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a user without tables and without weights of a diffusion model."""
    folder = tmp_path_factory.mktemp("bare")
    return Settings(data_dir=folder, cache_dir=folder, state_dir=folder, diffusion_weights=folder / "none")


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a user with (tiny) tables."""
    folder = tmp_path_factory.mktemp("tables")
    for name, text in (("mp_energy_above_hull", HULL), ("mp_log10_bulk_modulus", MODULUS)):
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return Settings(data_dir=folder, cache_dir=folder / "cache")
