"""The structure predictor on made crystals: invariances, learning from structure and condition, physics in the loss, resuming, refusals."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matsmith.core.errors import DataError, UsageError
from matsmith.models.diffusion.data_format import CrystalTable, save_table
from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.predictors.compositions import fold_of
from matsmith.models.predictors.structure.model import load_structure_model
from matsmith.models.predictors.structure.table import (
    StructureTable,
    head_of,
    key_of,
    read_structure_table,
    structure_column,
)

torch = pytest.importorskip("torch")

from matsmith.models.predictors.structure.network import (  # noqa: E402
    StructureNetwork,
    StructureSettings,
    graphs_of,
    tensors_of,
)
from matsmith.models.predictors.structure.train import Physics, train_structures  # noqa: E402

SETTINGS = StructureSettings(width=16, layers=2, batch=32, steps=180, learning_rate=1e-2, average=0.9)
FACTS = {
    "property": "gap",
    "title": "made gap",
    "unit": "eV",
    "of": "made",
    "table": "made.csv",
    "citation": "made",
}


def caesium_chloride(first: int, second: int, *, a: float) -> CrystalArrays:
    return CrystalArrays(
        numbers=np.array([first, second]),
        frac_coords=np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]),
        lattice_angstrom=a * np.eye(3),
    )


def made(*, noise: float = 0.0) -> StructureTable:
    """Values that follow from the cell's edge, which the composition does not tell, and fall with temperature."""
    random = np.random.default_rng(0)
    crystals: list[CrystalArrays] = []
    values: list[float] = []
    temperatures: list[float] = []
    folds: list[int] = []
    for place in range(240):
        pair = place % 40
        edge, temperature = 3.2 + 1.2 * random.random(), 100.0 + 900.0 * random.random()
        crystals.append(caesium_chloride(11 + pair % 8, 21 + pair // 8, a=edge))
        values.append(2.0 + 2.0 * (edge - 3.2) - 1.0e-3 * temperature + noise * random.normal())
        temperatures.append(temperature)
        folds.append(pair % 5)
    return StructureTable(
        crystals=crystals,
        values=np.array(values),
        conditions=np.array(temperatures)[:, None],
        condition_names=("temperature_k",),
        folds=np.array(folds),
        skipped={},
    )


def test_turning_shifting_and_repeating_the_cell_changes_nothing() -> None:
    torch.manual_seed(0)
    network = StructureNetwork(replace(SETTINGS, conditions=1)).eval()
    crystal = CrystalArrays(
        numbers=np.array([56, 22, 8, 8, 8]),
        frac_coords=np.array(
            [[0, 0, 0], [0.5, 0.5, 0.53], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
        ),
        lattice_angstrom=np.diag([3.99, 3.99, 4.04]),
    )
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turned = replace(crystal, lattice_angstrom=crystal.lattice_angstrom @ turn)
    shifted = replace(crystal, frac_coords=crystal.frac_coords + np.array([0.3, -0.2, 7.1]))
    twice = CrystalArrays(
        numbers=np.tile(crystal.numbers, 2),
        frac_coords=np.concatenate([crystal.frac_coords * [0.5, 1, 1], crystal.frac_coords * [0.5, 1, 1] + [0.5, 0, 0]]),
        lattice_angstrom=np.diag([2 * 3.99, 3.99, 4.04]),
    )  # fmt: skip
    graphs = graphs_of([crystal, turned, shifted, twice], cutoff_angstrom=5.0)
    with torch.inference_mode():
        values, _ = network(tensors_of(graphs, [0, 1, 2, 3]), torch.full((4, 1), 0.7))
        alone, _ = network(tensors_of(graphs, [3]), torch.full((1, 1), 0.7))
        other, _ = network(tensors_of(graphs, [0]), torch.full((1, 1), float("nan")))
    assert values.numpy() == pytest.approx(float(values[0]), abs=1e-4)
    assert float(alone[0]) == pytest.approx(float(values[3]), abs=1e-5)
    assert float(other[0]) != pytest.approx(float(values[0]), abs=1e-5), (
        "an unknown condition is not the mean one"
    )


def test_it_learns_what_the_formula_does_not_tell_and_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "gap.safetensors"
    table = made()
    model = train_structures(table, path=path, work=tmp_path / "work", facts=FACTS, settings=SETTINGS)
    assert model.card["error"] < 0.35 * model.card["error_of_the_median"]
    assert 0.75 < model.card["coverage"]["0.9"] <= 1.0
    read = load_structure_model(path)
    crystals = [caesium_chloride(12, 23, a=3.4), caesium_chloride(12, 23, a=4.2)]
    short, long = read.predict(crystals, conditions={"temperature_k": 300.0})
    assert short.value + 0.8 < long.value
    assert short.low90 < short.value < short.high90
    assert short.in_domain
    assert short.sigma < 0.5 * (short.high90 - short.low90)
    again = model.predict(crystals, conditions={"temperature_k": 300.0})
    assert [one.value for one in again] == pytest.approx([short.value, long.value], abs=1e-5)
    hot = read.predict(crystals, conditions={"temperature_k": 900.0})
    assert hot[0].value < short.value - 0.2
    (far,) = read.predict([caesium_chloride(92, 2, a=6.0)])
    assert not far.in_domain
    assert "U" in far.outside_because or "He" in far.outside_because
    assert far.high90 - far.low90 >= short.high90 - short.low90
    assert "made gap" in path.with_suffix(".md").read_text().lower()
    with pytest.raises(UsageError, match="pressure"):
        read.predict(crystals, conditions={"pressure_gpa": 1.0})
    (kept,) = (tmp_path / "work").glob("network-*.safetensors")
    before = kept.stat().st_mtime_ns
    repeated = train_structures(table, path=path, work=tmp_path / "work", facts=FACTS, settings=SETTINGS)
    assert kept.stat().st_mtime_ns == before, "the second call finds the fit done"
    assert repeated.card["error"] == pytest.approx(model.card["error"], rel=1e-4)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError):
        load_structure_model(path)


def test_physics_in_the_loss_holds_where_noise_says_otherwise(tmp_path: Path) -> None:
    table = made()
    table = replace(
        table, values=table.values + 2.5e-3 * table.conditions[:, 0]
    )  # it rises now: the opposite is demanded
    settings = replace(SETTINGS, steps=60)
    crystal = [caesium_chloride(12, 23, a=3.8)]
    rises: list[float] = []
    for physics in (Physics(), Physics(monotonic=(("temperature_k", -1),))):
        model = train_structures(table, path=tmp_path / "a.safetensors", work=tmp_path, facts=FACTS, settings=settings, physics=physics)  # fmt: skip
        cold, hot = (model.predict(crystal, conditions={"temperature_k": t})[0].value for t in (200.0, 900.0))
        rises.append(hot - cold)
    assert rises[0] > 0.4
    assert rises[1] < 0.35 * rises[0]


def test_bounds_cut_predictions_and_must_fit_the_table(tmp_path: Path) -> None:
    table = made()
    low = float(table.values.min())
    settings = replace(SETTINGS, steps=5)
    model = train_structures(table, path=tmp_path / "a.safetensors", work=tmp_path, facts=FACTS, settings=settings, physics=Physics(low=low))  # fmt: skip
    (found,) = model.predict([caesium_chloride(12, 23, a=2.9)])
    assert found.low90 >= low
    with pytest.raises(UsageError, match="beyond"):
        Physics(low=3.0).check(table)
    with pytest.raises(UsageError, match="pressure"):
        Physics(monotonic=(("pressure_gpa", 1),)).check(table)


_CIF = """data_a
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {a}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_type_symbol
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{first} {first}1 0 0 0
{second} {second}1 0.5 0.5 0.5
"""


def test_tables_are_read_and_bad_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pairs = [(first, second) for first in ("Na", "K", "Rb", "Cs", "Li", "Ag", "Tl", "Cu") for second in ("F", "Cl", "Br", "I", "O", "S", "Se", "Te")]  # fmt: skip
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["cif", "gap_ev", "temperature_k"])
        for place, (first, second) in enumerate(pairs):
            writer.writerow([_CIF.format(a=4.0, first=first, second=second), 1.0 + 0.01 * place, 300])
        writer.writerow(["nonsense", 1.0, 300])
        writer.writerow([_CIF.format(a=4.0, first="Na", second="Cl"), "", 300])
    assert structure_column(["formula", "CIF"]) == "CIF"
    assert structure_column(["formula", "value"]) is None
    table = read_structure_table(path, column="gap_ev", conditions=["temperature_k"])
    assert len(table) == len(pairs)
    assert table.skipped == {"unreadable": 1, "no value": 1}
    assert (table.conditions == 300.0).all()
    assert sorted(table.crystals[1].numbers.tolist()) == [11, 17]
    for arguments, words in (({"column": "heat"}, "heat"), ({"column": "gap_ev", "conditions": ["pressure"]}, "pressure")):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            read_structure_table(path, **arguments)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="at least"):
        read_structure_table(path, column="gap_ev", limit=5)
    with pytest.raises(UsageError, match="no table"):
        read_structure_table(tmp_path / "absent.csv", column="gap_ev")


