"""Exact compositions and substitutions that the generator asked for, each put into prototypes or into its parent's structure.

Nothing is guessed beside them: a formula goes into the prototypes of its stoichiometry, most plausible first, or into the one named; a
substitution keeps the parent's structure at the volume expected for the new elements.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from math import gcd

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal, anonymised
from matsmith.core.elements import is_element, parse_formula
from matsmith.core.errors import SpecError, StructureError
from matsmith.core.proposal import ProposedFormula, Substitution
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.prototypes import Prototype, by_name, common_names
from matsmith.tools.strategies.assignment import Placement, placements, pool
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import conforms, conforms_chemistry, prototypes_called
from matsmith.tools.strategies.interface import StrategyRequest

# Below this score no common oxidation states balance a composition, mixed valence and bonded anions included.
LEAST_CHARGE_SCORE = 0.3
# Structures tried of a formula without a named type, and with one (several entries of the library may bear a name).
_UNNAMED, _NAMED = 3, 2
_LARGEST_AMOUNT = 200


@dataclass(frozen=True, kw_only=True)
class _Proposed:
    """The strategy; it keeps nothing between calls."""

    name: str = "proposed"
    title: str = "compositions that were asked for"

    def missing(self, settings: Settings) -> str | None:
        """Nothing."""
        del settings
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield every proposal's first structure, then the second ones, and so on; those that break the spec are left out."""
        del settings
        streams = [
            *(_of_formula(wanted, request=request) for wanted in request.formulas),
            *(_of_substitution(wanted, request=request) for wanted in request.substitutions),
        ]
        yielded = set(request.seen)
        for turn in zip_longest(*streams):
            for candidate in turn:
                if candidate is not None and candidate.id not in yielded:
                    yielded.add(candidate.id)
                    yield candidate


STRATEGY = _Proposed()


