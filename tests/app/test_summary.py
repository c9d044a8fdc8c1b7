from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.app.console import make_console
from matsmith.app.summary import print_summary
from matsmith.core.run import StopReason

MakeRun = Callable[..., Path]


def shown(folder: Path, *, width: int = 140) -> str:
    stream = io.StringIO()
    console = make_console(file=stream)
    console.width = width
    print_summary(console, folder, report=folder / "report.html")
    return stream.getvalue()


def test_the_summary_ranks_labels_and_points_to_files(run_folder: Path) -> None:
    text = shown(run_folder)
    assert text.index("NiO") < text.index("MgO") < text.index("BaO")
    for expected in ("known", "new", "187.0 ± 8.0 GPa", "✓ met", "✗ not met", "> 150 GPa", "report.html"):
        assert expected in text
    (cif,) = (run_folder / "candidates").glob("*NiO*.cif")
    assert cif.name in text


def test_a_crystal_that_is_not_written_is_not_promised(run_folder: Path) -> None:
    (cif,) = (run_folder / "candidates").glob("*NiO*.cif")
    cif.unlink()
    assert cif.name not in shown(run_folder)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_terminal(run_folder: Path, width: int) -> None:
    lines = shown(run_folder, width=width).splitlines()
    assert max(len(line) for line in lines if str(run_folder.parent.name) not in line) <= width


def test_paths_are_short_and_whole(run_folder: Path) -> None:
    text = shown(run_folder, width=40)
    assert f"{run_folder.parent.name}/{run_folder.name}/report.html" in text
    assert str(run_folder.parent.parent) not in text


def test_an_unmet_run_is_not_marked_as_met(home: Path, make_run: MakeRun) -> None:
    text = shown(make_run(home / "runs" / "short", reason=StopReason.BUDGET))
    assert text.lstrip().startswith("–")
