"""Scores by target: the right side of a limit, the right direction of an optimum, nothing from the unknown."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.tools.strategies.similarity import INDEX
from matsmith.tools.strategies.sources import tables_of
from matsmith.tools.strategies.wishes import estimated_density_g_per_cm3, facts_scores, guessed, target_scores


def _binary(*metals: str) -> NDArray[np.int64]:
    return np.array([[INDEX[metal], INDEX["O"]] for metal in metals])


def _spec(relation: Relation, value: float | None = None, *, name: str = "bulk_modulus") -> DesignSpec:
    return DesignSpec(targets=[Target(property=name, relation=relation, value=value)])


def test_what_meets_a_limit_scores_higher_than_what_misses_it(furnished: Settings) -> None:
    for relation, better, worse in ((Relation.ABOVE, 0, 1), (Relation.BELOW, 1, 0)):
        scores = target_scores(
            _spec(relation, 110), _binary("Ni", "Ba"), stoichiometry=(1, 1), tables=tables_of(furnished)
        )
        assert scores[better] > scores[worse]


def test_an_optimum_pulls_its_way(furnished: Settings) -> None:
    tables = tables_of(furnished)
    most = target_scores(_spec(Relation.MAXIMISE), _binary("Ni", "Ba"), stoichiometry=(1, 1), tables=tables)
    least = target_scores(_spec(Relation.MINIMISE), _binary("Ni", "Ba"), stoichiometry=(1, 1), tables=tables)
    assert most[0] > most[1]
    assert least[0] < least[1]


def test_facts_are_scored_only_where_all_are_known(furnished: Settings) -> None:
    scores = facts_scores(_spec(Relation.ABOVE, 150), ["MgO", "Al2O3", "O3SrZr"], tables=tables_of(furnished))
    assert set(scores) == {"MgO", "Al2O3"}


def test_a_measured_value_goes_before_a_table(bare: Settings) -> None:
    scores = facts_scores(_spec(Relation.ABOVE, 200), ["Al2O3", "MgO"], tables=tables_of(bare))
    assert scores["Al2O3"] > scores["MgO"]


def test_unknown_properties_add_nothing(bare: Settings) -> None:
    tables = tables_of(bare)
    assert guessed("hardness", _binary("Mg"), stoichiometry=(1, 1), tables=tables) is None
    scores = target_scores(
        _spec(Relation.ABOVE, 20, name="hardness"), _binary("Mg", "Ba"), stoichiometry=(1, 1), tables=tables
    )
    assert scores.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("metal", "density"), [("Mg", 3.58), ("Ba", 5.72), ("Ni", 6.67)])
def test_densities_are_estimated_within_a_factor_of_two(metal: str, density: float) -> None:
    found = estimated_density_g_per_cm3(_binary(metal), amounts=np.array([1.0, 1.0]))
    assert 0.5 < found[0] / density < 2.0


def test_light_and_cheap_formulas_are_told_from_heavy_and_dear_ones(bare: Settings) -> None:
    tables = tables_of(bare)
    for name in ("density", "price"):
        spec = _spec(Relation.MINIMISE, name=name)
        scores = target_scores(spec, _binary("Mg", "Pt"), stoichiometry=(1, 1), tables=tables)
        assert scores[0] > scores[1]
