"""What a directive says of single formulas: they come earlier or later, and none is lost."""

from __future__ import annotations

from itertools import islice

import pytest
from pydantic import ValidationError

from matsmith.core.directive import Directive
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, Target
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies.formula_pool import formula_pool
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.known import STRATEGY
from matsmith.tools.strategies.sources import measured_keys

SPEC = DesignSpec(
    targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=150)],
    chemistry=Chemistry(required=["O"], elements_max=2),
)


def order(settings: Settings, **formulas: float) -> list[str]:
    request = StrategyRequest(spec=SPEC, directive=Directive(formulas=formulas))
    found = islice(STRATEGY.propose(request, settings=settings), 400)
    return list(dict.fromkeys(reduced_key(candidate.crystal.amounts) for candidate in found))


def test_a_favoured_formula_comes_earlier_and_a_disfavoured_one_later_but_comes(bare: Settings) -> None:
    plain = order(bare)
    key = plain[10]
    assert order(bare, **{key: 6.0}).index(key) < 10
    first = plain[0]
    later = order(bare, **{first: 0.25})
    assert later.index(first) > 0
    assert set(later) == set(plain)


def test_a_reported_formula_of_unknown_value_comes_among_the_first(bare: Settings) -> None:
    plain = order(bare)
    measured = set(measured_keys())
    unknown = [key for key in plain if key not in measured][-1]
    assert plain.index(unknown) > 20
    assert order(bare, **{unknown: 3.0}).index(unknown) < 14


def test_what_is_measured_outweighs_what_is_reported(bare: Settings) -> None:
    plain = order(bare)
    softest = [key for key in plain if key in set(measured_keys())][-1]
    assert order(bare, **{softest: 3.0}).index(softest) > 14


def test_the_pull_of_a_formula_is_no_part_of_its_own_score(bare: Settings) -> None:
    def pool(directive: Directive) -> dict[str, tuple[float, float]]:
        request = StrategyRequest(spec=SPEC, directive=directive)
        return {
            one.key: (one.score, one.pull) for one in formula_pool(request, settings=bare, ratios=[(1, 1)])
        }

    plain, told = pool(Directive()), pool(Directive(formulas={"MgO": 3.0}))
    assert told["MgO"][0] == plain["MgO"][0]
    assert told["MgO"][1] == pytest.approx(plain["MgO"][1] + 1.0986, abs=1e-3)
    assert {key: value for key, value in told.items() if key != "MgO"} == {
        key: value for key, value in plain.items() if key != "MgO"
    }


@pytest.mark.parametrize("weight", [0.0, -1.0, 11.0, float("nan")])
def test_a_formula_is_never_forbidden(weight: float) -> None:
    with pytest.raises(ValidationError):
        Directive(formulas={"MgO": weight})