def test_a_file_of_crystals_is_a_table(tmp_path: Path) -> None:
    own = made()
    count = len(own)
    stored = CrystalTable(
        counts=np.full(count, 2),
        numbers=np.concatenate([one.numbers for one in own.crystals]),
        frac=np.concatenate([one.frac_coords for one in own.crystals]).astype(np.float32),
        lattice=np.stack([one.lattice_angstrom for one in own.crystals]).astype(np.float32),
        formulas=["AB"] * count,
        names=[f"made {place}" for place in range(count)],
        split=np.zeros(count, dtype=np.uint8),
        properties={"gap_ev": np.where(np.arange(count) == 3, np.nan, own.values).astype(np.float32)},
    )
    path = tmp_path / "made.npz"
    save_table(stored, path)
    assert structure_column(head_of(path)) == "structure"
    table = read_structure_table(path, column="gap_ev")
    assert table.skipped == {"no value": 1}
    assert len(table) == count - 1
    assert table.values[5] == pytest.approx(own.values[6], abs=1e-5)
    assert table.crystals[5].numbers.tolist() == own.crystals[6].numbers.tolist()
    assert table.crystals[5].lattice_angstrom == pytest.approx(own.crystals[6].lattice_angstrom, abs=1e-5)
    assert table.folds[5] == fold_of(key_of(own.crystals[6]))
    with pytest.raises(UsageError, match="heat"):
        read_structure_table(path, column="heat")
