"""The domain: what was trained on is near, other chemistry is far, rare elements are counted."""

from __future__ import annotations

import numpy as np

from matsmith.models.predictors.compositions import gather, read_formula
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.domain import Domain

OXIDES = [
    f"{a}{b}O3" for a in ("Ca", "Sr", "Ba", "La", "Pb", "Nd") for b in ("Ti", "Zr", "Hf", "Sn", "Fe", "Mn")
]


def test_near_and_far() -> None:
    known = gather([read_formula(formula) for formula in OXIDES])
    columns = descriptors(known)
    domain = Domain.fit(columns, known, kept=100, seed=1, border=1.0)
    assert domain.distance(columns).max() < 0.05
    asked = gather([read_formula(formula) for formula in ("SrMnO3", "CaGeO3", "AgAu", "He")])
    distance = domain.distance(descriptors(asked))
    assert distance[0] < 0.05
    assert distance[0] < distance[1] < distance[2] < distance[3]
    assert domain.rarest(asked).tolist() == [6, 0, 0, 0]
    again = Domain.of_arrays(domain.arrays())
    assert np.allclose(again.distance(columns), domain.distance(columns))
