"""Figures of conditions: a miss is what was measured and is off; what was never measured has no rate."""

from __future__ import annotations

import pytest

from matsmith.tools.evaluation.energies import Energy
from matsmith.tools.evaluation.figures import Figure
from matsmith.tools.evaluation.rows import Row
from matsmith.tools.evaluation.samples import Sample
from matsmith.tools.evaluation.summary import Judged, summarised

WANTED = {"bulk_modulus_gpa": 200.0, "formation_energy_ev_per_atom": -1.0, "density_g_cm3": 5.0}


def figures_of(*values: dict[str, float | None], relaxed: bool) -> dict[str, Figure]:
    judged = [
        Judged(sample=Sample(name=str(place)), row=Row(), energy=Energy(), wanted=WANTED, values=found)
        for place, found in enumerate(values)
    ]
    return {figure.name: figure for figure in summarised(judged, relaxed=relaxed)}


def test_what_needs_energies_has_no_rate_before_anything_is_relaxed() -> None:
    unknown = dict.fromkeys(("bulk_modulus_gpa", "formation_energy_ev_per_atom"))
    found = figures_of({**unknown, "density_g_cm3": 5.1}, {**unknown, "density_g_cm3": 9.0}, relaxed=False)
    for name in unknown:
        figure = found[f"hit_{name}"]
        assert (figure.value, figure.count, figure.text) == (None, 0, "-")
        assert "--relax" in figure.method
        assert "--relax" in figure.title
    assert found["hit_density_g_cm3"].value == pytest.approx(0.5)


def test_after_relaxation_a_value_that_could_not_be_had_is_a_miss() -> None:
    found = figures_of({"bulk_modulus_gpa": 210.0}, {"bulk_modulus_gpa": None}, relaxed=True)
    assert found["hit_bulk_modulus_gpa"].value == pytest.approx(0.5)
    assert found["hit_bulk_modulus_gpa"].count == 2
    assert found["off_bulk_modulus_gpa"].value == pytest.approx(10)


def test_where_nothing_has_a_hull_no_share_lies_near_it() -> None:
    found = figures_of({}, {}, relaxed=True)
    assert found["hull_known"].value == 0
    assert (found["hull_0.1"].text, found["sun_0"].text) == ("-", "-")
    judged = [
        Judged(sample=Sample(name="a"), row=Row(), energy=Energy(above_hull=0.02)),
        Judged(sample=Sample(name="b"), row=Row(), energy=Energy()),
    ]
    known = {figure.name: figure for figure in summarised(judged, relaxed=True)}
    assert (known["hull_0.05"].value, known["hull_0"].value) == (0.5, 0.0)
