"""What a crystal to be made must be: its formula, or its number of atoms and the elements it may, must and must not hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError
from matsmith.models.diffusion.element_code import N_ELEMENTS
from matsmith.models.diffusion.motifs import Motif, Seed, Slab
from matsmith.models.diffusion.symmetric_sites import check_arrangement
from matsmith.models.diffusion.weights import ModelCard


@dataclass(frozen=True, slots=True)
class CrystalRequest:
    """One crystal to be made; elements are atomic numbers.

    `numbers` gives every atom's species (structure prediction) and goes without element rules; else `atoms` is their number, 0 to draw it as
    often as training had it. `allowed` None means every element of the training set. `conditions` maps a property to its value in its own unit.
    At most one of `motif` (with `slab` or without), `seed` and `space_group` (0: any) is given; element rules beside a seed are
    for the sites whose species are free.
    """

    numbers: tuple[int, ...] = ()
    atoms: int = 0
    allowed: frozenset[int] | None = None
    required: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    conditions: Mapping[str, float] = field(default_factory=dict[str, float])
    motif: Motif | None = None
    slab: Slab | None = None
    seed: Seed | None = None
    space_group: int = 0

    @property
    def start_time(self) -> float:
        """When sampling begins: 1 from pure noise, less from a seed."""
        return 1.0 if self.seed is None else self.seed.strength

    @property
    def least_atoms(self) -> int:
        """The smallest number of atoms that holds what is required; those of a motif are all of one element."""
        if self.motif is None:
            return max(1, len(self.required))
        return self.motif.atoms + max(0, len(self.required) - 1)


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
    _check_parts(request, most=most)
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
    for name in ("density_g_cm3", "bulk_modulus_gpa", "band_gap_ev"):
        if request.conditions.get(name, 0.0) < 0:
            raise SpecError(f"The condition {name} is negative.", hint="Give a number of zero or more.")
    if not request.numbers and (request.seed is None or request.seed.free_species):
        permitted_elements(request, card)
    if request.space_group and not request.numbers:
        possible_sizes(request, card)


def _check_parts(request: CrystalRequest, *, most: int) -> None:
    """Refuse motifs, seeds, slabs and space groups that cannot be, or not together."""
    if (request.motif is not None or request.slab is not None) + (request.seed is not None) + bool(
        request.space_group
    ) > 1:
        raise SpecError(
            "A motif or slab, a seed structure and a space group cannot be asked for together.",
            hint="Choose one of them.",
        )
    motif, seed, slab, group = request.motif, request.seed, request.slab, request.space_group
    if motif is not None:
        _check_motif(motif, request, most=most)
    if slab is not None and not (0 <= slab.thickness_a <= 60 and 0 < slab.vacuum_a <= 200):
        raise SpecError(
            f"A slab of {slab.thickness_a:g} Å with {slab.vacuum_a:g} Å of vacuum cannot be made.",
            hint="Give a thickness of 0 to 60 Å and a vacuum of up to 200 Å.",
        )
    if seed is not None:
        _check_seed(seed, request, most=most)
    if not 0 <= group <= 230:
        raise SpecError(f"There is no space group {group}.", hint="Numbers run from 1 to 230.")
    if group and (request.numbers or request.atoms):
        check_arrangement(group, tuple(sorted(Counter(request.numbers).values())) or (request.atoms,))


def _check_motif(motif: Motif, request: CrystalRequest, *, most: int) -> None:
    size = len(request.numbers) or request.atoms or most
    if motif.atoms > size:
        raise SpecError(
            f"The motif {motif.name} has {motif.atoms} atoms, more than the {size} of the cell.",
            hint="Ask for more atoms.",
        )
    if request.numbers and max(Counter(request.numbers).values()) < motif.atoms:
        raise SpecError(
            f"No element of the formula has the {motif.atoms} atoms that the motif {motif.name} takes.",
            hint="Ask for a formula with at least so many atoms of one element in the cell.",
        )
    others = size - motif.atoms
    if not request.numbers and len(request.required) > others + 1:
        raise SpecError(
            f"{len(request.required)} elements cannot all be in a cell of {size} atoms with the motif {motif.name}.",
            hint="Ask for more atoms or require fewer elements.",
        )


def _check_seed(seed: Seed, request: CrystalRequest, *, most: int) -> None:
    n = len(seed.numbers)
    if request.numbers or request.atoms:
        raise SpecError(
            "A seed structure says the formula and the number of atoms already.", hint="Leave the others out."
        )
    if not 0 < n <= most:
        raise SpecError(
            f"The seed structure has {n} atoms, and this model makes cells of at most {most}.",
            hint="Give its primitive cell.",
        )
    if not 0 < seed.strength <= 1:
        raise SpecError(
            f"A strength of {seed.strength:g} cannot be.",
            hint="Give one above 0 (no change) up to 1 (forget it).",
        )
    if not seed.keep <= set(range(n)):
        raise SpecError(
            f"The seed structure has no site {max(seed.keep) + 1}.", hint=f"Its sites are 1 to {n}."
        )
    if not seed.free_species and (request.required or request.allowed is not None or request.excluded):
        raise SpecError(
            "Element rules are given for a seed structure whose species all stay.",
            hint="Free the species of the sites that are not kept.",
        )
    if seed.free_species and len(seed.keep) == n:
        raise SpecError("Every site of the seed structure is kept.", hint="Keep fewer sites.")
    if len(request.required) > n - len(seed.keep):
        raise SpecError(
            f"{len(request.required)} elements are required on {n - len(seed.keep)} free sites.",
            hint="Keep fewer sites or require fewer elements.",
        )


def possible_sizes(request: CrystalRequest, card: ModelCard) -> dict[int, int]:
    """Return the numbers of atoms that may be drawn for a request without one, each with how often training had it.

    Raises `SpecError` when a space group takes none of them.
    """
    least, group = request.least_atoms, request.space_group
    fitting = {size: seen for size, seen in card.sizes.items() if size >= least} or {least: 1}
    if not group:
        return fitting
    found = {size: seen for size, seen in fitting.items() if _can_be(group, size)}
    found = found or {size: 1 for size in range(least, card.network.max_atoms + 1) if _can_be(group, size)}
    if not found:
        raise SpecError(
            f"No primitive cell of space group {group} has {least} to {card.network.max_atoms} atoms.",
            hint="Ask for another space group.",
        )
    return found


def _can_be(group: int, size: int) -> bool:
    try:
        check_arrangement(group, (size,))
    except SpecError:
        return False
    return True


def draw_size(request: CrystalRequest, card: ModelCard, generator: torch.Generator) -> int:
    """Return the number of atoms: the one asked for, or one drawn from those that hold what is required."""
    if request.seed is not None:
        return len(request.seed.numbers)
    if request.numbers or request.atoms:
        return len(request.numbers) or request.atoms
    fitting = possible_sizes(request, card)
    weights = torch.tensor([float(seen) for seen in fitting.values()])
    return list(fitting)[int(torch.multinomial(weights, 1, generator=generator))]
