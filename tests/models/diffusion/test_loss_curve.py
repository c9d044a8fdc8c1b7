from __future__ import annotations

import csv
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from matsmith.models.diffusion.loss_curve import write_curve


def _rows(count: int, *, validation: float = math.nan) -> list[dict[str, float]]:
    return [{"step": 10.0 * (i + 1), "train": 2.0 / (i + 1), "validation": validation} for i in range(count)]


def test_a_curve_is_a_table_and_a_picture_that_falls_from_left_to_right(tmp_path: Path) -> None:
    write_curve(tmp_path / "loss.csv", _rows(5, validation=1.0))
    with (tmp_path / "loss.csv").open() as stream:
        assert [float(row["train"]) for row in csv.DictReader(stream)] == pytest.approx(
            [2, 1, 2 / 3, 0.5, 0.4]
        )
    picture = ElementTree.parse(tmp_path / "loss.svg").getroot()
    lines = [item.get("points", "") for item in picture if item.tag.endswith("polyline")]
    assert len(lines) == 2
    points = [tuple(map(float, place.split(","))) for place in lines[0].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert {path.name for path in tmp_path.iterdir()} == {"loss.csv", "loss.svg"}


@pytest.mark.parametrize(
    "rows", [_rows(0), _rows(1), [{"step": 1.0, "train": math.nan, "validation": math.nan}] * 3]
)
def test_too_few_points_make_no_picture(rows: list[dict[str, float]], tmp_path: Path) -> None:
    write_curve(tmp_path / "loss.csv", rows)
    assert (tmp_path / "loss.csv").is_file()
    assert not (tmp_path / "loss.svg").exists()


def test_one_loss_throughout_is_drawn(tmp_path: Path) -> None:
    write_curve(
        tmp_path / "loss.csv", [{"step": float(i), "train": 1.0, "validation": math.nan} for i in range(1, 4)]
    )
    assert "nan" not in (tmp_path / "loss.svg").read_text()
