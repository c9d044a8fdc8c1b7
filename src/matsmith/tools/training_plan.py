"""Which decorations the training set is made of: formulas known to be stable or one likely substitution away, in plausible prototypes.

Formulas come from the lists of known materials at hand and from the data-mined substitutions between them (strategies/similarity.py); what no oxidation
states balance is left out. Each goes into the prototypes whose known members it resembles most. So that neither one structure type nor one chemical
system fills the set, every further member of either costs a little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.elements import facts
from matsmith.knowledge.prototypes import MODEL_ALLOYS, by_name
from matsmith.knowledge.references import SHIPPED_ELEMENTS
from matsmith.tools.competing_screening import (
    CHARGE_SCORE_MIN,
)
from matsmith.tools.reference_plan import NOBLE_GASES, Decoration
from matsmith.tools.strategies.assignment import by_stoichiometry, placements
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import COVERED_BY_POTENTIAL
from matsmith.tools.strategies.formula_pool import stable_formulas, substituted
from matsmith.tools.strategies.neighbours import Stoichiometry
from matsmith.tools.strategies.similarity import INDEX
from matsmith.tools.strategies.sources import tables_of

IntArray = NDArray[np.int64]
_TABLE = "mp_formation_energy"
_PER_FORMULA = 2
_FORMULAS_PER_RATIO = 1500
# How far a substitution may reach, and the share of formulas that are not known themselves.
_REACH, _SHARE_NEW = 0.45, 0.35
_PER_PENALTY, _SECOND_GUESS, _NEW, _NOISE = 0.5, 0.6, 0.3, 0.4
# What each further member costs: of a chemical system at once, of a structure type by the logarithm of their number.
_CROWDED_SYSTEM, _CROWDED_TYPE = 0.4, 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """How many decorations of how many elements and atoms; the same settings and tables give the same plan."""

    count: int = 3000
    elements: tuple[int, ...] = (3, 4)
    atoms_max: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise UsageError("The number of crystals must be above zero.", hint="3000 is usual.")
        if not self.elements or not set(self.elements) <= {2, 3, 4, 5}:
            raise UsageError("Decorations have two to five elements.", hint="Such as 3,4.")
        if not 2 <= self.atoms_max <= 40:
            raise UsageError(f"Cells of {self.atoms_max} atoms cannot be built.", hint="Give 2 to 40.")


def key_of(decoration: Decoration) -> str:
    """Name of a decoration in files: its prototype and the element of each slot."""
    return f"{decoration.prototype.name}|{','.join(decoration.symbols)}"


def decoration_of(key: str) -> Decoration:
    """The decoration of a name made by `key_of`."""
    prototype, _, symbols = key.partition("|")
    return Decoration(by_name(prototype), tuple(symbols.split(",")))


def plan(wanted: PlanSettings, *, settings: Settings) -> list[str]:
    """Return the names of the decorations to compute, the most plausible and least crowded first.

    Raises `UsageError` when nothing fits.
    """
    from matsmith.knowledge.prototypes import prototypes

    found = [
        p
        for p in prototypes(atoms_max=wanted.atoms_max)
        if len(p.slots) in wanted.elements and p.name not in MODEL_ALLOYS
    ]
    random = np.random.default_rng([wanted.seed, 1874])
    scored: list[tuple[float, Decoration]] = []
    for ratio, types in sorted(by_stoichiometry(found).items()):
        for new, amounts in _formulas(ratio, settings=settings, random=random):
            if charge_score(amounts) < CHARGE_SCORE_MIN:
                continue
            for rank, placed in enumerate(placements(amounts, types)[:_PER_FORMULA]):
                score = -_PER_PENALTY * placed.penalty - _SECOND_GUESS * rank - _NEW * new
                score += _NOISE * float(random.gumbel())
                scored.append((score, Decoration(placed.prototype, placed.symbols)))
    if not scored:
        raise UsageError(
            "No structure type of so many elements and atoms is known.", hint="Allow more atoms or elements."
        )
    return [key_of(decoration) for decoration in _spread(scored, count=wanted.count)]


def _formulas(
    ratio: Stoichiometry, *, settings: Settings, random: np.random.Generator
) -> Iterator[tuple[bool, dict[str, int]]]:
    """Known formulas of a stoichiometry and some one substitution away: whether it is new, and its amounts."""
    permitted = np.array(sorted(INDEX[s] for s in _permitted(settings) if s in INDEX), dtype=np.int64)
    known = stable_formulas(ratio, settings=settings)
    if len(known) > _FORMULAS_PER_RATIO:
        known = known[np.sort(random.choice(len(known), _FORMULAS_PER_RATIO, replace=False))]
    near = substituted(known, ratio=ratio, permitted=permitted, reach=_REACH)
    known, near = (rows[np.isin(rows, permitted).all(axis=1)] for rows in (known, near))
    held = {tuple(row) for row in known.tolist()}
    fresh = [row for row in near.tolist() if tuple(row) not in held]
    room = min(len(fresh), max(20, round(len(known) * _SHARE_NEW / (1 - _SHARE_NEW))))
    chosen = sorted(random.choice(len(fresh), room, replace=False).tolist()) if fresh else []
    for new, rows in ((False, known.tolist()), (True, [fresh[place] for place in chosen])):
        for row in rows:
            yield new, {SYMBOLS[index]: amount for index, amount in zip(row, ratio, strict=True)}


def _permitted(settings: Settings) -> frozenset[str]:
    """Elements that crystals for training may hold: with references at hand, covered by the potential, not radioactive, no noble gas."""
    referenced = COVERED_BY_POTENTIAL if tables_of(settings).has(_TABLE) else SHIPPED_ELEMENTS
    return frozenset(
        s for s in COVERED_BY_POTENTIAL & referenced if s not in NOBLE_GASES and not facts(s).radioactive
    )


def _spread(scored: Sequence[tuple[float, Decoration]], *, count: int) -> list[Decoration]:
    """The best of them after what each costs for those of its system and its type that stand before it."""
    systems: Counter[frozenset[str]] = Counter()
    types: Counter[str] = Counter()
    after: list[tuple[float, int, Decoration]] = []
    for place, (score, decoration) in enumerate(sorted(scored, key=lambda pair: (-pair[0], key_of(pair[1])))):
        system = frozenset(decoration.symbols)
        cost = _CROWDED_SYSTEM * systems[system]
        cost += _CROWDED_TYPE * float(np.log1p(types[decoration.prototype.name]))
        after.append((score - cost, place, decoration))
        systems[system] += 1
        types[decoration.prototype.name] += 1
    return [decoration for _, _, decoration in sorted(after, key=lambda row: (-row[0], row[1]))[:count]]
