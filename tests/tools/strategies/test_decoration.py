"""Decoration: many candidates, the same for a seed, none twice, all fitting, and drawn to what the critic found good."""

from __future__ import annotations

import importlib.util
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.decoration import STRATEGY
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.sources import known_keys

TERNARY_OXIDE = DesignSpec(
    chemistry=Chemistry(required=["O"], excluded=["Co"], elements_min=3, elements_max=3)
)


def _first(spec: DesignSpec, settings: Settings, *, count: int = 30, **fields: object) -> list[Candidate]:
    request = StrategyRequest(spec=spec, **fields)  # pyright: ignore[reportArgumentType]
    return list(islice(STRATEGY.propose(request, settings=settings), count))


def test_the_same_seed_gives_the_same_candidates_and_another_seed_others(bare: Settings) -> None:
    first, again = (_first(TERNARY_OXIDE, bare, seed=1) for _ in range(2))
    other = _first(TERNARY_OXIDE, bare, seed=2)
    assert [c.id for c in first] == [c.id for c in again]
    assert [c.id for c in first] != [c.id for c in other]


def test_two_hundred_come_without_tables_none_twice_all_fitting(bare: Settings) -> None:
    found = _first(TERNARY_OXIDE, bare, count=200)
    assert len(found) == 200
    assert len({c.id for c in found}) == 200
    assert len({(c.lineage.prototype, c.formula, c.id) for c in found}) == 200
    assert all(conforms(TERNARY_OXIDE, c.crystal, space_group=None) is None for c in found)
    assert len({reduced_key(c.crystal.amounts) for c in found}) > 80


def test_atoms_are_not_on_top_of_each_other(bare: Settings) -> None:
    for candidate in _first(TERNARY_OXIDE, bare, count=20):
        structure = candidate.crystal.to_pymatgen()
        pairs = structure.get_all_neighbors(1.1)
        assert not any(pairs), candidate.formula


def test_only_new_formulas_when_only_those_are_wanted(furnished: Settings) -> None:
    found = _first(TERNARY_OXIDE.model_copy(update={"new_only": True}), furnished, count=60)
    assert found
    assert not known_keys(furnished) & {reduced_key(c.crystal.amounts) for c in found}


def test_formulas_near_stable_known_ones_come_before_those_near_unstable_ones(furnished: Settings) -> None:
    spec = DesignSpec(
        chemistry=Chemistry(required=["O"], elements_min=3),
        structure=StructureWish(prototype="cubic perovskite"),
    )
    found = _first(spec, furnished, count=25)
    # The made table holds stable (Sr, Ba, Ca)(Ti, Zr, Hf, Sn)O3 and (K, Na)AlO3 far above the hull.
    alkaline_earths = sum(bool({"Ca", "Sr", "Ba"} & set(c.crystal.elements)) for c in found)
    alkalis = sum(bool({"Li", "Na", "K", "Rb", "Cs"} & set(c.crystal.elements)) for c in found)
    assert alkaline_earths > 2 * alkalis


def test_seen_candidates_do_not_come_again(bare: Settings) -> None:
    first = _first(TERNARY_OXIDE, bare)
    later = _first(TERNARY_OXIDE, bare, seen=frozenset(c.id for c in first))
    assert not {c.id for c in first} & {c.id for c in later}


def test_a_directive_forbids_elements_and_prototypes_and_sizes(bare: Settings) -> None:
    directive = Directive(elements={"Ti": 0.0}, prototypes={"spinel": 0.0}, elements_per_formula={"2": 0.0})
    spec = DesignSpec(chemistry=Chemistry(required=["O"], elements_max=3))
    for candidate in _first(spec, bare, count=60, directive=directive):
        assert "Ti" not in candidate.crystal.elements
        assert candidate.lineage.prototype != "A2BC4_cF56_227_d_a_e"
        assert len(candidate.crystal.elements) == 3


def test_a_directive_favours_a_prototype_by_any_of_its_names(bare: Settings) -> None:
    def spinels(directive: Directive) -> int:
        found = _first(TERNARY_OXIDE, bare, count=40, directive=directive)
        return sum(c.lineage.prototype == "A2BC4_cF56_227_d_a_e" for c in found)

    assert spinels(Directive(prototypes={"spinel": 20.0})) > 2 * spinels(
        Directive(prototypes={"spinel": 0.2})
    )


def test_candidates_gather_near_the_parents_and_name_them(bare: Settings) -> None:
    parents = tuple(_first(TERNARY_OXIDE, bare, count=1))
    found = _first(TERNARY_OXIDE, bare, round=1, parents=parents, seen=frozenset(c.id for c in parents))
    assert sum(parents[0].id in c.lineage.parents for c in found) >= 5


def test_a_wanted_type_that_the_library_lacks_gives_nothing(bare: Settings) -> None:
    assert _first(DesignSpec(structure=StructureWish(prototype="garnet", atoms_max=80)), bare) == []


@pytest.mark.parametrize("case", [1])
def test_a_planted_optimum_is_approached_faster_with_the_critic(case: int, bare: Settings) -> None:
    benchmark = _benchmark()
    planted = benchmark.CASES[case]
    followed, alone = (
        [
            benchmark.best_score(planted, seed=seed, follow=follow, settings=bare, rounds=5, per_round=12)
            for seed in range(2)
        ]
        for follow in (True, False)
    )
    assert sum(followed) > sum(alone) + 0.1


def _benchmark() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "planted_optimum.py"
    spec = importlib.util.spec_from_file_location("planted_optimum", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up while they are made.
    sys.modules["planted_optimum"] = module
    spec.loader.exec_module(module)
    return module
