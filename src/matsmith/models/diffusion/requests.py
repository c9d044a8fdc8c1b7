"""What a crystal to be made must be: its formula, or its number of atoms and the elements it may, must and must not hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError
from matsmith.models.diffusion.element_code import MASKED, N_ELEMENTS
from matsmith.models.diffusion.weights import ModelCard


@dataclass(frozen=True, slots=True)
class CrystalRequest:
    """One crystal to be made; elements are atomic numbers.

    `numbers` gives every atom's species (structure prediction) and goes alone; else `atoms` is their number, 0 to draw it as often as
    training had it. `allowed` None means every element of the training set. `conditions` maps a property to its value in its own unit.
    """

    numbers: tuple[int, ...] = ()
    atoms: int = 0
    allowed: frozenset[int] | None = None
    required: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    conditions: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Requests of one padded size as tensors: species known so far (b, n), 0 where open; who is there (b, n); who may come (b, 119)."""

    numbers: Tensor
    present: Tensor
    permitted: Tensor
    scalars: Tensor
    categories: Tensor


def permitted_elements(request: CrystalRequest, card: ModelCard) -> frozenset[int]:
    """Return the elements that may appear on open sites. Raises `SpecError` when there are none."""
    known = request.allowed if request.allowed is not None else frozenset(card.elements)
    known = (known or frozenset(range(1, N_ELEMENTS + 1))) | request.required
    found = known - request.excluded
    if not found:
        raise SpecError("No element is left to build with.", hint="Allow more elements or exclude fewer.")
    return found


def check_request(request: CrystalRequest, card: ModelCard) -> None:
    """Raise `SpecError` for a request that no crystal of this model can meet."""
    most = card.network.max_atoms
    named = set(request.numbers) | request.required | request.excluded | (request.allowed or frozenset())
    strange = [number for number in named if not 1 <= number <= N_ELEMENTS]
    if strange:
        raise SpecError(f"{strange[0]} is not an atomic number.", hint="Use 1 to 118.")
    if len(request.numbers) > most or request.atoms > most:
        asked = max(len(request.numbers), request.atoms)
        raise SpecError(
            f"{asked} atoms are asked for, and this model makes cells of at most {most}.",
            hint="Ask for fewer formula units.",
        )
    if request.atoms < 0:
        raise SpecError(f"{request.atoms} atoms cannot be.", hint=f"Ask for 1 to {most}.")
    if request.numbers and (
        request.atoms or request.required or request.allowed is not None or request.excluded
    ):
        raise SpecError(
            "A formula is given together with a number of atoms or with element rules.",
            hint="The formula says both already: leave the others out.",
        )
    clash = request.required & request.excluded
    if clash:
        raise SpecError(
            f"{SYMBOLS[min(clash) - 1]} is both required and excluded.", hint="Drop it from one of the two."
        )
    if request.atoms and len(request.required) > request.atoms:
        raise SpecError(
            f"{len(request.required)} elements cannot all be in a cell of {request.atoms} atoms.",
            hint="Ask for more atoms or require fewer elements.",
        )
    if len(request.required) > most:
        raise SpecError(
            f"{len(request.required)} required elements do not fit {most} atoms.",
            hint="Require fewer elements.",
        )
    names = {*card.network.scalars, *(name for name, _ in card.network.categories)}
    for name, value in request.conditions.items():
        if name not in names:
            raise SpecError(
                f"This model knows no condition {name!r}.",
                hint=f"It knows {', '.join(sorted(names)) or 'none'}.",
            )
        if not math.isfinite(value):
            raise SpecError(f"The condition {name} is not a finite number.", hint="Give a number.")
    for name, kinds in card.network.categories:
        value = request.conditions.get(name, 0.0)
        if value != int(value) or not 0 <= value < kinds:
            raise SpecError(f"{name} must be a whole number from 0 to {kinds - 1}.", hint="Give one of them.")
    if not request.numbers:
        permitted_elements(request, card)


def draw_size(request: CrystalRequest, card: ModelCard, generator: torch.Generator) -> int:
    """Return the number of atoms: the one asked for, or one drawn from the training set's that holds the required elements."""
    if request.numbers or request.atoms:
        return len(request.numbers) or request.atoms
    least = max(1, len(request.required))
    fitting = {size: seen for size, seen in card.sizes.items() if size >= least} or {least: 1}
    weights = torch.tensor([float(seen) for seen in fitting.values()])
    return list(fitting)[int(torch.multinomial(weights, 1, generator=generator))]


def to_start(
    requests: Sequence[CrystalRequest],
    sizes: Sequence[int],
    *,
    padded: int,
    card: ModelCard,
    generator: torch.Generator,
) -> Start:
    """Set up requests of at most `padded` atoms each. Required elements are put on atoms at random, once each, and stay there."""
    b = len(requests)
    numbers = torch.full((b, padded), MASKED)
    permitted = torch.zeros(b, N_ELEMENTS + 1, dtype=torch.bool)
    scalars = torch.full((b, len(card.network.scalars)), torch.nan)
    categories = torch.full((b, len(card.network.categories)), torch.nan)
    for row, (request, size) in enumerate(zip(requests, sizes, strict=True)):
        known = request.numbers or tuple(sorted(request.required))
        places = torch.randperm(size, generator=generator)[: len(known)]
        numbers[row, : len(known)] = torch.tensor(known, dtype=torch.int64)
        if not request.numbers:
            numbers[row, : len(known)] = MASKED
            numbers[row, places] = torch.tensor(known, dtype=torch.int64)
            permitted[row, sorted(permitted_elements(request, card))] = True
        for column, name in enumerate(card.network.scalars):
            if name in request.conditions:
                mean, spread = card.scalars.mean[column], card.scalars.spread[column]
                scalars[row, column] = (request.conditions[name] - mean) / spread
        for column, (name, _) in enumerate(card.network.categories):
            categories[row, column] = request.conditions.get(name, math.nan)
    present = torch.arange(padded)[None, :] < torch.tensor(list(sizes))[:, None]
    return Start(numbers, present, permitted, scalars, categories)
