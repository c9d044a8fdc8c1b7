"""Descriptors: hand-made values, no dependence on the neighbours in a batch, a damaged table refused."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.models.predictors.compositions import gather, read_formula
from matsmith.models.predictors.descriptors import descriptor_names, descriptors, element_table

FORMULAS = ("NaCl", "Al2O3", "Fe", "BaTiO3", "Ga0.5In0.5As", "La3Ni2B2N3")


def columns(*formulas: str) -> dict[str, np.ndarray]:
    found = descriptors(gather([read_formula(formula) for formula in formulas]))
    return dict(zip(descriptor_names(), found.T, strict=True))


def test_values_of_common_salt() -> None:
    found = columns("NaCl")
    assert found["mean electronegativity"][0] == pytest.approx((0.93 + 3.16) / 2)
    assert found["deviation electronegativity"][0] == pytest.approx((3.16 - 0.93) / 2)
    assert found["highest atomic number"][0] == 17
    assert found["mean atomic weight"][0] == pytest.approx(58.44 / 2, abs=0.01)
    assert found["largest ionic character"][0] == pytest.approx(1 - np.exp(-0.25 * 2.23**2), abs=1e-4)
    assert found["charge left at highest states"][0] == pytest.approx(0.0)
    assert found["2-norm of fractions"][0] == pytest.approx(np.sqrt(0.5))
    assert found["fraction halogen"][0] == pytest.approx(0.5)


def test_charges_of_an_oxide_balance_and_those_of_a_metal_do_not() -> None:
    found = columns("Al2O3", "BaTiO3", "Fe")
    assert found["charge left at highest states"][:2] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert found["charge left at highest states"][2] > 1


def test_a_batch_equals_its_members() -> None:
    together = descriptors(gather([read_formula(formula) for formula in FORMULAS]))
    alone = np.concatenate([descriptors(gather([read_formula(formula)])) for formula in FORMULAS])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.isfinite(together).all()
    assert descriptors(gather([])).shape == (0, len(descriptor_names()))


def test_the_table_reaches_from_hydrogen_to_berkelium() -> None:
    table = element_table()
    assert {"H", "U", "Bk"} <= table.covered
    assert "Og" not in table.covered
    assert table.values[25, table.columns.index("melting temperature")] == pytest.approx(1811, abs=1)
