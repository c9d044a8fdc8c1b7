"""What the composition models say of a modulus, as a second opinion against experiment."""

from __future__ import annotations

import math

import pytest

from matsmith.knowledge.table_moduli import table_moduli
from matsmith.models.predictors.library import predicted
from matsmith.tools.second_opinion import Opinion, opinion_on, opinions_identity


@pytest.mark.parametrize(
    # Measured at 300 K, GPa: MgO 160 and 131, TiN 288 and 207 (as in the shipped table of crystals), Cu 137, W 161 in shear.
    ("name", "formula", "measured"),
    [
        ("bulk_modulus", "MgO", 160),
        ("shear_modulus", "MgO", 131),
        ("bulk_modulus", "TiN", 288),
        ("bulk_modulus", "Cu", 137),
        ("shear_modulus", "W", 161),
    ],
)
def test_opinions_hold_against_measured_moduli(name: str, formula: str, measured: float) -> None:
    opinion = opinion_on(name, formula)  # type: ignore[arg-type]
    assert isinstance(opinion, Opinion)
    assert abs(opinion.value_gpa - measured) < 2.6 * opinion.sigma_gpa
    assert not opinion.differs(measured, 0.1 * measured)
    # The model's own error and that of the step from computed to measured moduli.
    known = table_moduli()
    factor = known.bulk_factor if name == "bulk_modulus" else known.shear_factor
    assert opinion.value_gpa == pytest.approx(factor * predicted(name, formula).value)
    assert opinion.sigma_gpa > factor * predicted(name, formula).sigma


def test_opinions_differ_beyond_both_errors_only() -> None:
    opinion = Opinion(value_gpa=100.0, sigma_gpa=10.0, source="made")
    edge = 2.6 * math.hypot(10.0, 5.0)
    assert not opinion.differs(100.0 + edge - 0.1, 5.0)
    assert opinion.differs(100.0 + edge + 0.1, 5.0)
    assert opinion.differs(100.0 - edge - 0.1, 5.0)


def test_no_opinion_is_said_in_words() -> None:
    reason = opinion_on("bulk_modulus", "He3Xe5")
    assert isinstance(reason, str)
    assert reason


def test_records_know_the_weights_that_an_opinion_rests_on() -> None:
    assert opinions_identity() == opinions_identity()
    assert "none" not in opinions_identity()
