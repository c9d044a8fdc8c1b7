"""Spectra survive their storage, and the factor that was put on the frequencies is found again."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matsmith.models.vibrational import Spectrum

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_MODULES = (
    "vibrational_errors",
    "elastic_errors",
    "reference_statistics",
    "reference_computed",
    "reference_classes",
)


@pytest.fixture
def vibrations(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("vibrational_errors")
    for name in _MODULES:
        sys.modules.pop(name, None)


def spectrum() -> Spectrum:
    generator = np.random.default_rng(0)
    return Spectrum(
        frequencies_thz=generator.uniform(1, 15, size=(40, 6)),
        weights=np.asarray(generator.integers(1, 8, 40), dtype=np.float64),
    )


def test_a_stored_spectrum_has_the_same_thermodynamics(vibrations: Any) -> None:
    whole = spectrum()
    stored = vibrations.spectrum_of(vibrations.histogram_of(whole))
    for temperature in (50.0, 300.0, 1000.0):
        assert stored.entropy_j_per_mol_atoms_k(temperature) == pytest.approx(
            whole.entropy_j_per_mol_atoms_k(temperature), rel=1e-3
        )
        assert stored.free_energy_ev_per_atom(temperature) == pytest.approx(
            whole.free_energy_ev_per_atom(temperature), abs=1e-4
        )


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.7])
def test_the_factor_on_the_frequencies_is_found_again(vibrations: Any, factor: float) -> None:
    whole = spectrum()
    measured = whole.scaled(factor).entropy_j_per_mol_atoms_k(298.15)
    assert math.exp(vibrations.matching_factor(whole, measured)) == pytest.approx(factor, rel=1e-6)


def test_one_sigma_covers_what_it_says_in_spite_of_tails(vibrations: Any) -> None:
    one_sigma = sys.modules["elastic_errors"].one_sigma
    generator = np.random.default_rng(1)
    residuals = generator.standard_t(2, size=(1, 300))
    _, one, _ = one_sigma(residuals, [f"X{k}" for k in range(300)])
    assert 0.62 <= one <= 0.74
