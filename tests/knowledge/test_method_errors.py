"""Corrections and errors of the tools for defects and ions: held within the fit, and assumed for what was not tested."""

from __future__ import annotations

import math

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge.method_errors import MethodError, method_error

KINDS = [
    ("vacancy_formation_energy", "element"),
    ("vacancy_formation_energy", "compound"),
    ("surface_energy", "element"),
    ("surface_energy", "compound"),
    ("migration_barrier", "element"),
    ("migration_barrier", "compound"),
    ("voltage", "redox"),
    ("voltage", "other"),
    ("window_limit", ""),
]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_every_tool_has_a_measured_error(name: str, kind: str) -> None:
    known = method_error(name, kind=kind)  # pyright: ignore[reportArgumentType]
    assert known.references >= 1 or "assumed" in known.source
    assert known.sigma(1.0) > 0
    assert known.version != "unfitted"


def test_a_law_is_not_extrapolated() -> None:
    law = MethodError(
        intercept=0.2, slope=-0.5, ln_range=(0.0, 1.0), relative_sigma=0.1, source="made", version="1"
    )
    assert law.corrected(math.e) == pytest.approx(math.e * math.exp(0.2 - 0.5))
    assert law.corrected(100.0) / 100.0 == pytest.approx(law.corrected(math.e) / math.e)
    assert law.corrected(0.01) / 0.01 == pytest.approx(math.exp(0.2))
    assert law.corrected(-1.0) == -1.0


def test_relative_and_absolute_errors_add_in_squares() -> None:
    error = MethodError(relative_sigma=0.3, absolute_sigma=0.4, source="made", version="1")
    assert error.sigma(1.0) == pytest.approx(0.5)


def test_an_untested_potential_gets_no_correction_and_a_wide_error() -> None:
    found = method_error("voltage", kind="redox", foreign="a stranger")
    assert found.corrected(3.0) == 3.0
    assert found.sigma(3.0) >= method_error("voltage", kind="redox").sigma(3.0)
    assert "a stranger" in found.source


def test_a_missing_entry_is_named() -> None:
    with pytest.raises(DataError, match="voltage made"):
        method_error("voltage", kind="made")
