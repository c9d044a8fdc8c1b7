"""Crystals of the diffusion model, with those that came out unsound made again.

Sampling now and then leaves atoms on top of each other, a formula whose charges nothing balances, or atoms that keep no symmetry but that of the lattice, which
crystals of the sizes in question hardly ever do; or atoms of a space group fall together onto places of a higher one. Such a crystal is drawn again for the same request and of the same size, a few times; one of a formula with fewer formula units, where others of the
batch have fewer. So is one of a formula or of required elements that equals an earlier one, or one that left its space group, less boldly and in cells of any size that others of the batch have. Of several that are all unsound the least so is kept. This is selection, and whoever states figures of what is left states those of the first draws beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.core.errors import SpecError
from matsmith.tools.crystal_facts import is_broken, space_group_of
from matsmith.tools.crystal_model import crystals_of
from matsmith.tools.duplicates import merge
from matsmith.tools.strategies.charge import charge_score

if TYPE_CHECKING:
    from matsmith.models.diffusion.data_format import CrystalTable
    from matsmith.models.diffusion.requests import CrystalRequest
    from matsmith.models.diffusion.sampling import SamplingSettings
    from matsmith.models.diffusion.steering import Steering
    from matsmith.models.diffusion.weights import DiffusionModel

TRIES = 4
"""How often a crystal is drawn at most where nobody says otherwise."""
LEAST_BALANCE = 0.3
"""Scores of charge balance from which on a formula is explained: by whole states, mixed ones, bonds among anions, or as a metal."""
_SYSTEM = "crystal_system"
_LOOSE_SHARPNESS = 2.0


class Fault(IntEnum):
    """What is wrong with a crystal, the worst last."""

    NONE = 0
    REPEATED = 1
    OTHER_GROUP = 2
    NO_SYMMETRY = 3
    UNBALANCED = 4
    TOO_CLOSE = 5


FAULTS = {
    Fault.NONE: "",
    Fault.REPEATED: "the structure of another",
    Fault.OTHER_GROUP: "a higher symmetry than was asked for",
    Fault.NO_SYMMETRY: "no symmetry",
    Fault.UNBALANCED: "charges out of balance",
    Fault.TOO_CLOSE: "atoms too close",
}
"""What is wrong, in words."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundCrystals:
    """One crystal a request: how often each was drawn, and what is still wrong with it; and the same of the first draws."""

    table: CrystalTable
    tries: list[int]
    faults: list[Fault]
    first: CrystalTable
    first_faults: list[Fault]


def fault_of(crystal: Crystal, request: CrystalRequest) -> Fault:
    """The worst that is wrong with a crystal, of what its request leaves open: nobody who asks for a formula is told that it has a charge."""
    if is_broken(crystal):
        return Fault.TOO_CLOSE
    given = request.numbers or (request.seed is not None and not request.seed.free_species)
    if not given and charge_score(crystal.amounts) < LEAST_BALANCE:
        return Fault.UNBALANCED
    if request.space_group:
        return Fault.NONE if space_group_of(crystal) == request.space_group else Fault.OTHER_GROUP
    asked = _is_built(request) or request.conditions.get(_SYSTEM) == 0
    return Fault.NO_SYMMETRY if not asked and space_group_of(crystal) == 1 else Fault.NONE


