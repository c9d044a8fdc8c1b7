"""The stability model that ships: what is known to be stable stands before what is not, one equals many, damage and bad input are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.core.errors import DataError, SpecError, UsageError
from matsmith.models.predictors.stability import model as stability
from matsmith.models.predictors.stability.model import DATABASES, VIEWS, chances, stability_model


def test_compounds_that_exist_stand_before_made_up_ones() -> None:
    real = [one.probability for one in chances(["NaCl", "MgO", "Al2O3", "KMgF3", "GaAs"])]
    made = [one.probability for one in chances(["Mg3O", "Al4O", "CaTi5O3", "KMg7F2", "Fe7Na"])]
    assert min(real) > max(made)
    assert all(0.0 <= one <= 1.0 for one in [*real, *made])


@pytest.mark.parametrize("database", list(DATABASES))
def test_one_equals_many_in_any_unit(database: str) -> None:
    many = chances(["TiO2", "Ti2O4", "GaN", "CsPbI3"], database=database)
    assert many[0].probability == pytest.approx(many[1].probability)
    (alone,) = chances(["GaN"], database=database)
    assert alone.probability == pytest.approx(many[2].probability, abs=1e-6)
    assert set(alone.views) == set(VIEWS)
    assert chances([], database=database) == []


def test_what_is_unlike_anything_is_outside() -> None:
    inside, outside = chances(["CaTiO3", "He3Xe2"])
    assert inside.in_domain
    assert not outside.in_domain


def test_bad_input_is_refused() -> None:
    with pytest.raises(SpecError):
        chances(["LixCoO2"])
    with pytest.raises(SpecError, match="Og"):
        chances(["OgO2"])
    with pytest.raises(UsageError, match="oqmd"):
        chances(["MgO"], database="oqmd")


def test_the_card_states_what_was_measured() -> None:
    card = stability_model().card
    for name in DATABASES:
        own = card["databases"][name]
        assert own["roc_auc"] > max(own["roc_auc_of_views"].values())
        assert own["brier"] < 0.8 * own["brier_of_base_rate"]
        assert own["calibration_error"] < 0.03
        assert own["left_out"] > 5000
    text = stability.WEIGHTS.with_suffix(".md").read_text()
    assert f"{card['databases']['jarvis']['roc_auc']:.4f}" in text


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_damaged_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    whole = bytearray(stability.WEIGHTS.read_bytes())
    path = tmp_path / "stability.safetensors"
    if damage == "cut":
        path.write_bytes(whole[:-1000])
    elif damage == "changed":
        whole[-5] ^= 1
        path.write_bytes(whole)
    monkeypatch.setattr(stability, "WEIGHTS", path)
    with pytest.raises(DataError) as caught:
        chances(["MgO"])
    assert caught.value.hint
