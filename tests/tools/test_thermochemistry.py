"""The thermochemical tools: answers against known values, a solid that the tables lack, typed refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool

Rocksalt = Callable[..., Crystal]


def ask(
    name: str, settings: Settings, inputs: Mapping[str, Crystal | Record] | None = None, **args: Any
) -> Outcome:
    tool = get_tool(name)
    return tool.run(tool.args.model_validate(args), deps=Deps(settings=settings, inputs=inputs or {}))


def judged(formation: float, above: float = 0.0) -> Record:
    outcome = Outcome(
        quantities={
            "formation_energy": Quantity(value=formation, unit="eV/atom", sigma=0.03),
            "energy_above_hull": Quantity(value=above, unit="eV/atom", sigma=0.03),
        },
    )
    return Record.of(outcome, tool="stability", tool_version="1", inputs={}, identity="", seed=0)


def test_survival_over_a_range_of_oxygen_is_judged_at_its_worse_end(plain: Settings) -> None:
    wide = ask(
        "atmosphere_stability",
        plain,
        formula="CuO",
        temperature_k=1200,
        oxygen_low_bar=1e-15,
        oxygen_high_bar=0.21,
    )
    air = ask("atmosphere_stability", plain, formula="CuO", temperature_k=1200, oxygen_high_bar=0.21)
    name = "energy_above_hull_in_atmosphere"
    assert wide.quantities[name].value > 0.3 > 0.0 > air.quantities[name].value
    assert "Cu(cr)" in str(wide.facts["reaction"])
    assert wide.quantities[name].truth is Truth.EXPERIMENT_AT_CONDITIONS


def test_a_structure_is_recognised_and_another_form_is_not_confirmed(
    plain: Settings, rocksalt: Rocksalt
) -> None:
    known = ask(
        "atmosphere_stability",
        plain,
        {"m": rocksalt("Mg")},
        structure="m",
        temperature_k=1200,
        atmosphere="air",
    )
    assert known.facts["tabulated"] is True
    assert "inconclusive" not in known.facts
    assert known.quantities["energy_above_hull_in_atmosphere"].value < -0.5
    other = ask(
        "atmosphere_stability",
        plain,
        {"z": rocksalt("Zn")},
        structure="z",
        temperature_k=800,
        atmosphere="air",
    )
    assert "energy_above_hull_in_atmosphere" in str(other.facts["inconclusive"])
    assert other.quantities["energy_above_hull_in_atmosphere"].sigma > 0.05


def test_a_solid_that_the_tables_lack_needs_a_record_of_stability(
    plain: Settings, rocksalt: Rocksalt
) -> None:
    alien = rocksalt("Sc", anion="N")
    missing = ask(
        "atmosphere_stability", plain, {"s": alien}, structure="s", temperature_k=1200, atmosphere="air"
    )
    assert missing.failure is not None
    assert missing.failure.code == "no_enthalpy"
    record = judged(-2.1)
    found = ask(
        "atmosphere_stability",
        plain,
        {"s": alien, "r": record},
        structure="s",
        formation="r",
        temperature_k=1200,
        atmosphere="air",
    )
    # Scandium nitride burns to the oxide.
    assert found.quantities["energy_above_hull_in_atmosphere"].value > 0.5
    assert found.facts["tabulated"] is False
    assert found.quantities["energy_above_hull_in_atmosphere"].sigma > 0.03
    hot = ask(
        "atmosphere_stability",
        plain,
        {"s": alien, "r": record},
        structure="s",
        formation="r",
        temperature_k=2500,
    )
    assert hot.failure is not None
    assert "fitted between" in hot.failure.message


def test_the_hull_at_0_k_bounds_a_solid_that_the_tables_lack(plain: Settings, rocksalt: Rocksalt) -> None:
    alien, record = rocksalt("Sc", anion="N"), judged(-5.9, above=0.4)
    found = ask(
        "atmosphere_stability",
        plain,
        {"s": alien, "r": record},
        structure="s",
        formation="r",
        temperature_k=900,
    )
    assert found.quantities["energy_above_hull_at_conditions"].value == pytest.approx(0.4)
    assert found.facts["basis"] == "hull at 0 K"


def test_a_pressure_on_the_solid_is_refused(plain: Settings) -> None:
    refused = ask("atmosphere_stability", plain, formula="MgO", temperature_k=800, pressure_gpa=5.0)
    assert refused.failure is not None
    assert refused.failure.code == "pressure"


def test_vapours_are_told(plain: Settings) -> None:
    found = ask(
        "atmosphere_stability", plain, formula="MoO3", temperature_k=1050, atmosphere="air", evolved_bar=1.0
    )
    assert any("evaporates" in warning for warning in found.warnings)


def test_decomposition_in_air_is_below_that_in_its_own_gas(plain: Settings) -> None:
    own = ask("decomposition_temperature", plain, formula="CaCO3")
    air = ask("decomposition_temperature", plain, formula="CaCO3", atmosphere="air")
    name = "decomposition_temperature"
    assert own.quantities[name].value == pytest.approx(1170, abs=40)
    assert air.quantities[name].value < own.quantities[name].value - 200


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        ("decomposition_temperature", {"formula": "HfO2"}, "lasts"),
        ("decomposition_temperature", {"formula": "Cu(OH)2"}, "never_stable"),
        ("decomposition_temperature", {"formula": "LaNiO3"}, "no_enthalpy"),
        ("decomposition_temperature", {"formula": "CaCO3", "atmosphere": "ether"}, "outside_domain"),
        ("oxygen_window", {"formula": "CaCO3", "temperature_k": 2000, "gas": "O2"}, "never_stable"),
        ("oxygen_window", {"formula": "NiO", "temperature_k": 1000, "gas": "Xy2"}, "no_data"),
        ("reaction_energy", {"formula": "CaCO3 -> Xx"}, "outside_domain"),
        (
            "reaction_energy",
            {"formula": "CaCO3 -> CaO + CO2", "pressures_bar": {"CO2": -1}},
            "outside_domain",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    plain: Settings, name: str, args: dict[str, Any], code: str
) -> None:
    failure = ask(name, plain, **args).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint


def test_a_structure_or_a_formula_is_needed_and_not_both(plain: Settings) -> None:
    for args in ({}, {"structure": "x", "formula": "MgO"}):
        with pytest.raises(ValueError, match="either a structure or a formula"):
            ask("decomposition_temperature", plain, None, **args)


def test_a_reaction_at_pressure(plain: Settings) -> None:
    at_one = ask("reaction_energy", plain, formula="CaCO3 -> CaO + CO2", temperature_k=1000)
    thin = ask(
        "reaction_energy",
        plain,
        formula="CaCO3 -> CaO + CO2",
        temperature_k=1000,
        pressures_bar={"CO2": 4e-4},
    )
    gibbs = "reaction_gibbs_energy"
    assert at_one.quantities["reaction_enthalpy"].value == pytest.approx(170, abs=4)
    assert at_one.quantities[gibbs].value > 0 > thin.quantities[gibbs].value


def test_zinc_oxide_dissolves_in_acid_and_not_near_ph_10(plain: Settings) -> None:
    name = "energy_above_hull_in_water"
    acid = ask("pourbaix", plain, formula="ZnO", ph=4)
    basic = ask("pourbaix", plain, formula="ZnO", ph=10)
    assert acid.quantities[name].value > 0.1 > 0.0 > basic.quantities[name].value
    assert "Zn++" in str(acid.facts["products"])
    assert any(
        "hydrogen or oxygen" in w for w in ask("pourbaix", plain, formula="ZnO", potential_v=-2).warnings
    )
    missing = ask("pourbaix", plain, formula="LaNiO3").failure
    assert missing is not None
    assert missing.code == "no_enthalpy"


def test_a_metastable_form_is_not_taken_for_the_tabulated_one(plain: Settings) -> None:
    anatase = next(form for form in find("TiO2") if form.name == "anatase")
    given = {"a": Crystal.from_pymatgen(anatase.structure())}
    found = ask("atmosphere_stability", plain, given, structure="a", temperature_k=1000, atmosphere="air")
    assert "not recognised" in str(found.facts["inconclusive"])
    rutile = {"r": Crystal.from_pymatgen(find("TiO2")[0].structure())}
    stable = ask("atmosphere_stability", plain, rutile, structure="r", temperature_k=1000, atmosphere="air")
    assert "inconclusive" not in stable.facts