def generate_sound(
    model: DiffusionModel,
    requests: Sequence[CrystalRequest],
    *,
    settings: SamplingSettings,
    seed: int = 0,
    tries: int = TRIES,
    steering: Steering | None = None,
    report: Callable[[int, int], None] | None = None,
) -> SoundCrystals:
    """Make one crystal a request, in their order, and those that are unsound again, `tries` times in all.

    The first draws are those of `sampling.generate` with the same seed. Steered crystals, which are selected already and in company, are drawn once. `report` is
    told of the first draws. Raises `SpecError` as `sampling.generate` does.
    """
    from matsmith.models.diffusion.sampling import generate

    if tries < 1:
        raise SpecError(f"Crystals cannot be made {tries} times.", hint="Give 1 to take them as they come.")
    first = generate(model, requests, settings=settings, seed=seed, steering=steering, report=report)
    crystals = crystals_of(first)
    faults = [fault_of(crystal, request) for crystal, request in zip(crystals, requests, strict=True)]
    _mark_repeated(faults, crystals, requests)
    first_faults = list(faults)
    rows = [first.select(np.array([place])) for place in range(len(first))]
    drawn = [1] * len(rows)
    sizes = list({id(request): request for request in requests if request.numbers}.values())
    for turn in range(1, tries if steering is None else 1):
        unsound = [place for place, fault in enumerate(faults) if fault > Fault.OTHER_GROUP]
        repeated = [
            place for place, fault in enumerate(faults) if fault in (Fault.REPEATED, Fault.OTHER_GROUP)
        ]
        random = np.random.default_rng([seed, turn])
        seeds: list[int] = random.integers(2**31, size=2).tolist()
        for again, bold, another in ((unsound, True, seeds[0]), (repeated, False, seeds[1])):
            if not again:
                continue
            asked = [
                _smaller(requests[place], sizes, atoms=int(first.counts[place]))
                if bold
                else _of_any_size(requests[place], sizes, random)
                for place in again
            ]
            table = generate(
                model,
                asked,
                settings=settings if bold else _looser(settings),
                seed=another,
            )
            for row, (place, crystal) in enumerate(zip(again, crystals_of(table), strict=True)):
                drawn[place] += 1
                fault = fault_of(crystal, requests[place])
                if fault < faults[place]:
                    faults[place], rows[place] = fault, table.select(np.array([row]))
                    crystals[place] = crystal
        _mark_repeated(faults, crystals, requests)
    return SoundCrystals(
        table=_joined(rows, like=first), tries=drawn, faults=faults, first=first, first_faults=first_faults
    )


def _mark_repeated(
    faults: list[Fault], crystals: Sequence[Crystal], requests: Sequence[CrystalRequest]
) -> None:
    """Tell apart, of the sound crystals of formulas or required elements of which nothing more is asked, those that equal an earlier one."""
    places = [
        place
        for place, request in enumerate(requests)
        if (request.numbers or request.required)
        and not _is_built(request)
        and faults[place] <= Fault.REPEATED
    ]
    seen: set[int] = set()
    for place, group in zip(places, merge([crystals[place] for place in places]), strict=True):
        faults[place] = Fault.REPEATED if group in seen else Fault.NONE
        seen.add(group)


def _is_built(request: CrystalRequest) -> bool:
    """Whether more is laid down than elements and conditions."""
    built = request.seed is not None or request.motif is not None or request.slab is not None
    return built or bool(request.space_group)


def _looser(settings: SamplingSettings) -> SamplingSettings:
    """The settings of one who would rather see something else than the likeliest once more."""
    return replace(settings, sharpness=min(settings.sharpness, _LOOSE_SHARPNESS), lattice_noise=1.0)


def _alike(request: CrystalRequest, sizes: Sequence[CrystalRequest]) -> list[CrystalRequest]:
    """The requests of the same formula and of nothing else, whatever their size."""
    shares = _shares(request.numbers)
    return [
        other
        for other in sizes
        if _shares(other.numbers) == shares and replace(other, numbers=request.numbers) == request
    ]


def _smaller(request: CrystalRequest, sizes: Sequence[CrystalRequest], *, atoms: int) -> CrystalRequest:
    """The next smaller cell of the same formula among these requests, or the request itself.

    One without a formula keeps the size that was drawn for it, so that small crystals, which are sound more often, become no more frequent;
    but where elements are required, a small cell may hold them in no proportion that is balanced.
    """
    if not request.numbers:
        free = request.seed is not None or request.space_group or request.required
        return request if free else replace(request, atoms=atoms)
    fewer = [other for other in _alike(request, sizes) if len(other.numbers) < len(request.numbers)]
    return max(fewer, key=lambda other: len(other.numbers), default=request)


def _of_any_size(
    request: CrystalRequest, sizes: Sequence[CrystalRequest], random: np.random.Generator
) -> CrystalRequest:
    """A cell of the same formula among these requests, each size as likely as any other; without a formula the request itself."""
    if not request.numbers:
        return request
    found = _alike(request, sizes)
    return found[int(random.integers(len(found)))]


def _shares(numbers: tuple[int, ...]) -> dict[int, Fraction]:
    return {number: Fraction(count, len(numbers)) for number, count in Counter(numbers).items()}


def _joined(rows: Sequence[CrystalTable], *, like: CrystalTable) -> CrystalTable:
    """Tables of one crystal each as one, with the names and properties of another of as many."""
    return replace(
        like,
        counts=np.concatenate([row.counts for row in rows]),
        numbers=np.concatenate([row.numbers for row in rows]),
        frac=np.concatenate([row.frac for row in rows]),
        lattice=np.concatenate([row.lattice for row in rows]),
        formulas=[row.formulas[0] for row in rows],
    )
