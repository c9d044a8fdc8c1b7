"""The weights that ship: known materials within their intervals, one equals many, damaged files refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import (
    load_file,  # pyright: ignore[reportUnknownVariableType]
    save_file,  # pyright: ignore[reportUnknownVariableType]
)

from matsmith.core.errors import DataError, SpecError, UsageError
from matsmith.models.predictors import library
from matsmith.models.predictors.library import predict_formulas, predicted, shipped, weights_identity
from matsmith.models.predictors.model import load_model
from matsmith.models.predictors.targets import PREDICTED


@pytest.mark.parametrize(
    ("name", "formula", "measured"),
    [
        ("measured_band_gap", "GaAs", 1.42),
        ("measured_band_gap", "ZnS", 3.6),
        ("bulk_modulus", "TiC", 250.0),
        ("bulk_modulus", "NaCl", 24.0),
        ("shear_modulus", "MgO", 120.0),
        ("refractive_index", "TiO2", 2.6),
        ("formation_energy", "Al2O3", -3.4),
        ("computed_band_gap", "MgO", 4.5),
    ],
)
def test_known_materials_lie_in_their_intervals(name: str, formula: str, measured: float) -> None:
    found = predicted(name, formula)
    assert found.low90 <= measured <= found.high90
    assert found.low90 <= found.value <= found.high90
    assert found.in_domain
    assert found.sigma > 0


def test_what_is_stiff_and_what_is_soft() -> None:
    assert predicted("bulk_modulus", "WC").value > 4 * predicted("bulk_modulus", "KBr").value
    assert (
        predicted("measured_band_gap", "CaF2").value > 4 > 0.3 > predicted("measured_band_gap", "Ni3Al").value
    )
    chance = [predicted("measured_band_gap", formula).chance_of_metal for formula in ("Ni3Al", "CaF2")]
    assert chance[0] is not None
    assert chance[1] is not None
    assert chance[0] > 0.9 > 0.1 > chance[1]


def test_one_equals_many_in_any_order_and_any_unit() -> None:
    formulas = ["GaN", "TiO2", "CsPbI3", "Ti2O4", "NaCl"]
    many = predict_formulas(["bulk_modulus", "measured_band_gap"], formulas)
    for formula, found in zip(formulas, many, strict=True):
        assert predicted("bulk_modulus", formula).value == pytest.approx(found["bulk_modulus"].value)
    assert many[1]["bulk_modulus"].value == pytest.approx(many[3]["bulk_modulus"].value)
    assert many[1]["measured_band_gap"].sigma == pytest.approx(many[3]["measured_band_gap"].sigma)


def test_what_is_unlike_anything_is_outside_and_less_certain() -> None:
    far, near = predicted("bulk_modulus", "He3Xe"), predicted("bulk_modulus", "CaTiO3")
    assert not far.in_domain
    assert far.outside_because
    assert far.sigma / far.value > near.sigma / near.value
    assert near.in_domain
    assert not near.outside_because


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["Li", "O", "Fe", "U", "He", "Bk", "F", "Cs", "N", "Ti"]),
        st.integers(1, 9),
        min_size=1,
        max_size=5,
    )
)
def test_every_composition_gets_a_physical_interval(amounts: dict[str, int]) -> None:
    formula = "".join(f"{symbol}{amount}" for symbol, amount in amounts.items())
    for name, one in predict_formulas(shipped(), [formula])[0].items():
        numbers = [one.value, one.sigma, one.low90, one.high90]
        assert np.isfinite(numbers).all(), name
        assert one.sigma >= 0
        assert one.low90 <= one.value <= one.high90
        assert PREDICTED[name].floor <= one.value <= one.high90 <= PREDICTED[name].ceiling


def test_what_nothing_is_known_of_is_refused() -> None:
    with pytest.raises(SpecError, match="Og"):
        predicted("bulk_modulus", "OgO2")
    with pytest.raises(UsageError) as caught:
        predicted("bulk_modulos", "MgO")
    assert "bulk_modulus" in caught.value.hint


def test_every_card_states_data_split_error_and_coverage() -> None:
    for name in shipped():
        card = library.model_of(name).card
        assert card["citation"]
        assert card["formulas"] > 300
        assert "folds" in card["split"]
        assert card["errors"]["rows"] < card["errors"]["of_the_median"], name
        assert card["coverage"]["0.9"] == pytest.approx(0.9, abs=0.03), name
        text = library.weights_path(name).with_suffix(".md").read_text()
        assert card["citation"] in text
        assert card["of"] in text


def test_all_weights_together_are_small() -> None:
    assert sum(path.stat().st_size for path in library.WEIGHTS.parent.rglob("weights/*")) < 20e6


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = ("formation_energy", "computed_band_gap", "bulk_modulus")
    for path in (*map(library.weights_path, names), library.networks_path()):
        if path.is_file():  # models that are not stacked need no networks
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(library, "WEIGHTS", tmp_path)
    return tmp_path / "bulk_modulus.safetensors"


def test_a_changed_number_is_noticed(copied: Path) -> None:
    before = weights_identity(["bulk_modulus"])
    sound = load_model(copied, entry=PREDICTED["bulk_modulus"])
    arrays = load_file(copied)
    arrays["quantiles"] = arrays["quantiles"] * 0.5
    header = {"format": "matsmith-composition", "version": "1", "property": "bulk_modulus",
              "card": json.dumps(sound.card, sort_keys=True), "sha256": sound.sha256}  # fmt: skip
    save_file(arrays, copied, header)
    with pytest.raises(DataError, match="do not match its hash") as caught:
        predicted("bulk_modulus", "MgO")
    assert "train" in caught.value.hint
    assert before


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "gone", "swapped"])
def test_damaged_weights_are_refused(copied: Path, damage: str) -> None:
    if damage == "cut":
        copied.write_bytes(copied.read_bytes()[:-1000])
    elif damage == "empty":
        copied.write_bytes(b"")
    elif damage == "foreign":
        save_file({"a": np.zeros(3)}, copied, {"format": "other"})
    elif damage == "gone":
        copied.unlink()
    else:
        shutil.copy(copied.with_name("formation_energy.safetensors"), copied)
    with pytest.raises(DataError) as caught:
        predicted("bulk_modulus", "MgO")
    assert "bulk modulus" in caught.value.message or "bulk_modulus" in caught.value.message
    assert caught.value.hint


def test_a_damaged_helper_is_refused_too(copied: Path) -> None:
    copied.with_name("formation_energy.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(DataError, match="formation_energy"):
        predicted("bulk_modulus", "MgO")
