"""Steering by any predictor of the composition: crystals on their way take each other's place as the predictor prefers.

For a property that the model has no condition for there is no gradient to follow when its predictor is an ensemble of trees. The crystals of one
request are then a population: at some times every crystal's species are completed by the network's guess, the predictor scores the
composition, and crystals are drawn again with weights exp(score - score at the time before) (sequential Monte Carlo, as in Feynman-Kac steering:
Singhal et al. 2025). It selects among what the model makes anyway and invents nothing: a population of one is not steered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from matsmith.models.diffusion.requests import CrystalRequest

LogWeights = Callable[[list[tuple[int, ...]]], list[float]]
"""From the atomic numbers of each crystal's atoms to the logarithm of how much it is preferred."""


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """The preference, and the times at which it is asked."""

    prefer: LogWeights
    times: tuple[float, ...] = (0.75, 0.6, 0.45, 0.3, 0.15)


@dataclass(slots=True, eq=False)
class Population:
    """The crystals of one batch while they are steered, `requests` telling which are of one kind."""

    steering: Steering
    requests: Sequence[CrystalRequest]
    generator: torch.Generator
    last: Tensor = field(init=False)
    kinds: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Number the kinds of requests."""
        first: dict[int, int] = {}
        self.kinds = torch.tensor([first.setdefault(id(request), len(first)) for request in self.requests])
        self.last = torch.zeros(len(self.requests), dtype=torch.float64)

    def due(self, *, time: float, then: float) -> bool:
        """Whether a step from one time to an earlier one passes a time at which the preference is asked."""
        return any(then <= moment < time for moment in self.steering.times)

    def order(self, numbers: Tensor, present: Tensor) -> Tensor:
        """Return which crystal (b,) goes on in every place, for completed species (b, n); each kind keeps its places."""
        rows = zip(numbers.cpu(), present.cpu(), strict=True)
        found = self.steering.prefer([tuple(cast("list[int]", row[there].tolist())) for row, there in rows])
        score = torch.tensor(found, dtype=torch.float64)
        order = torch.arange(len(score))
        for kind in range(int(self.kinds.max()) + 1):
            members = torch.nonzero(self.kinds == kind).flatten()
            share = torch.softmax(score[members] - self.last[members], 0).cumsum(0)
            # One draw for all (systematic resampling): who weighs as much as the mean goes on exactly once.
            begin = torch.rand((), generator=self.generator, dtype=torch.float64)
            marks = (begin + torch.arange(len(members))) / len(members)
            chosen = torch.searchsorted(share, marks).clamp(max=len(members) - 1)
            order[members] = members[chosen]
        self.last = score[order]
        return order.to(numbers.device)
