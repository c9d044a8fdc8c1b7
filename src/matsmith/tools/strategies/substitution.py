"""Known crystals with a share of one sublattice taken by other elements: solid solutions and doped compounds as ordered cells.

The sites of one element of a host are shared with one element like it, or with two; the smallest cells that show the shares are filled in
every way that symmetry tells apart, and those of lowest electrostatic energy are offered. Hosts are the best candidates so far and the crystals
at hand; compositions whose charge nothing balances are left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from math import log
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.redox import ordering_charges
from matsmith.tools.strategies.charge import charge_score
from matsmith.tools.strategies.chemistry_filter import conforms, conforms_chemistry, permitted_elements
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.similarity import INDEX, element_distance
from matsmith.tools.strategies.sources import (
    compound_keys,
    known_keys,
    measured_keys,
    structures_of,
    tables_of,
)
from matsmith.tools.strategies.wishes import facts_scores

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Elements farther apart than this do not share sites; those of a formula that is wanted may be a little farther.
_REACH, _REACH_WANTED = 0.7, 0.9
_SHARES = tuple(Fraction(*pair) for pair in ((1, 2), (1, 4), (3, 4), (1, 3), (2, 3)))
_THIRD = Fraction(1, 3)
_HOSTS, _GUESTS = 60, 5
_LEAST_CHARGE_SCORE = 0.5
_ORDERINGS = 2
_LONGEST_S = 8.0
_PER_DISTANCE, _SEEN_FORMULA, _PARENT, _NEW, _NOISE = 1.5, 0.7, 2.0, 1.0, 0.3
_MOST_PER_HOST = 4


@dataclass(frozen=True, kw_only=True)
class Host:
    """A crystal whose sites are to be shared; `parent` is the candidate of the run that it is of, if any."""

    name: str
    crystal: Crystal
    prototype: str
    score: float
    parent: str = ""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What stands on the sites of one element of a host: shares that add up to one, that element's own among them or not."""

    host: Host
    element: str
    shares: tuple[tuple[str, Fraction], ...]
    score: float

    @property
    def amounts(self) -> dict[str, int]:
        """Whole reduced amounts of the substituted formula."""
        held = {s: Fraction(n) for s, n in self.host.crystal.amounts.items() if s != self.element}
        sites = self.host.crystal.amounts[self.element]
        for symbol, share in self.shares:
            held[symbol] = held.get(symbol, Fraction(0)) + share * sites
        scale = int(np.lcm.reduce([amount.denominator for amount in held.values()]))
        whole = {symbol: int(amount * scale) for symbol, amount in held.items()}
        divisor = int(np.gcd.reduce(list(whole.values())))
        return {symbol: amount // divisor for symbol, amount in whole.items()}

    def describe(self) -> str:
        """Such as `BaTiO3 with 1/2 Sr on the sites of Ba`."""
        guests = " and ".join(f"{share} {symbol}" for symbol, share in self.shares if symbol != self.element)
        return f"{self.host.name} with {guests} on the sites of {self.element}"


@dataclass(frozen=True, kw_only=True)
class _Substitution:
    """The strategy; it keeps nothing between calls."""

    name: str = "substitution"
    title: str = "known crystals with part of a sublattice exchanged"

    def missing(self, settings: Settings) -> str | None:
        """Nothing: without tables the crystals that ship are the hosts."""
        del settings
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield ordered cells of mixed crystals that conform to the spec, the most promising compositions first."""
        yielded = set(request.seen)
        deadline = time.monotonic() + _LONGEST_S
        for exchange in exchanges(request, settings=settings):
            if time.monotonic() > deadline:
                return
            for rank, crystal in enumerate(ordered_cells(exchange, request=request), start=1):
                if conforms(request.spec, crystal, space_group=None) is not None:
                    continue
                lineage = Lineage(
                    strategy=STRATEGY.name,
                    prototype=exchange.host.prototype,
                    parents=(exchange.host.parent,) if exchange.host.parent else (),
                    seed=request.seed,
                    round=request.round,
                    note=f"{exchange.describe()}, ordering {rank} by the energy of point charges",
                )
                candidate = Candidate.of(crystal, lineage=lineage, score=exchange.score)
                if candidate.id not in yielded:
                    yielded.add(candidate.id)
                    yield candidate


STRATEGY = _Substitution()


def exchanges(request: StrategyRequest, *, settings: Settings) -> list[Exchange]:
    """Every exchange that gives a composition the spec allows and whose charge is balanced, most promising first.

    At most one exchange a composition, and a few a host, so that no host fills a round.
    """
    random = np.random.default_rng([request.seed, request.round, 1926])
    known = known_keys(settings)
    best: dict[str, Exchange] = {}
    wanted = request.spec.chemistry.formula
    every = (
        _of_formula(key_amounts(reduced_key(wanted)))
        if wanted is not None
        else (
            exchange
            for host in hosts(request, settings=settings)
            for exchange in _of_host(host, request=request)
        )
    )
    for exchange in every:
        amounts = exchange.amounts
        problem = conforms_chemistry(_without_type(request), amounts)
        if problem is not None or charge_score(amounts) < _LEAST_CHARGE_SCORE:
            continue
        key = reduced_key(amounts)
        if request.spec.new_only and key in known:
            continue
        score = exchange.score + _NEW * (key not in known) - _SEEN_FORMULA * request.seen_formulas.get(key, 0)
        score += log(request.directive.formulas.get(key, 1.0)) + _NOISE * float(random.gumbel())
        name = exchange.describe() if wanted is not None else key
        if name not in best or score > best[name].score:
            best[name] = replace(exchange, score=score)
    taken: dict[str, int] = {}
    front: list[Exchange] = []
    back: list[Exchange] = []
    for exchange in sorted(best.values(), key=lambda e: (-e.score, e.describe())):
        taken[exchange.host.name] = taken.get(exchange.host.name, 0) + 1
        (front if taken[exchange.host.name] <= _MOST_PER_HOST else back).append(exchange)
    return front + back


def _without_type(request: StrategyRequest) -> DesignSpec:
    """The spec without its structure type, whose ratio a mixed crystal does not show; the crystal itself is held against it later."""
    wish = request.spec.structure.model_copy(update={"prototype": None})
    return request.spec.model_copy(update={"structure": wish})


def hosts(request: StrategyRequest, *, settings: Settings) -> list[Host]:
    """Crystals to substitute in, best first: the parents, then known crystals by what is known of their formulas."""
    told, spec = request.directive, request.spec
    permitted = permitted_elements(spec)
    found: list[Host] = []
    for rank, parent in enumerate(request.parents):
        if parent.lineage.strategy != "substitution":
            gain = _PARENT / (1.0 + 0.3 * rank)
            found.append(
                Host(
                    name=parent.formula,
                    crystal=parent.crystal,
                    prototype=parent.lineage.prototype,
                    score=gain,
                    parent=parent.id,
                )
            )
    wanted = set(spec.chemistry.required)
    keys = [
        key
        for key in dict.fromkeys([*measured_keys(), *compound_keys()])
        if permitted.issuperset(elements := key_amounts(key))
        and len(elements) >= 2
        and len(wanted - set(elements)) <= 2
        and sum(elements.values()) * 2 <= spec.structure.atoms_max
    ]
    scores = facts_scores(spec, keys, tables=tables_of(settings))
    lowest = min(scores.values(), default=0.0)
    for key in sorted(keys, key=lambda k: (-scores.get(k, lowest), k))[:_HOSTS]:
        for structure in structures_of(key)[:1]:
            weight = told.prototypes.get(structure.prototype, 1.0)
            if weight > 0 and len(structure.crystal.species) * 2 <= spec.structure.atoms_max:
                found.append(
                    Host(
                        name=structure.crystal.formula,
                        crystal=structure.crystal,
                        prototype=structure.prototype,
                        score=scores.get(key, lowest) + log(weight),
                    )
                )
    return found


def _of_host(host: Host, *, request: StrategyRequest) -> Iterator[Exchange]:
    spec, told = request.spec, request.directive
    held = set(host.crystal.amounts)
    permitted = permitted_elements(spec)
    for element in sorted(held & set(INDEX)):
        near = sorted(
            (element_distance(element, other), other)
            for other in permitted
            if other not in held and other in INDEX and told.elements.get(other, 1.0) > 0
        )
        # What the specification requires comes first, however far it is down the list.
        needed = [pair for pair in near if pair[1] in _asked(request)]
        likely = [*needed, *(pair for pair in near if pair not in needed)]
        guests = [pair for pair in likely if pair[0] <= _REACH][:_GUESTS]
        if told.elements.get(element, 1.0) <= 0:
            continue
        for distance, guest in guests:
            pull = log(told.elements.get(guest, 1.0)) - _PER_DISTANCE * distance
            for share in _SHARES:
                shares = ((element, 1 - share), (guest, share))
                yield Exchange(host=host, element=element, shares=shares, score=host.score + pull)
        for (d1, first), (d2, second) in combinations(guests[:4], 2):
            pull = log(told.elements.get(first, 1.0)) + log(told.elements.get(second, 1.0))
            shares = ((element, _THIRD), (first, _THIRD), (second, _THIRD))
            yield Exchange(
                host=host, element=element, shares=shares, score=host.score + pull - _PER_DISTANCE * (d1 + d2)
            )


def _of_formula(amounts: Mapping[str, int]) -> Iterator[Exchange]:
    """Every known crystal that a formula is a mixed form of: two or three of its elements share the sites of one of them."""
    for size in (2, 3):
        for together in combinations(sorted(amounts), size):
            sites = sum(amounts[symbol] for symbol in together)
            rest = {symbol: amount for symbol, amount in amounts.items() if symbol not in together}
            for element in together if rest else ():
                if max(element_distance(element, symbol) for symbol in together) > _REACH_WANTED:
                    continue
                shares = tuple((symbol, Fraction(amounts[symbol], sites)) for symbol in together)
                far = sum(element_distance(element, symbol) for symbol in together)
                for structure in structures_of(reduced_key({**rest, element: sites})):
                    host = Host(
                        name=structure.crystal.formula,
                        crystal=structure.crystal,
                        prototype=structure.prototype,
                        score=0.0,
                    )
                    yield Exchange(host=host, element=element, shares=shares, score=-_PER_DISTANCE * far)


def _asked(request: StrategyRequest) -> set[str]:
    """Elements that the specification names."""
    chemistry = request.spec.chemistry
    named = set(chemistry.required)
    if chemistry.formula is not None:
        named |= set(key_amounts(reduced_key(chemistry.formula)))
    return named


def ordered_cells(exchange: Exchange, *, request: StrategyRequest) -> list[Crystal]:
    """The ordered cells of lowest electrostatic energy of an exchange; none where no cell small enough shows its shares."""
    from matsmith.models.disorder import EXACT, supercells
    from matsmith.models.site_orderings import orderings

    amounts = exchange.amounts
    charges = ordering_charges({symbol: float(amount) for symbol, amount in amounts.items()})
    mixed = _mixed(exchange)
    found: dict[str, tuple[float, Crystal]] = {}
    for cell in supercells(mixed, max_atoms=request.spec.structure.atoms_max):
        if cell.deviation > EXACT:
            continue
        try:
            arranged = orderings(
                cell.frame, cell.sublattices, charges=charges, most=_ORDERINGS, seed=request.seed
            ).found
        except StructureError:
            continue
        for one in arranged:
            crystal = Crystal.from_pymatgen(one.structure)
            found.setdefault(crystal.canonical_hash, (one.ewald_ev / len(one.structure), crystal))
    ranked = sorted(found.values(), key=lambda pair: pair[0])
    return [crystal for _, crystal in ranked[:_ORDERINGS]]


def _mixed(exchange: Exchange) -> Structure:
    """The host with shared sites, scaled by the radii of what stands on them."""
    from ase.data import covalent_radii
    from pymatgen.core import Lattice, Structure

    from matsmith.core.elements import SYMBOLS

    crystal = exchange.host.crystal

    def sphere(symbol: str) -> float:
        return float(covalent_radii[SYMBOLS.index(symbol) + 1]) ** 3

    before = sum(sphere(symbol) for symbol in crystal.species)
    sites = crystal.amounts[exchange.element]
    after = before + sites * (
        sum(float(share) * sphere(symbol) for symbol, share in exchange.shares) - sphere(exchange.element)
    )
    lattice = np.array(crystal.lattice) * (after / before) ** (1.0 / 3.0)
    shares: Mapping[str, float] = {symbol: float(share) for symbol, share in exchange.shares}
    species: Sequence[object] = [shares if s == exchange.element else {s: 1.0} for s in crystal.species]
    return Structure(Lattice(lattice), list(species), list(crystal.positions))  # pyright: ignore[reportArgumentType]
