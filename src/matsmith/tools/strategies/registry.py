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
_MODULES = {
    KNOWN: "matsmith.tools.strategies.known",
    "decoration": "matsmith.tools.strategies.decoration",
    PROPOSED: "matsmith.tools.strategies.proposed",
}


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
