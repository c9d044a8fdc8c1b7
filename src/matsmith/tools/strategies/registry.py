"""All strategies by name. A strategy's module is imported when the strategy is asked for."""

from __future__ import annotations

import difflib
from functools import lru_cache
from importlib import import_module

from matsmith.core.errors import ToolError
from matsmith.core.settings import Settings
from matsmith.tools.strategies.interface import Strategy

KNOWN = "known"
"""The strategy that offers what is already known: the labelled baseline."""
PROPOSED = "proposed"
"""The strategy that makes what the generator asked for by formula; it draws nothing of its own."""
DECORATION = "decoration"
"""The strategy that puts elements on the sites of prototypes."""
RANDOM = "random"
"""The strategy that draws random crystals, whose energies say little before they are relaxed."""
DIFFUSION = "diffusion"
"""The strategy that takes crystals from the diffusion model, which are not relaxed either."""
EXTERNAL = "external"
"""The strategy that asks other generators, each in an environment of its own."""
FROM_NOTHING = frozenset({RANDOM, DIFFUSION, EXTERNAL})
"""Strategies whose crystals are no relaxed prototype: relaxing lowers their energies by much."""
ALLOYS = "alloy"
"""The strategy that makes random alloys, for specifications that ask for an alloy."""
_MODULES = {
    KNOWN: "matsmith.tools.strategies.known",
    DECORATION: "matsmith.tools.strategies.decoration",
    "substitution": "matsmith.tools.strategies.substitution",
    RANDOM: "matsmith.tools.strategies.random_crystals",
    DIFFUSION: "matsmith.tools.strategies.diffusion",
    ALLOYS: "matsmith.tools.strategies.alloy",
    EXTERNAL: "matsmith.tools.strategies.external_generator",
    PROPOSED: "matsmith.tools.strategies.proposed",
}
# Share of a round that a strategy gets when nothing speaks for or against it; a directive's multiplier goes on top.
_USUAL_WEIGHTS = {"substitution": 0.25, RANDOM: 0.12, DIFFUSION: 0.25, EXTERNAL: 0.25, ALLOYS: 2.0}
# Where one formula is wanted its prototypes are few, and other structures are what is left to try.
_WEIGHTS_OF_ONE_FORMULA = {"substitution": 0.5, RANDOM: 1.0, DIFFUSION: 1.0, EXTERNAL: 1.0}


def usual_weight(name: str, *, one_formula: bool = False) -> float:
    """How much of a round a strategy gets beside the others, as long as no directive says otherwise."""
    return (_WEIGHTS_OF_ONE_FORMULA if one_formula else _USUAL_WEIGHTS).get(name, 1.0)


def strategy_names() -> list[str]:
    """Names of all strategies, the labelled baseline first."""
    return list(_MODULES)


@lru_cache(maxsize=32)
def get_strategy(name: str) -> Strategy:
    """Return the strategy of this name. Raises `ToolError` with the nearest name for one that does not exist."""
    module = _MODULES.get(name)
    if module is None:
        near = difflib.get_close_matches(name, _MODULES, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(_MODULES)}."
        raise ToolError(f"There is no strategy {name!r}.", hint=hint)
    declared: Strategy = import_module(module).STRATEGY
    return declared


def available_strategies(settings: Settings) -> list[Strategy]:
    """Return the strategies that can run here, in the order of the registry."""
    return [s for s in map(get_strategy, _MODULES) if s.missing(settings) is None]
