"""The range of an element's chemical potential at a composition, on hulls whose answer is known by hand."""

from __future__ import annotations

import pytest

from matsmith.knowledge.chemical_potentials import potential_range
from matsmith.knowledge.references import ReferencePhase, ReferenceSet


def made(*phases: tuple[str, float], elements: tuple[str, ...] = ("Li", "O")) -> ReferenceSet:
    return ReferenceSet(
        elements=elements,
        tier="shipped",
        title="made",
        date="today",
        phases=tuple(
            ReferencePhase(formula=formula, formation_energy_ev_per_atom=energy, source="made", date="today")
            for formula, energy in phases
        ),
        complete=True,
    )


def test_a_lone_binary_spans_its_whole_formation_energy() -> None:
    # Li2O at -2 eV/atom: from lithium, where it is at 0, to oxygen, where both lithium atoms carry -6 eV.
    found = potential_range(made(("Li2O", -2.0)), {"Li": 2, "O": 1}, element="Li")
    assert found.high_ev == pytest.approx(0.0)
    assert found.low_ev == pytest.approx(-3.0)
    assert found.products_high == ("Li", "Li2O")
    assert found.products_low == ("Li2O", "O2")


def test_a_peroxide_ends_the_window_sooner() -> None:
    found = potential_range(made(("Li2O", -2.0), ("Li2O2", -1.6)), {"Li": 2, "O": 1}, element="Li")
    # Li2O -> 1/2 Li2O2 + Li: -6.0 = -3.2 + μ.
    assert found.low_ev == pytest.approx(-2.8)
    assert found.products_low == ("Li2O", "Li2O2")


def test_between_two_phases_there_is_one_potential() -> None:
    found = potential_range(made(("Li2O", -2.0), ("Li2O2", -1.6)), {"Li": 4, "O": 3}, element="Li")
    assert found.low_ev == found.high_ev == pytest.approx(-2.8)


def test_a_phase_below_the_hull_opens_a_window_of_its_own() -> None:
    references = made(("Li2O", -2.0), ("Li2O2", -1.6))
    found = potential_range(references, {"Li": 4, "O": 3}, element="Li", formation_energy_ev_per_atom=-2.0)
    assert found.low_ev < -2.8 < found.high_ev
    assert "Li2O" in found.products_high


def test_a_tie_line_through_a_ternary_leaves_a_range() -> None:
    # Li2O and SiO2 coexist; lithium may vary until one of them is reduced or oxidised.
    references = made(("Li2O", -2.0), ("SiO2", -3.0), elements=("Li", "O", "Si"))
    found = potential_range(references, {"Li": 2, "Si": 1, "O": 3}, element="Li")
    assert found.high_ev > found.low_ev + 0.5
