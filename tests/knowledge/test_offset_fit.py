"""The fit of elemental references: it finds planted ones, stands outliers, and is judged on what it has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge.offset_fit import Sample, cross_validated, fit_references, residuals, sigma68
from matsmith.knowledge.offsets import terms

TRUE = {"Li": -1.9, "Mg": -1.6, "Fe": -8.4, "O": -4.9, "S": -4.1}
SHIFT = {"Li": 0.02, "Mg": -0.01, "Fe": 0.05, "Fe|U": -0.9, "O": -0.6, "S": 0.3}


def planted(n: int, *, noise: float, outliers: float = 0.0, seed: int = 0) -> list[Sample]:
    """Binaries and ternaries whose table energies follow shifted references, some of them a wrong polymorph."""
    random = np.random.default_rng(seed)
    made: list[Sample] = []
    for k in range(n):
        chosen = random.choice(list(TRUE), size=random.integers(2, 4), replace=False)
        amounts = {str(s): int(random.integers(1, 5)) for s in chosen}
        formation = -1.0 - random.random()
        energy = formation + sum(
            share * (TRUE[t.partition("|")[0]] + SHIFT[t]) for t, share in terms(amounts).items()
        )
        energy += random.normal(0, noise) + (random.random() < outliers) * random.uniform(0.2, 0.8)
        made.append(Sample(f"x{k}", amounts, energy, formation))
    return made


def test_planted_references_are_found() -> None:
    mu = fit_references(planted(400, noise=0.002), own_ev=TRUE, terms=terms)
    for name, shift in SHIFT.items():
        assert mu[name] - TRUE[name.partition("|")[0]] == pytest.approx(shift, abs=0.02)


def test_a_tenth_of_wrong_polymorphs_does_not_carry_it_away() -> None:
    mu = fit_references(planted(400, noise=0.01, outliers=0.1), own_ev=TRUE, terms=terms)
    assert mu["O"] - TRUE["O"] == pytest.approx(SHIFT["O"], abs=0.06)


def test_an_element_without_data_keeps_the_potentials_own() -> None:
    mu = fit_references(
        [Sample("MgO", {"Mg": 1, "O": 1}, -6.0, -3.0)], own_ev={**TRUE, "Xe": -0.1}, terms=terms
    )
    assert mu["Xe"] == pytest.approx(-0.1)
    assert mu["Li"] == pytest.approx(TRUE["Li"])


def test_an_unknown_element_is_refused() -> None:
    with pytest.raises(DataError, match="Pu"):
        fit_references([Sample("PuO2", {"Pu": 1, "O": 2}, -10.0, -3.0)], own_ev=TRUE, terms=terms)


def test_unseen_residuals_show_the_noise_and_not_less() -> None:
    samples = planted(300, noise=0.03)
    left = cross_validated(samples, own_ev=TRUE, terms=terms)
    seen = residuals(samples, fit_references(samples, own_ev=TRUE, terms=terms), terms=terms)
    assert 0.025 < sigma68(left) < 0.040
    assert np.abs(left).mean() >= np.abs(seen).mean()
    assert np.array_equal(left, cross_validated(samples, own_ev=TRUE, terms=terms))


def test_sigma68_of_a_normal_sample() -> None:
    assert sigma68(np.random.default_rng(0).normal(0, 0.1, 20_000)) == pytest.approx(0.1, rel=0.03)
