"""Explanations of the weights that ship: they add up, elements get what they make, substitutions equal predictions, damage is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import DataError, SpecError, UsageError
from matsmith.models.predictors import explanation_data, library
from matsmith.models.predictors.compositions import gather, read_formula
from matsmith.models.predictors.descriptors import descriptor_names, parts_by_element
from matsmith.models.predictors.explanation import ABSENT, explain, explain_set
from matsmith.models.predictors.library import model_of, predicted, shipped
from matsmith.models.predictors.substitutions import alike, best_substitutions, substituted


@pytest.mark.parametrize("name", ["bulk_modulus", "measured_band_gap", "formation_energy", "metallic_glass"])
def test_contributions_add_up_to_the_prediction(name: str) -> None:
    for formula, found in zip(("BaZrO3", "Cu50Zr50"), explain(name, ["BaZrO3", "Cu50Zr50"]), strict=True):
        known = predicted(name, formula)
        assert found.prediction.value == pytest.approx(known.value, abs=1e-5)
        assert found.base + sum(part.added for part in found.descriptors) == pytest.approx(found.total)
        assert found.base + sum(found.elements.values()) == pytest.approx(found.total, abs=1e-9)
        if name != "metallic_glass":
            on_scale = model_of(name).entry.from_scale(np.array([found.total]))
            assert on_scale[0] == pytest.approx(known.value, abs=1e-4)


def test_a_formula_that_was_trained_on_is_its_own_nearest() -> None:
    (found,) = explain("bulk_modulus", ["BaZrO3"])
    near = dict(found.nearest)
    assert near.get("BaZrO3", 1.0) == pytest.approx(0.0, abs=0.02)
    assert list(near.values()) == sorted(near.values())
    assert near["BaZrO3"] <= found.prediction.distance + 1e-6


def test_oxygen_opens_the_gap_and_not_the_metal() -> None:
    (oxide,) = explain("measured_band_gap", ["MgO"])
    assert oxide.elements["O"] > 0
    (metal,) = explain("measured_band_gap", ["Ni3Al"])
    assert metal.total < metal.base
    assert metal.usual == pytest.approx(oxide.usual)


def test_each_descriptor_is_owed_to_the_elements_that_make_it() -> None:
    names = descriptor_names()
    usual = model_of("bulk_modulus").domain.centre
    parts = parts_by_element(gather([read_formula("BaTiO3")]), usual=usual)[0]
    assert parts.sum(axis=1) == pytest.approx(1.0)
    assert parts.min() >= -1e-12
    order = ["O", "Ba", "Ti"]
    highest = parts[names.index("highest atomic number")]
    assert highest[order.index("Ba")] == 1.0
    assert parts[names.index("fraction O")][order.index("O")] == 1.0
    assert parts[names.index("fraction N")][-1] == 1.0
    assert parts[names.index("fraction alkaline earth")][order.index("Ba")] == 1.0
    assert parts[names.index("largest fraction")][order.index("O")] == 1.0


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["Li", "O", "Fe", "U", "He", "F", "Ti", "H"]),
        st.integers(1, 9),
        min_size=1,
        max_size=4,
    )
)
def test_every_composition_can_be_taken_apart(amounts: dict[str, int]) -> None:
    formula = "".join(f"{symbol}{amount}" for symbol, amount in amounts.items())
    (found,) = explain("exfoliation_energy", [formula])
    assert set(found.elements) == {*amounts, ABSENT}
    assert found.base + sum(found.elements.values()) == pytest.approx(found.total)


def test_a_set_is_summed_up() -> None:
    found = explain("phonon_peak", ["MgO", "CaO", "KBr"])
    summary = explain_set(found)
    assert summary.formulas == 3
    assert summary.elements["O"][2] == 2
    assert summary.elements["K"][1] < 0
    sizes = [size for size, _ in summary.descriptors.values()]
    assert sizes == sorted(sizes, reverse=True)
    with pytest.raises(ValueError, match="no explanation"):
        explain_set([])


def test_what_cannot_be_explained_is_told() -> None:
    with pytest.raises(SpecError):
        explain("bulk_modulus", ["LixCoO2"])
    with pytest.raises(UsageError):
        explain("colour", ["MgO"])
    assert explain("bulk_modulus", []) == []


def test_substitutions_are_predictions_with_one_element_replaced() -> None:
    found = best_substitutions("measured_band_gap", "BaZrO3", towards="lower")
    assert found
    for one in found:
        assert one.change < 0
        assert one.replaced in ("Ba", "Zr", "O")
        assert one.prediction.in_domain
        text = one.prediction.formula
        assert one.by in read_formula(text)
        assert one.replaced not in read_formula(text)
        assert one.prediction.value == pytest.approx(predicted("measured_band_gap", text).value, abs=1e-5)
        assert one.change == pytest.approx(
            one.prediction.value - predicted("measured_band_gap", "BaZrO3").value, abs=1e-5
        )
    avoided = best_substitutions(
        "measured_band_gap", "BaZrO3", towards="lower", avoid=[one.by for one in found]
    )
    assert not {one.by for one in avoided} & {one.by for one in found}


def test_who_may_stand_in_for_whom() -> None:
    assert {"Ti", "Hf"} <= set(alike("Zr"))
    assert set(alike("O")) >= {"S", "Se"}
    assert not {"Tc", "Xe", "O"} & set(alike("Zr"))
    formulas = [text for _, _, text in substituted("Ca(OH)2")]
    assert "Mg(OH)2" in formulas
    assert "Ca(SH)2" in formulas


def test_what_ships_belongs_to_its_weights() -> None:
    for name in shipped():
        model = model_of(name)
        data = explanation_data.load_data(model, path=library.weights_path(name))
        assert len(data.left_share) == len(model.trees.feature)
        assert len(data.formulas) == len(model.domain.known)


@pytest.mark.parametrize("damage", ["cut", "gone", "swapped"])
def test_damaged_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    for name in ("formation_energy", "computed_band_gap"):
        shutil.copy(library.weights_path(name), tmp_path)
        shutil.copy(explanation_data.data_path(library.weights_path(name)), tmp_path)
    if library.networks_path().is_file():
        shutil.copy(library.networks_path(), tmp_path)
    monkeypatch.setattr(library, "WEIGHTS", tmp_path)
    path = explanation_data.data_path(library.weights_path("computed_band_gap"))
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "gone":
        path.unlink()
    else:
        shutil.copy(explanation_data.data_path(library.weights_path("formation_energy")), path)
    with pytest.raises(DataError) as caught:
        explanation_data.load_data(
            model_of("computed_band_gap"), path=library.weights_path("computed_band_gap")
        )
    assert caught.value.hint
