"""Values from tables: by formula, with the spread of the polymorphs in the error, or not at all."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import ToolError
from matsmith.core.quantity import Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import calibration
from matsmith.tools.base import Deps
from matsmith.tools.known_property import KnownPropertyArgs
from matsmith.tools.registry import get_tool
from matsmith.tools.runner import ToolRunner

MODULI = "formula,log10_K_VRH_GPa\nMgO,2.18\nCaO,2.0\nCa2O2,1.9\nCaO,2.1\n"
GAPS = "formula,band_gap_eV\nMgO,7.8\n"


@pytest.fixture
def furnished(tmp_path: Path) -> Settings:
    for name, text in (("mp_log10_bulk_modulus", MODULI), ("expt_band_gap", GAPS)):
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return Settings(data_dir=tmp_path, cache_dir=tmp_path / "cache")


def _asked(crystal: Crystal, settings: Settings) -> Outcome:
    deps = Deps(settings=settings, inputs={"c": crystal})
    return get_tool("known_property").run(KnownPropertyArgs(structure="c"), deps=deps)


def test_values_with_their_source(furnished: Settings, rocksalt: Callable[..., Crystal]) -> None:
    outcome = _asked(rocksalt("Mg"), furnished)
    modulus, gap = outcome.quantities["bulk_modulus"], outcome.quantities["measured_band_gap"]
    assert modulus.value == pytest.approx(10**2.18, rel=0.05)
    assert modulus.sigma == pytest.approx(calibration("table_bulk_modulus").relative_sigma * modulus.value)
    assert (gap.value, gap.unit, gap.sigma) == (7.8, "eV", pytest.approx(0.1))
    assert gap.truth is Truth.EXPERIMENT_300K
    assert outcome.method is not None
    assert "Zhuo" in outcome.method.reference
    assert set(outcome.quantities) == {"bulk_modulus", "measured_band_gap"}


def test_polymorphs_widen_the_error(furnished: Settings, rocksalt: Callable[..., Crystal]) -> None:
    one, several = _asked(rocksalt("Mg"), furnished), _asked(rocksalt("Ca"), furnished)
    alone, spread = one.quantities["bulk_modulus"], several.quantities["bulk_modulus"]
    assert spread.sigma / spread.value > alone.sigma / alone.value
    sources = several.facts["sources"]
    assert isinstance(sources, dict)
    assert "3 rows" in str(sources["bulk_modulus"])


def test_an_unlisted_formula_is_a_typed_failure(
    furnished: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    failure = _asked(rocksalt("Sr"), furnished).failure
    assert failure is not None
    assert failure.code == "not_listed"


def test_without_tables_the_tool_says_what_is_missing(
    runner: ToolRunner, rocksalt: Callable[..., Crystal], offer: Callable[[ToolRunner, Crystal], str]
) -> None:
    with pytest.raises(ToolError, match="data get"):
        runner.run("known_property", {"structure": offer(runner, rocksalt("Mg"))})
