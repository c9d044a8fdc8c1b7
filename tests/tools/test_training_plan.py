from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from matsmith.core.errors import UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.references import SHIPPED_ELEMENTS
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.training_plan import PlanSettings, decoration_of, key_of, plan


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A machine without tables."""
    folder = tmp_path_factory.mktemp("bare")
    return Settings(data_dir=folder, cache_dir=folder)  # pyright: ignore[reportCallIssue]


@pytest.fixture(scope="module")
def planned(bare: Settings) -> list[str]:
    return plan(PlanSettings(count=150, atoms_max=8), settings=bare)


def test_every_decoration_is_one_that_can_be_labelled_and_is_balanced(planned: list[str]) -> None:
    assert len(planned) == len(set(planned)) == 150
    for key in planned:
        decoration = decoration_of(key)
        assert key_of(decoration) == key
        assert decoration.prototype.atoms <= 8
        assert len(set(decoration.symbols)) in (3, 4)
        assert set(decoration.symbols) <= SHIPPED_ELEMENTS
        assert charge_score(decoration.amounts) >= 0.3


def test_no_structure_type_and_no_system_fills_the_set(planned: list[str]) -> None:
    decorations = [decoration_of(key) for key in planned]
    types = Counter(d.prototype.name for d in decorations)
    assert len(types) >= 10
    assert max(types.values()) <= 0.4 * len(planned)
    systems = Counter(frozenset(d.symbols) for d in decorations)
    assert max(systems.values()) <= 4


def test_a_plan_is_the_same_again_and_another_for_another_seed(planned: list[str], bare: Settings) -> None:
    assert plan(PlanSettings(count=150, atoms_max=8), settings=bare) == planned
    other = plan(PlanSettings(count=150, atoms_max=8, seed=1), settings=bare)
    assert set(other) != set(planned)


def test_a_longer_plan_holds_the_shorter(planned: list[str], bare: Settings) -> None:
    longer = plan(PlanSettings(count=200, atoms_max=8), settings=bare)
    assert longer[:150] == planned


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"elements": (1,)}, {"elements": ()}, {"atoms_max": 1}, {"atoms_max": 100}]
)
def test_a_senseless_plan_is_refused(wrong: dict[str, int | tuple[int, ...]]) -> None:
    with pytest.raises(UsageError):
        PlanSettings(**wrong)  # pyright: ignore[reportArgumentType]


def test_a_plan_that_nothing_fits_says_so(bare: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No structure type"):
        plan(PlanSettings(elements=(5,), atoms_max=4), settings=bare)
