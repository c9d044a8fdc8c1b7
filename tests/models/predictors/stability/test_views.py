"""The views and the stack by themselves: configurations as measured, the network without torch as with it, the logistic model by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors.compositions import gather, read_formula
from matsmith.models.predictors.evaluation import area_under_curve
from matsmith.models.predictors.stability.electron_configuration import (
    configuration,
    configuration_descriptors,
    configuration_names,
)
from matsmith.models.predictors.stability.interaction_network import InteractionNetwork
from matsmith.models.predictors.stability.network_training import NetworkSettings, Tasks, train_network
from matsmith.models.predictors.stability.stacking import calibration_error, crossed, fitted_logistic

METALS = ("Li", "Na", "K", "Mg", "Ca", "Ti", "Fe", "Ni", "Cu", "Zn")


def test_configurations_are_those_of_the_tables() -> None:
    from pymatgen.core import Element

    for number in range(1, 98):
        known = {
            f"{n}{kind}": count
            for n, kind, count in Element.from_Z(number).full_electronic_structure
            if count
        }
        own = {name: count for name, count in configuration(SYMBOLS[number - 1]).items() if count}
        assert own == known, SYMBOLS[number - 1]


def test_descriptors_of_configurations_by_hand() -> None:
    (found,) = configuration_descriptors(gather([read_formula("NaCl")]))
    by_name = dict(zip(configuration_names(), found, strict=True))
    assert by_name["mean 3s"] == pytest.approx(1.5)
    assert by_name["highest 3p"] == 5
    assert by_name["lowest 3p"] == 0
    assert by_name["deviation 3s"] == pytest.approx(0.5)
    assert by_name["share of p subshells filled"] == pytest.approx(0.5 * 5 / 6)


def _made() -> tuple[list[str], np.ndarray]:
    formulas = [f"{a}{n}{b}{m}" for a in METALS for b in ("O", "S", "Cl") for n in (1, 2) for m in (1, 3)]
    chosen = np.array([float(("O" in f or "Cl" in f) and f[:2] not in ("Fe", "Ni", "Cu")) for f in formulas])
    return formulas, chosen


def test_the_network_learns_is_resumed_and_runs_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    formulas, chosen = _made()
    compositions = gather([read_formula(formula) for formula in formulas])
    values = np.where(np.arange(len(formulas)) % 2, 3.0 + chosen, np.nan)
    tasks = Tasks(("yes", "value"), (True, False), (1.0, 0.5), np.stack([chosen, values], axis=1))
    settings = NetworkSettings(width=16, epochs=60, batch=32, average=0.9, dropout=0.0)
    told: list[str] = []
    _, begun = train_network(compositions, tasks, settings=settings, work=tmp_path, minutes=0.002)
    assert 0.0 < begun < 1.0
    network, done = train_network(compositions, tasks, settings=settings, work=tmp_path, say=told.append)
    assert done == 1.0
    found = network.predict(compositions)
    assert area_under_curve(chosen > 0.5, found[:, 0]) > 0.97
    assert np.abs(found[:, 1] - (3.0 + chosen)).mean() < 0.25
    before = len(told)
    again, _ = train_network(compositions, tasks, settings=settings, work=tmp_path, say=told.append)
    assert len(told) == before, "the second call finds the work done"
    assert again.predict(compositions) == pytest.approx(found, abs=1e-5)
    (kept,) = tmp_path.glob("network-*.safetensors")
    kept.write_bytes(b"half")
    repeated, _ = train_network(compositions, tasks, settings=settings, work=tmp_path, say=told.append)
    assert repeated.predict(compositions) == pytest.approx(found, abs=0.5)


def test_the_order_of_elements_and_empty_places_change_nothing() -> None:
    random = np.random.default_rng(0)
    from matsmith.models.predictors.stability.interaction_network import shapes

    arrays = {
        name: random.normal(size=shape).astype(np.float32) * 0.3
        for name, shape in shapes(width=8, layers=2, tasks=2).items()
    }
    network = InteractionNetwork(arrays=arrays, tasks=("a", "b"), layers=2)
    one = network.predict(gather([read_formula("BaTiO3")]))
    other = network.predict(gather([read_formula("O6Ti2Ba2"), read_formula("Li7La3Zr2O12")]))[:1]
    assert other == pytest.approx(one, abs=1e-5)
    assert network.predict(gather([read_formula("BaTi2O3")])) != pytest.approx(one, abs=1e-3)


def test_the_logistic_model_finds_what_made_the_data() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(size=(20_000, 2))
    truth = random.random(20_000) < 1 / (1 + np.exp(-(-1.0 + 2.0 * logits[:, 0])))
    assert fitted_logistic(logits, truth) == pytest.approx([-1.0, 2.0, 0.0], abs=0.1)
    keys = [str(row) for row in range(len(truth))]
    held = crossed(logits, truth, keys=keys)
    assert calibration_error(1 / (1 + np.exp(-held)), truth) < 0.02
    assert calibration_error(np.full(len(truth), 0.9), truth) > 0.4
