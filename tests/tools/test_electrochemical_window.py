"""Windows of binary salts against measurement, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.tools.base import Deps
from matsmith.tools.electrochemical_window import TOOL, WindowArgs


def window(crystal: Crystal, settings: Settings, **args: object) -> Outcome:
    deps = Deps(settings=settings, inputs={"c": crystal})
    return TOOL.run(WindowArgs.model_validate({"structure": "c", **args}), deps=deps)


def of(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure().get_primitive_structure())


# -ΔG_f / zF from the CRC Handbook, section 5; lithia is oxidised to its peroxide a little sooner.
@pytest.mark.parametrize(
    ("formula", "volt"), [("LiF", 6.09), ("LiCl", 3.98), ("NaCl", 3.98), ("Li2O", 2.85), ("KCl", 4.23)]
)
def test_salts_within_their_error(plain: Settings, formula: str, volt: float) -> None:
    outcome = window(of(formula), plain)
    assert outcome.failure is None
    quantity = outcome.quantities["oxidation_voltage"]
    assert abs(quantity.value - volt) < 0.2
    assert outcome.quantities["reduction_voltage"].value == 0.0
    assert outcome.facts["energy_above_hull_ev_per_atom"] == 0.0


def test_what_stands_beside_it_is_named(plain: Settings) -> None:
    facts = window(of("Li2O"), plain).facts
    reduced, oxidised = facts["beside_when_reduced"], facts["beside_when_oxidised"]
    assert isinstance(reduced, list)
    assert "Li" in reduced
    assert isinstance(oxidised, list)
    assert "Li2O2" in oxidised


def test_the_phases_that_ship_cannot_confirm(plain: Settings) -> None:
    outcome = window(of("LiF"), plain)
    assert outcome.facts["tier"] == "shipped"
    assert outcome.facts["inconclusive"]
    assert any("too wide" in warning for warning in outcome.warnings)


def test_a_host_without_the_ion_has_only_a_lower_end(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    outcome = window(rocksalt("Ni", edge=4.18), plain, ion="Li")
    assert outcome.failure is None
    assert "oxidation_voltage" not in outcome.quantities
    # NiO + 2 Li -> Ni + Li2O runs near 1.8 V.
    assert outcome.quantities["reduction_voltage"].value == pytest.approx(1.8, abs=0.5)


def test_refusals(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    no_ion = window(rocksalt("Ni", edge=4.18), plain).failure
    assert no_ion is not None
    assert no_ion.code == "no_ion"
    foreign = window(of("LiF"), plain.model_copy(update={"potential": "emt"})).failure
    assert foreign is not None
    assert foreign.code == "foreign_energy"
    missing = window(of("CeO2"), plain, ion="Li").failure
    assert missing is not None
    assert missing.code == "no_references"
