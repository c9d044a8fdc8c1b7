"""Compositions of a sweep, and that a sweep computes each of them once."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.core.errors import SpecError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Status
from matsmith.core.settings import Settings
from matsmith.tools.lammps.alloys import read_alloy
from matsmith.tools.lammps.program import missing
from matsmith.tools.lammps.sweep import Sweep, compositions


def test_one_element_grows_and_the_others_keep_their_proportion() -> None:
    found = compositions(read_alloy("Fe0.5Ni0.25Cr0.25"), element="Cr", low=10, high=50, points=3)
    assert [one.fractions["Cr"] for one in found] == pytest.approx([0.1, 0.3, 0.5])
    assert all(one.fractions["Fe"] / one.fractions["Ni"] == pytest.approx(2.0) for one in found)


@pytest.mark.parametrize(
    ("element", "low", "high", "points"),
    [("Zn", 0, 20, 3), ("Cu", 20, 20, 3), ("Cu", 0, 120, 3), ("Cu", 0, 20, 1), ("Cu", 0, 20, 10_000)],
)
def test_what_is_no_sweep_is_refused(element: str, low: float, high: float, points: int) -> None:
    with pytest.raises(SpecError):
        compositions(read_alloy("AlCu"), element=element, low=low, high=high, points=points)


@pytest.mark.skipif(missing(Settings()) is not None, reason="LAMMPS is not installed")
def test_a_sweep_measures_every_composition_and_is_not_computed_twice(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "none", cache_dir=tmp_path / "cache", mp_api_key=None, threads=1)
    alloys = compositions(read_alloy("AlCu"), element="Cu", low=0, high=25, points=2)
    arguments = {"potential": "alcu_cai", "cores": 1}

    def run() -> dict[int, float]:
        work = Sweep(settings=settings, ledger=tmp_path / "ledger.sqlite", seed=1, processes=1)
        found: dict[int, float] = {}
        try:
            points = work.run(alloys, tool="md_minimise", arguments=arguments, cell={"atoms": 16})
            for point in points:
                assert point.record.status is Status.SUCCESS, point.record.outcome.failure
                crystal = point.record.outcome.crystal
                assert crystal is not None
                found[point.index] = len(crystal.species)
        finally:
            work.close()
        return found

    first, again = run(), run()
    assert first == again
    assert set(first) == {0, 1}
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger.verify().intact
        assert sum(1 for _ in ledger.entries("record")) == 3  # one cell, two compositions
