"""Rows and folds, exchanged compositions, a small precursor model fitted here, and the weights that ship."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mined_reactions import REACTIONS, operation, raw

from matsmith.core.errors import DataError, SpecError
from matsmith.knowledge.synthesis.mined import clean
from matsmith.models.predictors.compositions import FOLDS, composition_key, gather
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.synthesis.entries import PRECURSORS, STEPS
from matsmith.models.predictors.synthesis.precursor_file import load_precursors, save_precursors
from matsmith.models.predictors.synthesis.precursor_names import kind_shares, precursor_key, source_elements
from matsmith.models.predictors.synthesis.precursor_training import (
    fit_precursors,
    pairs_together,
    precursor_examples,
)
from matsmith.models.predictors.synthesis.precursors import features_of
from matsmith.models.predictors.synthesis.predicting import all_here, predict_synthesis
from matsmith.models.predictors.synthesis.rows import Rows, rows_of
from matsmith.models.predictors.synthesis.training import step_table
from matsmith.models.predictors.synthesis.unlabelled import ANIONS, shuffled

shipped = pytest.mark.skipif(not all_here(), reason="the weights are not here")


def made_rows(count: int = 60) -> Rows:
    """Titanates and zirconates from carbonates and oxides, nitrates for half of them."""
    reactions: list[dict[str, object]] = []
    for place in range(count):
        a, b = ("Ba", "Sr", "Ca")[place % 3], ("Ti", "Zr")[place // 3 % 2]
        amount = 1.0 + place / 100
        salt = f"{a}CO3" if b == "Ti" else f"{a}(NO3)2"
        step = operation("calcined", temperature=1000.0 + place, time=2.0)
        reactions.append(raw(f"{a}{amount:.2f}{b}O3", [salt, f"{b}O2"], step, doi=f"10.1/{place}"))
    return rows_of(clean(reactions, route="solid state").reactions)


def test_a_series_and_a_formula_lie_in_one_fold() -> None:
    rows = rows_of(clean(REACTIONS, route="solid state").reactions)
    by_key: dict[str, set[int]] = {}
    by_paper: dict[str, set[int]] = {}
    for row, fold in zip(rows.rows, rows.folds.tolist(), strict=True):
        by_key.setdefault(row.key, set()).add(fold)
        by_paper.setdefault(row.reaction.doi, set()).add(fold)
    assert all(len(folds) == 1 for folds in by_key.values())
    assert len(by_paper["10.1016/j.made.2013.01.004"]) == 1
    assert set(rows.folds.tolist()) <= set(range(FOLDS))


def test_spellings_and_water_do_not_tell_precursors_apart() -> None:
    assert precursor_key("Fe(NO3)3·9H2O") == precursor_key("FeN3O9")
    assert precursor_key("citric acid") == ""
    assert source_elements({"Li": 1, "P": 1, "O": 4, "N": 1}) == ("Li", "P")
    shares = kind_shares(["Ba(NO3)2", "SrCO3", "TiO2", "Fe(NO3)3·9H2O"])
    assert (shares["nitrate"], shares["carbonate"], shares["hydrate"], shares["number"]) == (
        0.5,
        0.25,
        0.25,
        4.0,
    )


_FORMULA = st.dictionaries(
    st.sampled_from(["Ba", "Ti", "La", "Mn", "O", "F", "S", "Li"]), st.integers(1, 9), min_size=2
)


@settings(max_examples=30, deadline=None)
@given(st.lists(_FORMULA, min_size=3, max_size=30), st.integers(0, 99))
def test_exchanged_compositions_keep_amounts_and_roles(published: list[dict[str, int]], seed: int) -> None:
    known = {composition_key({s: float(n) for s, n in one.items()}) for one in published}
    drawn = shuffled([{s: float(n) for s, n in one.items()} for one in published], known=known, seed=seed)
    amounts = Counter(tuple(sorted(one.values())) for one in published)
    for one in drawn:
        assert composition_key(one) not in known
        assert tuple(sorted(one.values())) in amounts
        assert len(one) == len(set(one)) > 1
    used = {symbol for one in drawn for symbol in one}
    assert used <= {symbol for one in published for symbol in one}
    assert all(any(set(one) & ANIONS for one in published) for one in drawn if set(one) & ANIONS)


def test_popularity_stays_where_nothing_is_spoilt() -> None:
    published = [{"Ba": 1.0, "O": 3.0}, {"Li": 1.0, "F": 2.0}, {"Na": 5.0, "S": 3.0}]
    drawn = shuffled(published, known=(), seed=1)
    assert Counter(s for one in drawn for s in one) == Counter(s for one in published for s in one)


def test_a_small_precursor_model_learns_its_rows_and_is_read_again(tmp_path: Path) -> None:
    rows = made_rows()
    examples = precursor_examples(rows.rows)
    model, features = fit_precursors(rows, examples, epochs=60, work=tmp_path / "work")
    folds = rows.folds[np.array(examples.places)]
    pairs = pairs_together(model, examples, features=features, folds=folds)
    assert pairs.shape == (len(model.keys), len(model.keys))
    assert np.allclose(pairs, pairs.T, atol=1e-5)
    target = {"Ba": 0.2, "Ti": 0.2, "O": 0.6}
    compositions = gather([target])
    own = features_of(
        compositions, descriptors(compositions), centre=model.centre, spread=model.spread, sol_gel=np.zeros(1)
    )
    found = model.sets(target, [(1.0, model.log_shares(own)[0])], count=5)
    assert found[0].precursors == ("BaCO3", "TiO2")
    assert 0.5 < sum(one.share for one in found) <= 1.0 + 1e-9
    # A finished fold is not fitted again, and the same call gives the same model.
    again, _ = fit_precursors(rows, examples, epochs=60, work=tmp_path / "work")
    assert np.array_equal(again.members[0]["w0"], model.members[0]["w0"])
    path = tmp_path / "precursors.safetensors"
    save_precursors(model, path)
    read = load_precursors(path)
    assert np.allclose(read.log_shares(own), model.log_shares(own))
    assert np.array_equal(read.known, model.known)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged or changed"):
        load_precursors(path)
    with pytest.raises(DataError, match="missing"):
        load_precursors(tmp_path / "absent.safetensors")


def test_an_element_without_precursor_gives_no_set(tmp_path: Path) -> None:
    rows = made_rows(30)
    model, _ = fit_precursors(rows, precursor_examples(rows.rows), epochs=1, work=tmp_path)
    assert model.sets({"U": 0.5, "O": 0.5}, [(1.0, np.zeros(len(model.keys)))], count=5) == []


def test_step_tables_hold_kelvin_and_logarithms() -> None:
    rows = made_rows(6)
    table, conditions = step_table(rows, "calcination_temperature")
    assert table.values.min() == pytest.approx(1273.15)
    assert conditions.shape[0] == len(table)
    times, _ = step_table(rows, "calcination_time")
    assert times.targets == pytest.approx(np.log10(2.0))


@shipped
def test_known_chemistry() -> None:
    found = predict_synthesis("BaTiO3", route="solid state")
    assert set(found.precursors[0].precursors) == {"BaCO3", "TiO2"}
    assert found.resemblance.resembles
    assert 1100 < found.steps["calcination_temperature"].value < 1600
    for name, (_, entry) in STEPS.items():
        step = found.steps[name]
        assert step.unit == entry.unit
        assert step.low90 < step.value < step.high90
        assert step.sigma > 0
    # Sol-gel powders are calcined colder.
    wet = predict_synthesis("BaTiO3", route="sol-gel").steps["calcination_temperature"]
    assert wet.value < found.steps["calcination_temperature"].value
    strange = predict_synthesis("XeAuF19")
    assert strange.resemblance.score < found.resemblance.score


@shipped
def test_shares_are_shares_and_sets_bring_every_element() -> None:
    for formula in ("Li7La3Zr2O12", "LiFePO4", "YBa2Cu3O7", "Na0.5Bi0.5TiO3", "LiNi0.8Mn0.1Co0.1O2"):
        found = predict_synthesis(formula)
        assert found.precursors
        assert sum(one.share for one in found.precursors) <= 1.0 + 1e-9
        shares = [one.share for one in found.precursors]
        assert shares == sorted(shares, reverse=True)
        assert 0.0 <= found.sol_gel_share <= 1.0


@shipped
@pytest.mark.parametrize("formula", ["", "Hello", "LixCoO2", "OgO", "C601H1400"])
def test_bad_formulas_are_refused(formula: str) -> None:
    with pytest.raises(SpecError) as caught:
        predict_synthesis(formula)
    assert caught.value.hint


@shipped
def test_all_weights_are_small() -> None:
    folder = PRECURSORS.parent
    assert sum(path.stat().st_size for path in folder.glob("*.safetensors")) < 5e6
    for path in folder.glob("*.safetensors"):
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        assert "Kononova" in card
        assert "Not for" in card
