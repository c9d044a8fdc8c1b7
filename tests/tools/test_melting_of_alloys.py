"""Eutectics from the elements' own melting, and the same from a database: two ways to one number."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.eutectic import EutecticArgs, fusion, ideal_eutectic, share_in_melt
from matsmith.tools.phase_equilibrium import PhaseEquilibriumArgs
from matsmith.tools.registry import get_tool

# Two elements that mix ideally in the melt and not at all as solids; G(liquid) - G(solid) = H (1 - T/Tm).
TDB = """
 ELEMENT VA VACUUM 0 0 0 !
 ELEMENT BI BCC_A2 208.98 0 0 !
 ELEMENT CD HCP_A3 112.41 0 0 !
 PHASE LIQUID % 1 1.0 !
 CONSTITUENT LIQUID :BI,CD: !
 PARAMETER G(LIQUID,BI;0) 298.15 +11300-20.7511*T; 6000 N !
 PARAMETER G(LIQUID,CD;0) 298.15 +6210-10.45067*T; 6000 N !
 PHASE RHOMBO % 1 1.0 !
 CONSTITUENT RHOMBO :BI: !
 PARAMETER G(RHOMBO,BI;0) 298.15 +0; 6000 N !
 PHASE HEXAGONAL % 1 1.0 !
 CONSTITUENT HEXAGONAL :CD: !
 PARAMETER G(HEXAGONAL,CD;0) 298.15 +0; 6000 N !
"""


def eutectic_of(plain: Settings, *elements: str):
    return get_tool("ideal_eutectic").run(EutecticArgs(elements=elements), deps=Deps(settings=plain))  # pyright: ignore[reportArgumentType]


def test_bismuth_and_cadmium_melt_where_they_were_measured_to(plain: Settings) -> None:
    # The textbook's ideal eutectic: 417 K and 55 at.% Cd by measurement.
    outcome = eutectic_of(plain, "Cd", "Bi")
    temperature = outcome.quantities["eutectic_temperature"]
    assert temperature.value == pytest.approx(417, abs=20)
    assert abs(temperature.value - 417) < temperature.sigma
    assert outcome.quantities["eutectic_share_of_cd"].value == pytest.approx(0.55, abs=0.06)
    assert outcome.warnings


def test_shares_add_up_and_the_eutectic_lies_below_both_melting_points() -> None:
    known = {one: tuple(row) for one, row in fusion()["elements"].items()}
    for one in known:
        for other in known:
            if one == other:
                continue
            temperature, share = ideal_eutectic(known[one], known[other])
            assert temperature < min(known[one][0], known[other][0])
            rest = share_in_melt(
                temperature, melting_point_k=known[other][0], enthalpy_kj_per_mol=known[other][1]
            )
            assert share + rest == pytest.approx(1.0, abs=1e-6)


def test_elements_without_data_are_refused_with_those_that_have_some(plain: Settings) -> None:
    failure = eutectic_of(plain, "Al", "Fr").failure
    assert failure is not None
    assert "Fr" in failure.message
    assert "Al" in failure.hint


def equilibrium(plain: Settings, path: Path, **args: object):
    found = PhaseEquilibriumArgs.model_validate({"file": str(path), **args})
    return get_tool("phase_equilibrium").run(found, deps=Deps(settings=plain))


def test_a_database_gives_phases_solidus_and_liquidus(plain: Settings, tmp_path: Path) -> None:
    pytest.importorskip("pycalphad")
    path = tmp_path / "bicd.tdb"
    path.write_text(TDB)
    outcome = equilibrium(plain, path, formula="Bi0.7Cd0.3", temperature_k=350, melting=True)
    assert outcome.failure is None, outcome.failure
    assert outcome.facts["phases"] == pytest.approx({"RHOMBO": 0.7, "HEXAGONAL": 0.3}, abs=1e-3)
    eutectic, _ = ideal_eutectic((544.55, 11.3), (594.22, 6.21))
    assert outcome.quantities["solidus"].value == pytest.approx(eutectic, abs=1.0)
    # ln 0.7 = -(H/R)(1/T - 1/Tm) of bismuth.
    assert outcome.quantities["liquidus"].value == pytest.approx(
        1 / (1 / 544.55 + 8.314462 * 0.356675 / 11300), abs=1.0
    )
    assert outcome.method is not None
    assert len(outcome.method.files["bicd.tdb"]) == 64


@pytest.mark.parametrize(
    ("text", "formula", "code"),
    [
        ("", "BiCd", "no_alloy"),
        (TDB, "AlCd", "no_alloy"),
        ("PARAMETER __import__('os') !", "BiCd", "bad_database"),
        (TDB, "Bi", "no_alloy"),
    ],
)
def test_what_is_no_database_or_no_alloy_fails_with_its_reason(
    plain: Settings, tmp_path: Path, text: str, formula: str, code: str
) -> None:
    pytest.importorskip("pycalphad")
    path = tmp_path / "some.tdb"
    path.write_text(text)
    failure = equilibrium(plain, path, formula=formula).failure
    assert failure is not None
    assert failure.code in (code, "bad_database")
    assert failure.hint
