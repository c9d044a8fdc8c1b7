"""Match rates of predictions that are right, wrong, missing or unreadable."""

from __future__ import annotations

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import UsageError
from matsmith.knowledge.crystals import find
from matsmith.tools.evaluation.predictions import prediction_figures
from matsmith.tools.evaluation.samples import Sample


def known(formula: str, place: int = 0) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[place].structure())


def shaken(crystal: Crystal, distance: float) -> Crystal:
    structure = crystal.to_pymatgen()
    structure.perturb(distance)
    return Crystal.from_pymatgen(structure)


REFERENCE = [
    Sample(name=f"t#{row}", crystal=known(formula)) for row, formula in enumerate(("NaCl", "TiO2", "MgO"))
]
LONG = Crystal(
    lattice=((2.0, 0, 0), (0, 2.0, 0), (0, 0, 30.0)),
    species=("Ti", "O", "O"),
    positions=((0, 0, 0), (0, 0, 0.3), (0, 0, 0.6)),
)


def test_right_and_wrong_predictions_at_one_and_at_more() -> None:
    samples = [
        Sample(name="a", crystal=shaken(known("NaCl"), 0.02), reference="0"),
        Sample(name="b", crystal=known("NaCl"), reference="0"),
        Sample(name="c", crystal=LONG, reference="1"),
        Sample(name="d", crystal=known("TiO2"), reference="1"),
        Sample(name="e", problem="unreadable", reference="2"),
        Sample(name="f", crystal=known("MgO"), reference="2"),
    ]
    found = {figure.name: figure for figure in prediction_figures(samples, REFERENCE, quiet=True)}
    assert found["reference_sampled"].value == 1
    assert found["match_at_1"].value == pytest.approx(1 / 3)
    assert found["match_at_2"].value == 1
    assert found["metre_at_2"].value == 1
    crmse, rmse = found["crmse_at_1"].value, found["rmse_at_1"].value
    assert crmse is not None
    assert rmse is not None
    assert crmse == pytest.approx((0.5 + 0.5 + rmse) / 3)
    assert found["rmse_at_2"].value == pytest.approx(0, abs=0.02)


def test_without_a_word_on_which_crystal_is_meant_all_samples_of_its_formula_count() -> None:
    samples = [Sample(name="a", crystal=known("NaCl")), Sample(name="b", crystal=LONG)]
    found = {figure.name: figure for figure in prediction_figures(samples, REFERENCE, quiet=True)}
    assert found["reference_sampled"].value == pytest.approx(2 / 3)
    assert found["match_at_1"].value == pytest.approx(1 / 2)
    wrong = [Sample(name="b", crystal=LONG)]
    none = {figure.name: figure for figure in prediction_figures(wrong, REFERENCE, quiet=True)}
    assert none["match_at_1"].value == 0
    assert none["rmse_at_1"].value is None
    assert none["crmse_at_1"].value == 0.5


def test_samples_of_other_formulas_predict_nothing() -> None:
    with pytest.raises(UsageError, match="No sample predicts"):
        prediction_figures([Sample(name="a", crystal=known("CsCl"))], REFERENCE, quiet=True)