def formula_problem(wanted: ProposedFormula, *, spec: DesignSpec) -> str | None:
    """Say in one sentence why a proposed formula cannot be tried, or return None."""
    try:
        amounts = whole_amounts(wanted.formula)
    except SpecError as error:
        return str(error)
    problem = composition_problem(amounts, spec=spec)
    if problem is not None:
        return f"{wanted.formula}: {problem}"
    if wanted.prototype and not _called(wanted.prototype):
        near = difflib.get_close_matches(wanted.prototype.lower(), common_names(), n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        return f"There is no structure type {wanted.prototype!r} at hand.{hint}"
    if not _fitting(amounts, wanted.prototype, spec=spec):
        ratio = ":".join(map(str, anonymised(amounts)))
        kind = f"of the type {wanted.prototype}" if wanted.prototype else "at hand"
        return f"{wanted.formula}: no structure {kind} that the specification allows has the ratio {ratio}."
    return None


def substitution_problem(wanted: Substitution, *, formula: str, spec: DesignSpec) -> str | None:
    """Say in one sentence why a substitution in a crystal of this formula cannot be tried, or return None."""
    present = {symbol: round(amount) for symbol, amount in parse_formula(formula).items()}
    for old, new in wanted.replace.items():
        if old not in present:
            return f"{formula} has no {old} to be replaced."
        if not is_element(new):
            return f"There is no element {new[:20]!r}."
    amounts: dict[str, int] = {}
    for symbol, amount in present.items():
        new = wanted.replace.get(symbol, symbol)
        if new in amounts:
            return f"{new} would take two different sites of {formula}: exchange elements one for one."
        amounts[new] = amount
    if amounts == present:
        return f"The substitution leaves {formula} as it is."
    problem = composition_problem(amounts, spec=spec)
    return None if problem is None else f"{formula} with {_swaps(wanted.replace)}: {problem}"


def composition_problem(amounts: Mapping[str, int], *, spec: DesignSpec) -> str | None:
    """Say why a composition is none that this specification can want: elements, limits, charge."""
    problem = conforms_chemistry(spec, amounts)
    if problem is not None:
        return problem
    if charge_score(amounts) < LEAST_CHARGE_SCORE:
        return "No common oxidation states balance its charge."
    return None


def whole_amounts(formula: str) -> dict[str, int]:
    """Return the reduced whole amounts of a formula. Raises `SpecError` for one that is none, or whose amounts are not whole.

    >>> whole_amounts("Al4O6")
    {'Al': 2, 'O': 3}
    """
    amounts = parse_formula(formula.strip())
    if any(amount != int(amount) or amount > _LARGEST_AMOUNT for amount in amounts.values()):
        raise SpecError(f"{formula!r} does not have whole amounts.", hint="Write an ordered compound.")
    divisor = gcd(*(int(amount) for amount in amounts.values()))
    return {symbol: int(amount) // divisor for symbol, amount in amounts.items()}


def _of_formula(wanted: ProposedFormula, *, request: StrategyRequest) -> Iterator[Candidate]:
    if formula_problem(wanted, spec=request.spec) is not None:
        return
    amounts = whole_amounts(wanted.formula)
    found = placements(amounts, _fitting(amounts, wanted.prototype, spec=request.spec))
    taken = 0
    for placement in found:
        candidate = _placed(placement, request=request)
        if candidate is not None:
            yield candidate
            taken += 1
        if taken == (_NAMED if wanted.prototype else _UNNAMED):
            return


def _placed(placement: Placement, *, request: StrategyRequest) -> Candidate | None:
    crystal = placement.crystal()
    if conforms(request.spec, crystal, space_group=placement.prototype.space_group) is not None:
        return None
    lineage = Lineage(
        strategy=STRATEGY.name,
        prototype=placement.prototype.name,
        seed=request.seed,
        round=request.round,
        note=placement.prototype.label,
    )
    return Candidate.of(crystal, lineage=lineage, score=-placement.penalty)


def _of_substitution(
    wanted: tuple[Candidate, Substitution], *, request: StrategyRequest
) -> Iterator[Candidate]:
    parent, substitution = wanted
    if substitution_problem(substitution, formula=parent.formula, spec=request.spec) is not None:
        return
    crystal = _substituted(parent, substitution.replace)
    if conforms(request.spec, crystal, space_group=None) is not None:
        return
    lineage = Lineage(
        strategy=STRATEGY.name,
        prototype=parent.lineage.prototype,
        parents=(parent.id,),
        seed=request.seed,
        round=request.round,
        note=f"{parent.formula} with {_swaps(substitution.replace)}",
    )
    yield Candidate.of(crystal, lineage=lineage)


def _substituted(parent: Candidate, replace: Mapping[str, str]) -> Crystal:
    """The parent's structure with other elements, at the volume expected for them next to that expected for the parent's own."""
    import numpy as np

    from matsmith.knowledge.prototype_volumes import contact_sums, expected_volume

    crystal = parent.crystal
    old = tuple(dict.fromkeys(crystal.species))
    owner = np.array([old.index(symbol) for symbol in crystal.species], dtype=np.int64)
    lattice = np.array(crystal.lattice, dtype=np.float64)
    contacts = contact_sums(lattice, np.array(crystal.positions), owner, n_slots=len(old))
    counts = tuple(int(count) for count in np.bincount(owner, minlength=len(old)))
    volume = abs(float(np.linalg.det(lattice)))
    before, after = (
        expected_volume(symbols, counts, contacts=contacts, volume_angstrom3=volume)
        for symbols in (old, tuple(replace.get(symbol, symbol) for symbol in old))
    )
    scale = (after / before) ** (1.0 / 3.0)
    rows = [(float(x), float(y), float(z)) for x, y, z in lattice * scale]
    return Crystal(
        lattice=(rows[0], rows[1], rows[2]),
        species=tuple(replace.get(symbol, symbol) for symbol in crystal.species),
        positions=crystal.positions,
    )


def _fitting(amounts: Mapping[str, int], name: str, *, spec: DesignSpec) -> list[Prototype]:
    """Prototypes of a formula's ratio that the specification allows, of the type named when one is."""
    ratio = anonymised(dict(amounts))
    named = {prototype.name for prototype in _called(name)} if name else None
    return [
        prototype
        for prototype in pool(spec)
        if tuple(sorted(prototype.stoichiometry)) == ratio and (named is None or prototype.name in named)
    ]


@lru_cache(maxsize=256)
def _called(name: str) -> tuple[Prototype, ...]:
    found = prototypes_called(name)
    if found:
        return found
    try:
        return (by_name(name),)
    except StructureError:
        return ()


def _swaps(replace: Mapping[str, str]) -> str:
    return ", ".join(f"{new} for {old}" for old, new in replace.items())
