"""Networks over element embeddings: they learn from tables together, are resumed, run without torch, and damaged files are refused."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.errors import DataError
from matsmith.models.predictors import library, neural_training, train
from matsmith.models.predictors.compositions import FOLDS, composition_key, fold_of, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.evaluation import left_out_intervals
from matsmith.models.predictors.neural import Networks, load_networks, networks_at, save_networks
from matsmith.models.predictors.stability.interaction_network import InteractionNetwork, shapes
from matsmith.models.predictors.targets import PREDICTED
from matsmith.models.predictors.training_table import read_training_table
from matsmith.models.predictors.tree_fits import Boosting

METALS = ("Li", "Na", "K", "Mg", "Ca", "Ti", "Fe", "Ni", "Cu", "Zn", "Al", "Ga")
ANIONS = ("O", "S", "F", "Cl", "N")
_SIZE = {"O": 1.0, "S": 0.4, "F": 1.4, "Cl": 0.7, "N": 0.2}


def random_networks(tasks: tuple[str, ...] = ("bulk_modulus",)) -> Networks:
    random = np.random.default_rng(0)
    count = descriptors(gather([read_formula("NaCl")])).shape[1]
    members = tuple(
        InteractionNetwork(
            arrays={
                name: (0.2 * random.normal(size=shape)).astype(np.float16).astype(np.float32)
                for name, shape in shapes(width=8, layers=2, tasks=len(tasks), descriptors=count).items()
            },
            tasks=tasks,
            layers=2,
        )
        for _ in range(FOLDS)
    )
    zeros, ones = np.zeros(count, dtype=np.float32), np.ones(count, dtype=np.float32)
    return Networks(members=members, centre=zeros, spread=ones)


def write_tables(folder: Path) -> None:
    """All tables, small; two of them hold what follows from the formula, the others hardly anything."""
    pairs: list[tuple[str, float]] = []
    for metal in METALS:
        for other in METALS[: METALS.index(metal) : 2]:
            for anion in ANIONS:
                pairs.append((f"{metal}2{other}{anion}3", _SIZE[anion] * (1 + METALS.index(metal) / 12)))
    for name, entry in PREDICTED.items():
        rows = pairs if name in ("formation_energy", "bulk_modulus") else pairs[::40]
        sign = -1.0 if name == "formation_energy" else 1.0
        values = [round(value) % 2 if entry.scale == "probability" else sign * value for _, value in rows]
        text = f"formula,{entry.column}\n" + "".join(
            f"{formula},{value:.4f}\n" for (formula, _), value in zip(rows, values, strict=True)
        )
        (folder / f"{entry.table}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def _quick(formulas: int, *, absolute_loss: bool) -> Boosting:
    del formulas, absolute_loss
    return Boosting(40, 0.1, 8, 5)


def test_they_learn_are_resumed_and_stacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    write_tables(tmp_path)
    weights = tmp_path / "weights"
    monkeypatch.setattr(library, "WEIGHTS", weights)
    arguments = ["--data", str(tmp_path), "--work", str(tmp_path / "work"), "--out", str(library.networks_path()),
                 "--epochs", "16", "--width", "16", "--others", "64"]  # fmt: skip
    settings = neural_training.replace(neural_training.SETTINGS, batch=64, average=0.95)
    monkeypatch.setattr(neural_training, "SETTINGS", settings)
    assert neural_training.main([*arguments, "--minutes", "0.001"]) == 0
    assert not library.networks_path().exists(), "what is not complete is not shipped"
    assert neural_training.main(arguments) == 0
    found = networks_at(library.networks_path())
    table = read_training_table(tmp_path, PREDICTED["bulk_modulus"])
    columns = descriptors(table.compositions)
    place = found.tasks.index("bulk_modulus")
    held = found.left_out(table.compositions, columns, table.folds)[:, place]
    usual = np.abs(table.targets - np.median(table.targets)).mean()
    off = np.abs(held - table.targets).mean()
    assert off < 0.35 * usual
    seen = found.predict(table.compositions, columns)[:, :, place]
    assert np.abs(seen.mean(axis=1) - table.targets).mean() < off, (
        "known formulas are closer than left-out ones"
    )

    monkeypatch.setattr(train.Boosting, "for_size", _quick)
    own = ["--data", str(tmp_path), "--work", str(tmp_path / "fits")]
    assert train.main([*own, "--property", "formation_energy"]) == 0
    card = library.model_of("formation_energy").card
    parts = (card["errors_of_trees"]["formulas"], card["errors_of_networks"]["formulas"])
    assert card["errors"]["formulas"] <= 1.05 * min(parts)
    assert card["coverage"]["0.9"] == pytest.approx(0.9, abs=0.06)
    text = library.weights_path("formation_energy").with_suffix(".md").read_text()
    assert "networks alone" in text
    table = read_training_table(tmp_path, PREDICTED["formation_energy"])
    intervals = left_out_intervals(library.model_of("formation_energy"), table)
    assert np.abs(intervals.middle - table.targets).mean() == pytest.approx(card["errors"]["formulas"])
    first = library.predicted("formation_energy", "Na2TiO3")
    assert "networks" in first.method

    def no_fit(*_args: object, **_options: object) -> object:
        raise AssertionError("the trees that lie there are kept")

    monkeypatch.setattr(train, "_folds", _refusing(train._folds, no_fit))  # pyright: ignore[reportPrivateUsage]
    assert train.main([*own, "--property", "formation_energy", "--restack"]) == 0
    assert library.predicted("formation_energy", "Na2TiO3").value == pytest.approx(first.value)


def _refusing(honest: object, refuse: object) -> object:
    """Fits of the error model as they are, fits of values refused."""

    def chosen(folder: Path, *args: object, **options: object) -> object:
        which = honest if folder.name.startswith("error") else refuse
        return which(folder, *args, **options)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]

    return chosen


def test_no_network_sees_its_fold(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write_tables(tmp_path)
    union = neural_training.read_union(tmp_path)
    settings = neural_training.replace(neural_training.SETTINGS, epochs=2, batch=64, width=8)
    assert all(
        fold == fold_of(composition_key(parts))
        for fold, parts in zip(
            union.folds.tolist(), neural_training.element_symbols(union.compositions), strict=True
        )
    )
    changed = neural_training.replace(
        union, targets=np.where((union.folds == 1)[:, None], union.targets + 7.0, union.targets)
    )
    arrays = [
        neural_training.train_fold(
            one, one.columns * 0.0, fold=1, work=tmp_path / str(place), settings=settings, others=64
        )[0].arrays
        for place, one in enumerate((union, changed))
    ]
    for name, array in arrays[0].items():
        assert np.array_equal(array, arrays[1][name]), name


def test_every_row_of_a_small_table_is_taken_once_an_epoch() -> None:
    small = np.arange(500) < 130
    count = np.random.default_rng(0).integers(1, 5, size=500)
    settings = neural_training.replace(neural_training.SETTINGS, epochs=3, batch=32)
    order = neural_training._order(small, count=count, others=70, settings=settings)  # pyright: ignore[reportPrivateUsage]
    assert len(order) % 32 == 0
    assert (np.bincount(order, minlength=500)[:130] == 3).all()
    assert 0 < (np.bincount(order, minlength=500)[130:] > 0).sum() < 370


def test_saved_and_read_again_they_say_the_same(tmp_path: Path) -> None:
    networks = random_networks()
    compositions = gather([read_formula(text) for text in ("NaCl", "BaTiO3", "Li7La3Zr2O12", "Fe")])
    columns = descriptors(compositions)
    save_networks(networks, tmp_path / "networks.safetensors")
    again = load_networks(tmp_path / "networks.safetensors")
    assert again.predict(compositions, columns) == pytest.approx(
        networks.predict(compositions, columns), abs=1e-6
    )
    one = again.predict(compositions.part(slice(1, 2)), columns[1:2])
    assert one == pytest.approx(again.predict(compositions, columns)[1:2], abs=1e-5)
    assert again.sha256


def test_a_fold_without_a_network_is_left_to_the_trees(tmp_path: Path) -> None:
    whole = random_networks()
    part = neural_training.replace(whole, members=(whole.members[0], None, whole.members[2], None, None))
    save_networks(part, tmp_path / "networks.safetensors")
    again = load_networks(tmp_path / "networks.safetensors")
    assert again.folds == (0, 2)
    compositions = gather([read_formula("NaCl"), read_formula("MgO")])
    found = again.predict(compositions, descriptors(compositions))
    assert found[:, [1, 3, 4]] == pytest.approx(0.0)
    assert found[:, 2] == pytest.approx(
        whole.predict(compositions, descriptors(compositions))[:, 2], abs=1e-6
    )


@pytest.mark.parametrize("damage", ["cut", "number", "foreign", "gone", "member"])
def test_damaged_networks_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "networks.safetensors"
    sha256 = save_networks(random_networks(), path)
    card = json.dumps({"tasks": ["bulk_modulus"], "layers": 2, "folds": [0, 1, 2, 3, 4]}, sort_keys=True)
    header = {"format": "matsmith-composition-networks", "version": "1", "card": card, "sha256": sha256}
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "gone":
        path.unlink()
    elif damage == "foreign":
        save_file({"a": np.zeros(3)}, path, {"format": "other"})
    else:
        arrays = load_file(path)
        if damage == "number":
            arrays["2.out_bias"] = arrays["2.out_bias"] + np.float16(1.0)
        else:
            arrays = {name: array for name, array in arrays.items() if not name.startswith("3.")}
        save_file(arrays, path, header)
    with pytest.raises(DataError) as caught:
        load_networks(path)
    assert caught.value.hint


def test_shipped_models_are_stacked_and_refuse_other_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not library.networks_path().is_file():
        pytest.skip("no networks ship")
    name = next(name for name in library.shipped() if library.model_of(name).stack is not None)
    for other in {name, "formation_energy", "computed_band_gap"}:
        shutil.copy(library.weights_path(other), tmp_path)
    monkeypatch.setattr(library, "WEIGHTS", tmp_path)
    with pytest.raises(DataError, match="networks"):
        library.predicted(name, "MgO")
    save_networks(random_networks((name,)), tmp_path / "networks.safetensors")
    with pytest.raises(DataError, match="other networks"):
        library.predicted(name, "MgO")


def test_predicting_needs_no_torch() -> None:
    code = (
        "import sys; from matsmith.models.predictors.library import predicted; predicted('bulk_modulus', 'MgO');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
