"""Training on a made table: learns, is resumed without a second fit, keeps formulas apart, holds its coverage; bad tables are told."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, UsageError
from matsmith.models.predictors import library, train
from matsmith.models.predictors.compositions import read_formula
from matsmith.models.predictors.descriptors import element_table
from matsmith.models.predictors.evaluation import area_under_curve, left_out_intervals
from matsmith.models.predictors.targets import PREDICTED
from matsmith.models.predictors.training_table import read_training_table

ENTRY = PREDICTED["formation_energy"]
METALS = ("Li", "Na", "K", "Mg", "Ca", "Ti", "Fe", "Ni", "Cu", "Zn", "Al", "Ga")
ANIONS = ("O", "S", "F", "Cl", "N")


def write(folder: Path, lines: list[str], *, column: str = "formation_energy_eV_per_atom") -> None:
    text = "\n".join([f"formula,{column}", *lines]) + "\n"
    (folder / "mp_formation_energy.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def made() -> list[str]:
    """Energies that follow from electronegativities, with a little noise."""
    table = element_table()
    place = table.columns.index("electronegativity")
    random = np.random.default_rng(3)
    lines: list[str] = []
    for metal in METALS:
        for other in METALS:
            for anion in ANIONS:
                formula = f"{metal}2{other}{anion}3" if metal != other else f"{metal}{anion}"
                parts = read_formula(formula)
                numbers = {symbol: table.values[SYMBOLS.index(symbol), place] for symbol in parts}
                mean = sum(parts[symbol] * numbers[symbol] for symbol in parts)
                value = -sum(parts[symbol] * abs(numbers[symbol] - mean) for symbol in parts)
                lines.append(f"{formula},{value + 0.02 * random.normal():.5f}")
    return lines


def _quick(formulas: int, *, absolute_loss: bool) -> train.Boosting:
    del formulas, absolute_loss
    return train.Boosting(60, 0.1, 8, 5)


def test_polymorphs_are_one_target_and_all_their_rows_count(tmp_path: Path) -> None:
    write(tmp_path, ["TiO2,-3.4", "Ti2O4,-3.1", "NaCl,-2.1", "Og,-1", "MgO,-3.0"])
    table = read_training_table(tmp_path, ENTRY)
    assert len(table) == 3
    assert len(table.values) == 4
    assert table.left_out == 1
    titania = table.keys.index("O0.6667 Ti0.3333")
    assert table.targets[titania] == -3.4
    assert sorted(table.values[table.owner == titania]) == [-3.4, -3.1]
    assert len(read_training_table(tmp_path, ENTRY, limit=2)) == 2


@pytest.mark.parametrize(
    ("lines", "column", "words"),
    [
        (["TiO2,hello"], "formation_energy_eV_per_atom", "Line 2"),
        (["nonsense,1.0"], "formation_energy_eV_per_atom", "Line 2"),
        (["TiO2,1.0"], "energy", "no columns"),
    ],
)
def test_bad_tables_are_told(tmp_path: Path, lines: list[str], column: str, words: str) -> None:
    write(tmp_path, lines, column=column)
    with pytest.raises(DataError, match=words):
        read_training_table(tmp_path, ENTRY)


def test_missing_and_damaged_tables_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        read_training_table(tmp_path, ENTRY)
    (tmp_path / "mp_formation_energy.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="damaged"):
        read_training_table(tmp_path, ENTRY)


def test_a_model_learns_holds_its_coverage_and_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    write(tmp_path, made())
    monkeypatch.setattr(library, "WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(train.Boosting, "for_size", _quick)
    fits: list[int] = []
    honest = train.fit_trees

    def counted(*args: object, **options: object) -> object:
        fits.append(1)
        return honest(*args, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(train, "fit_trees", counted)
    arguments = ["--data", str(tmp_path), "--work", str(tmp_path / "work"), "--property", "formation_energy"]
    assert train.main(arguments) == 0
    assert len(fits) == 10
    card = library.model_of("formation_energy").card
    assert card["errors"]["formulas"] < 0.4 * card["errors"]["of_the_median"]
    assert 0.8 < card["coverage"]["0.9"] <= 0.99
    first = library.model_of("formation_energy").sha256
    (half,) = (tmp_path / "work").rglob("value-3.npz")
    half.write_bytes(b"half")
    assert train.main(arguments) == 0
    assert len(fits) == 11
    assert library.model_of("formation_energy").sha256 == first
    table = read_training_table(tmp_path, ENTRY)
    held = left_out_intervals(library.model_of("formation_energy"), table)
    seen = library.predict_arrays(["formation_energy"], table.compositions)["formation_energy"]
    off = np.abs(held.middle - table.targets)
    assert np.abs(seen.value - table.targets).mean() < 0.9 * off.mean()
    assert off.mean() == pytest.approx(card["errors"]["formulas"])
    assert (off <= held.half_90).mean() == pytest.approx(0.9, abs=0.04)
    assert (off <= held.sigma).mean() == pytest.approx(0.68, abs=0.06)
    found = library.predicted("formation_energy", "Na2TiO3")
    assert -2.5 < found.value < -0.2


def test_a_property_waits_for_its_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "WEIGHTS", tmp_path)
    with pytest.raises(UsageError, match="formation_energy"):
        train.train(PREDICTED["bulk_modulus"], data_dir=tmp_path, work=tmp_path)


def test_wrong_calls_end_with_their_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--data", str(tmp_path), "--property", "colour"]) == 2
    assert "There are: " in capsys.readouterr().err
    assert train.main(["--data", str(tmp_path), "--property", "formation_energy"]) == 1
    assert "not there" in capsys.readouterr().err


def test_area_under_the_curve_by_hand() -> None:
    truth = np.array([True, False, True, False])
    assert area_under_curve(truth, np.array([0.9, 0.1, 0.8, 0.2])) == 1.0
    assert area_under_curve(truth, np.array([0.1, 0.9, 0.2, 0.8])) == 0.0
    assert area_under_curve(truth, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert area_under_curve(truth, np.array([0.9, 0.1, 0.3, 0.4])) == 0.75
