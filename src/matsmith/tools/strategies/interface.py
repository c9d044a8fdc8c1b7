"""What a strategy is asked and what it gives: candidates, best first, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.proposal import ProposedFormula, Substitution
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec


def _no_formulas() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class StrategyRequest:
    """One round's question to a strategy.

    `count` is how many candidates the caller means to take; a strategy may offer more. `parents` are good candidates to
    draw near, best first, each with its realised score. `seen` holds the ids of candidates that the run already has;
    `seen_formulas` counts them by `matsmith.knowledge.formulas.reduced_key`. `formulas` and `substitutions` (each with the
    candidate that it changes) are what the generator wants to see tried, for the strategy `proposed` alone.
    """

    spec: DesignSpec
    count: int = 200
    round: int = 0
    seed: int = 0
    directive: Directive = field(default_factory=Directive)
    parents: tuple[Candidate, ...] = ()
    seen: frozenset[str] = frozenset()
    seen_formulas: Mapping[str, int] = field(default_factory=_no_formulas)
    formulas: tuple[ProposedFormula, ...] = ()
    substitutions: tuple[tuple[Candidate, Substitution], ...] = ()


class Strategy(Protocol):
    """One way to propose candidates."""

    @property
    def name(self) -> str:
        """Key in the registry and in the lineage of its candidates."""
        ...

    @property
    def title(self) -> str:
        """A few words for a report."""
        ...

    def missing(self, settings: Settings) -> str | None:
        """Say in one sentence what must be installed or set before it can run, or return None."""
        ...

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield candidates that conform to the spec, best first, none in `request.seen`, none twice."""
        ...
