"""Training the stability model on made tables: it learns, is resumed without a second fit, and a fold stays out of all views."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from matsmith.models.predictors.compositions import composition_key, fold_of, read_formula
from matsmith.models.predictors.stability import train as training
from matsmith.models.predictors.stability.network_training import NetworkSettings
from matsmith.models.predictors.train import Boosting

ELEMENTS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ti", "Zr", "Fe", "Ni", "Cu", "Zn", "Al", "Ga")


def write(folder: Path, name: str, column: str, rows: list[tuple[str, str]]) -> None:
    text = f"formula,{column}\n" + "".join(f"{formula},{value}\n" for formula, value in rows)
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    formulas = [
        f"{a}{n}{b}{x}{m}"
        for a in ELEMENTS[:7]
        for b in ELEMENTS[7:]
        for x in ("O", "F")
        for n, m in ((1, 3), (2, 5), (1, 1))
    ]
    stable = [formula.endswith(("O3", "F5")) for formula in formulas]
    write(tmp_path, "mp_stability", "is_stable", [(f, str(s).upper()) for f, s in zip(formulas, stable, strict=True)])  # fmt: skip
    write(tmp_path, "jarvis_stability", "is_stable", [(f, str(s)) for f, s in zip(formulas, stable, strict=True)] + [(formulas[2], "True")])  # fmt: skip
    write(tmp_path, "mp_energy_above_hull", "energy_above_hull_eV_per_atom", [(f, "0.0" if s else "0.3") for f, s in zip(formulas, stable, strict=True)])  # fmt: skip
    write(tmp_path, "mp_formation_energy", "formation_energy_eV_per_atom", [(f, "-2.0" if s else "-1.0") for f, s in zip(formulas, stable, strict=True)])  # fmt: skip
    return tmp_path


def test_it_learns_and_is_resumed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    fits: list[int] = []
    honest = training.fit_trees

    def counted(codes: object, *args: object, **options: object) -> object:
        fits.append(len(codes))  # pyright: ignore[reportArgumentType]
        return honest(codes, *args, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(training, "fit_trees", counted)

    def run() -> training.StabilityModel:
        return training.train(
            data,
            work=data / "work",
            out=data / "stability.safetensors",
            settings=NetworkSettings(width=16, epochs=10, batch=64),
            boosting=Boosting(30, 0.2, 8, 5),
        )

    model = run()
    assert len(fits) == 4
    keys = {composition_key(read_formula(row.split(",")[0])) for row in gzip.decompress((data / "mp_stability.csv.gz").read_bytes()).decode().split()[1:]}  # fmt: skip
    assert fits[0] == sum(fold_of(key) != training.LEFT_OUT for key in keys)
    for own in model.card["databases"].values():
        assert own["roc_auc"] > 0.95
        assert own["left_out"] + fits[0] == own["formulas"]
    assert (data / "stability.md").read_text().startswith("# Stability")
    run()
    assert len(fits) == 4


def test_wrong_calls_end_with_their_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["--data", str(tmp_path)]) == 1
    assert "not there" in capsys.readouterr().err
