"""A gap is 0 where a metal is likelier than not: by hand, in a model trained on a made table, and in its explanation's parts."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors.compositions import Compositions, FloatArray, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors, element_table
from matsmith.models.predictors.evaluation import left_out, left_out_chance
from matsmith.models.predictors.explanation import METAL, explain
from matsmith.models.predictors.library import predict_formulas
from matsmith.models.predictors.model import gapless, load_model
from matsmith.models.predictors.targets import PREDICTED
from matsmith.models.predictors.train import fit_table
from matsmith.models.predictors.training_table import TrainingTable, read_training_table
from matsmith.models.predictors.tree_fits import Boosting
from matsmith.models.predictors.trees import encode

ENTRY = PREDICTED["measured_band_gap"]
METALS = ("Li", "Mg", "Ca", "Ti", "Fe", "Ni", "Cu", "Zn", "Al", "Ga")
ANIONS = ("O", "S", "F", "Te")


def made(folder: Path) -> TrainingTable:
    """Alloys without a gap, and compounds whose gap follows the step in electronegativity; a tenth of these are metals by chance."""
    values = element_table().values[:, element_table().columns.index("electronegativity")]
    random = np.random.default_rng(4)
    lines = ["formula,band_gap_eV"]
    for metal in METALS:
        for other in METALS:
            lines += [f"{metal}{other}{count},0.0" for count in (2, 3) if metal != other]
            for anion in ANIONS:
                step = values[SYMBOLS.index(anion)] - 0.5 * sum(
                    values[SYMBOLS.index(one)] for one in (metal, other)
                )
                gap = 0.0 if random.random() < 0.1 else max(0.3, 2.0 * step + 0.2 * random.normal())
                lines.append(
                    f"{metal}2{other}{anion}3,{gap:.3f}" if metal != other else f"{metal}{anion},{gap:.3f}"
                )
    (folder / f"{ENTRY.table}.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return read_training_table(folder, ENTRY)


def nothing(name: str, compositions: Compositions, columns: NDArray[np.float32]) -> FloatArray:
    del name, columns
    return np.zeros(len(compositions))


def test_the_middle_of_what_may_be() -> None:
    said = np.array([0.4, 0.4, 1.0])
    assert gapless(said, np.array([0.6, 0.4, 0.5])).tolist() == [0.0, 0.4, 1.0]
    assert gapless(said, None) is said


def test_metals_are_told_and_the_error_does_not_grow(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    table = made(tmp_path)
    path = tmp_path / "gap.safetensors"
    settings = Boosting(60, 0.1, 8, 5, loss="absolute_error")
    model = fit_table(ENTRY, table, work=tmp_path / "work", path=path, helper=nothing, settings=settings)
    again = load_model(path, entry=ENTRY)
    columns = descriptors(table.compositions)
    codes = encode(model.columns(table.compositions, columns, helper=nothing), model.cuts)
    trees, chance = left_out(model, codes, table.folds), left_out_chance(model, codes, table.folds)
    assert chance is not None
    error = float(np.abs(gapless(trees, chance) - table.targets).mean())
    assert model.card["errors"]["formulas"] == pytest.approx(error)
    assert error < 1.02 * float(np.abs(np.maximum(trees, 0.0) - table.targets).mean())
    metals = table.targets == 0.0
    assert (gapless(trees, chance)[metals] == 0.0).mean() > 0.8
    assert (np.maximum(trees, 0.0)[metals] == 0.0).mean() < 0.5, "trees alone never say none at all"
    assert model.card["coverage"]["0.9"] > 0.85
    assert "likelier than not" in path.with_suffix(".md").read_text()

    asked = gather([read_formula(formula) for formula in ("FeNi", "MgO")])
    found = again.predict(asked, descriptors(asked), helper=nothing)
    assert found.chance_of_metal is not None
    assert found.chance_of_metal[0] > 0.5 > found.chance_of_metal[1]
    assert found.value[0] == 0.0
    assert found.value[1] > 1.0
    assert (found.sigma > 0).all(), "nothing is known without a doubt"


def test_an_explanation_names_it() -> None:
    """Of the weights that ship, on formulas whose gaps stand in every textbook: metals are told as such, and the parts of an explanation say why."""
    metal, oxide = explain("measured_band_gap", ["Cu3Au", "MgO"])
    assert metal.prediction.value == 0.0
    assert metal.prediction.sigma > 0
    parts = {part.name: part for part in metal.descriptors}
    assert parts[METAL].value > 0.5
    assert metal.base + sum(part.added for part in metal.descriptors) == pytest.approx(0.0, abs=1e-6)
    assert {part.name: part.added for part in oxide.descriptors}[METAL] == 0.0


def test_an_insulator_that_the_table_calls_a_metal_is_out_of_the_domain() -> None:
    both = predict_formulas(["measured_band_gap"], ["LiFePO4", "FeAl"])
    oxide, alloy = (row["measured_band_gap"] for row in both)
    assert oxide.value == alloy.value == 0.0
    assert not oxide.in_domain
    assert "open d or f shell" in oxide.outside_because
    assert alloy.in_domain
