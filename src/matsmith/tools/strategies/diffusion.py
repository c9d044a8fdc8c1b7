"""Crystals from the diffusion model: structures that no library of prototypes holds, made for what the specification asks.

Three ways take turns. Formulas: structures of the formula that is wanted, of the best candidates so far and of the best near what is known.
Variations: the best candidates with noise put on and taken off again, their species free for half of them. Free: species and structure from the model, among
the elements that are permitted, or a few drawn from them. Crystals whose atoms come too close or whose charges nothing balances are left out.
Targets that the model has conditions for become conditions, the others that a composition model predicts steer the free ones; the directive forbids and favours
elements and sets how strongly conditions are followed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import FLAT_MOTIFS, DesignSpec, Target
from matsmith.tools.crystal_model import crystal_model, crystals_of, usual_sampling
from matsmith.tools.crystal_model import missing as model_missing
from matsmith.tools.crystal_wishes import (
    CrystalWishes,
    condition_of,
    motif_called,
    requests_of,
    seed_of,
    steering_of,
)
from matsmith.tools.sound_crystals import Fault, fault_of
from matsmith.tools.strategies.chemistry_filter import conforms, permitted_elements
from matsmith.tools.strategies.drawn_formulas import DrawnFormula, formulas_in_hand, formulas_of_pool
from matsmith.tools.strategies.interface import StrategyRequest

if TYPE_CHECKING:
    from matsmith.models.diffusion.motifs import Motif
    from matsmith.models.diffusion.requests import CrystalRequest
    from matsmith.models.diffusion.weights import DiffusionModel, ModelCard

LONGEST_S = 12.0
"""Seconds after which no further batch is begun."""
STEPS = 100
"""From noise to crystal."""
# A batch of the model is one turn, shared by some formulas, parents or sets of elements. A dozen crystals take nearly as long as four dozen.
_TURN = 48
_FORMULAS_A_TURN, _SETS_A_TURN = 12, 9
_VARIED, _STRENGTH = 6, 0.35
_MOST_ELEMENTS, _HALF = 4, 0.5
_BEYOND = 0.1
_FAR_SPREADS = 2.0
_STRONGEST = 3.0


@dataclass(frozen=True, kw_only=True)
class _Ask:
    """What is wished of some crystals of a batch, in words, the formula's score, and the candidates it comes from."""

    wishes: CrystalWishes
    kind: str
    score: float = 0.0
    parents: tuple[str, ...] = ()
    steered: bool = False


@dataclass(frozen=True, kw_only=True)
class _Diffusion:
    """The strategy; it keeps nothing between calls."""

    name: str = "diffusion"
    title: str = "crystals from the diffusion model"

    def missing(self, settings: Settings) -> str | None:
        """Say that there are no weights, where there are none."""
        return model_missing(settings)

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield sound crystals that conform to the spec, a batch after the other, until the time is up; none where a structure type is wanted."""
        spec = request.spec
        if spec.structure.prototype is not None:
            return
        model = crystal_model(settings)
        deadline = time.monotonic() + LONGEST_S
        common = CrystalWishes(conditions=conditions_of(spec, model.card), motif=_net(spec))
        yielded = set(request.seen)
        turns = _turns(request, common, model=model, settings=settings, deadline=deadline)
        for number, turn in enumerate(turns):
            if time.monotonic() > deadline:
                return
            for crystal, ask in _made(turn, request, model=model, number=number):
                if conforms(spec, crystal, space_group=None) is not None:
                    continue
                candidate = _candidate(crystal, ask, request=request, model=model, number=number)
                if candidate.id not in yielded:
                    yielded.add(candidate.id)
                    yield candidate


STRATEGY = _Diffusion()


def _net(spec: DesignSpec) -> Motif | None:
    """The flat net that is wanted."""
    return motif_called(spec.structure.motif) if spec.structure.motif in FLAT_MOTIFS else None


def _groups(request: StrategyRequest) -> Iterator[int]:
    """The space groups that are wanted, again and again; 0 for any, also beside a net, with which the model takes none."""
    wanted = [] if _net(request.spec) else request.spec.structure.space_groups
    return cycle(wanted or [0])


def conditions_of(spec: DesignSpec, card: ModelCard) -> dict[str, float]:
    """The targets as the model's conditions, a little inside what is wanted; it is told to make stable crystals where it can be."""
    found: dict[str, float] = {}
    for target in spec.targets:
        try:
            name = condition_of(target.property, card)
        except SpecError:
            continue  # the model knows nothing of it; the tools that follow measure it
        value = _aim(target, name=name, card=card)
        if value is not None:
            found[name] = value
    stable = next((name for name in card.network.scalars if name.startswith("energy_above_hull")), None)
    if stable is not None:
        found[stable] = min(0.0, found.get(stable, 0.0))
    return found


def _aim(target: Target, *, name: str, card: ModelCard) -> float | None:
    """The value to ask for; None for a condition that is no number, or a target held against another material."""
    if target.reference is not None or name not in card.network.scalars:
        return None
    place = card.network.scalars.index(name)
    mean, spread = card.scalars.mean[place], card.scalars.spread[place]
    value = target.value
    match target.relation:
        case Relation.MAXIMISE:
            aim = mean + _FAR_SPREADS * spread
        case Relation.MINIMISE:
            aim = mean - _FAR_SPREADS * spread
        case Relation.BETWEEN if value is not None and target.upper is not None:
            aim = 0.5 * (value + target.upper)
        case Relation.ABOVE if value is not None:
            aim = value + _BEYOND * abs(value)
        case Relation.BELOW if value is not None:
            aim = value - _BEYOND * abs(value)
        case _:
            aim = value
    if aim is None:
        return None
    return aim if name.startswith(("energy_above_hull", "formation_energy")) else max(aim, 0.0)


def _turns(
    request: StrategyRequest,
    common: CrystalWishes,
    *,
    model: DiffusionModel,
    settings: Settings,
    deadline: float,
) -> Iterator[list[_Ask]]:
    """The ways in turn, each as long as it has something left; each round begins with the next, since time may not do for all of them."""
    ways = [
        _formula_turns(formulas_in_hand(request, settings=settings), request, common),
        _variations(request, common),
    ]
    if request.spec.chemistry.formula is None:
        ways.append(_free_turns(request, common, card=model.card))
        ways.append(_pool_turns(request, common, settings=settings, deadline=deadline))
    first = request.round % len(ways)
    ways = ways[first:] + ways[:first]
    while ways:
        for way in list(ways):
            turn = next(way, None)
            if turn is None:
                ways.remove(way)
            else:
                yield turn


def _pool_turns(
    request: StrategyRequest, common: CrystalWishes, *, settings: Settings, deadline: float
) -> Iterator[list[_Ask]]:
    if time.monotonic() > deadline:
        return  # the pool is dear to work out
    yield from _formula_turns(formulas_of_pool(request, settings=settings), request, common)


def _formula_turns(
    formulas: list[DrawnFormula], request: StrategyRequest, common: CrystalWishes
) -> Iterator[list[_Ask]]:
    """A few formulas a turn, round and round."""
    groups = _groups(request)
    stream = cycle(formulas)
    while formulas:
        yield [
            _Ask(
                wishes=replace(common, formula=formula.key, space_group=next(groups)),
                kind=formula.key,
                score=formula.score,
                parents=formula.parents,
            )
            for formula in islice(stream, min(_FORMULAS_A_TURN, len(formulas)))
        ]


def _variations(request: StrategyRequest, common: CrystalWishes) -> Iterator[list[_Ask]]:
    """The best parents, with their own species and with species that the specification permits in turn; never the crystal as it is."""
    if request.spec.structure.space_groups or common.motif is not None:
        return
    forbidden = _forbidden(request)
    allowed = tuple(sorted(permitted_elements(request.spec) - forbidden, key=SYMBOLS.index))
    own: list[_Ask] = []
    new: list[_Ask] = []
    for parent in request.parents[:_VARIED]:
        formula = parent.crystal.formula
        if not forbidden.intersection(parent.crystal.elements):
            wishes = replace(common, seed=seed_of(parent.crystal, strength=_STRENGTH))
            own.append(_Ask(wishes=wishes, kind=f"a variation of {formula}", parents=(parent.id,)))
        if request.spec.chemistry.formula is None:
            wishes = replace(
                common,
                seed=seed_of(parent.crystal, strength=_STRENGTH, free=True),
                allowed=allowed,
                required=tuple(request.spec.chemistry.required),
                others=False,
            )
            new.append(
                _Ask(wishes=wishes, kind=f"new species on the sites of {formula}", parents=(parent.id,))
            )
    turns = [turn for turn in (own, new) if turn]
    if turns:
        yield from cycle(turns)


def _free_turns(request: StrategyRequest, common: CrystalWishes, *, card: ModelCard) -> Iterator[list[_Ask]]:
    """Elements that are required, one of each group of which one must occur, and others of the permitted: of most crystals the model's choice, of the rest drawn."""
    chemistry = request.spec.chemistry
    permitted = permitted_elements(request.spec) - _forbidden(request)
    known = {SYMBOLS[number - 1]: seen for number, seen in card.elements.items()}
    symbols = sorted(permitted & set(known) if known else permitted, key=SYMBOLS.index)
    random = np.random.default_rng([request.seed, request.round, 2207])
    favour = {symbol: max(request.directive.elements.get(symbol, 1.0), 0.0) for symbol in symbols}
    weights = np.array([favour[symbol] * known.get(symbol, 1) ** 0.5 for symbol in symbols])
    if not symbols or float(weights.sum()) <= 0:
        return
    shares = weights / weights.sum()
    groups = _groups(request)
    most = max(min(chemistry.elements_max, _MOST_ELEMENTS), chemistry.elements_min)
    # What is steered needs many crystals of one kind to choose among.
    steered = steering_target(request.spec, card) is not None

    liked = [symbol for symbol in symbols if favour[symbol] > 1]

    def ask(*, drawn: bool) -> _Ask:
        chosen = set(chemistry.required)
        for group in chemistry.any_of:
            able = [symbol for symbol in group if symbol in favour]
            if able and not chosen.intersection(group):
                chosen.add(str(random.choice(able)))
        if drawn:
            least = max(chemistry.elements_min, 2 if most > 1 else 1, len(chosen))
            size = int(random.integers(least, max(most, least) + 1))
            while len(chosen) < min(size, int((weights > 0).sum())):
                chosen.add(str(random.choice(symbols, p=shares)))
        elif liked and len(chosen) < most:
            # Half of the time, so that a directive does not decide everything.
            chosen.update([str(random.choice(liked))] if random.random() < _HALF else [])
        elements = tuple(sorted(chosen, key=SYMBOLS.index))
        wishes = replace(
            common,
            required=elements,
            allowed=() if drawn else tuple(symbols),
            others=False,
            space_group=next(groups),
        )
        kind = "-".join((*elements, *(() if drawn else ("what the model takes",))))
        return _Ask(wishes=wishes, kind=f"free, {kind}", steered=steered)

    while True:
        yield [ask(drawn=not steered and place == 0) for place in range(1 if steered else _SETS_A_TURN)]


def _forbidden(request: StrategyRequest) -> set[str]:
    return {symbol for symbol, weight in request.directive.elements.items() if weight <= 0}


def _made(
    turn: list[_Ask], request: StrategyRequest, *, model: DiffusionModel, number: int
) -> Iterator[tuple[Crystal, _Ask]]:
    """The crystals of one turn, those of its asks in turn; none where the model cannot make what is wished."""
    from matsmith.models.diffusion.sampling import generate

    random = np.random.default_rng([request.seed, request.round, number])
    strength = float(np.clip(request.directive.strategies.get(STRATEGY.name, 1.0), 1.0, _STRONGEST))
    asked: list[tuple[int, CrystalRequest, _Ask]] = []
    for ask in turn:
        try:
            found = requests_of(ask.wishes, model.card, count=_TURN // len(turn), random=random)
        except SpecError:
            continue  # such as a formula larger than the model's cells: the other strategies make it
        fitting = [each for each in found if len(each.numbers) <= request.spec.structure.atoms_max]
        asked += [(place, each, ask) for place, each in enumerate(fitting)]
    asked.sort(key=lambda each: each[0])
    if not asked:
        return
    target = steering_target(request.spec, model.card) if turn[0].steered else None
    try:
        table = generate(
            model,
            [each for _, each, _ in asked],
            settings=usual_sampling(dict.fromkeys(turn[0].wishes.conditions, strength), steps=STEPS),
            seed=int(random.integers(2**31)),
            steering=None if target is None else steering_of(*target),
        )
    except SpecError:
        return  # a space group whose arrangements of these atoms all have a higher symmetry
    for crystal, (_, each, ask) in zip(crystals_of(table), asked, strict=True):
        # One without symmetry may still relax into something.
        if fault_of(crystal, each) < Fault.UNBALANCED:
            yield crystal, ask


def steering_target(spec: DesignSpec, card: ModelCard) -> tuple[str, float] | None:
    """The first hard target that only a composition model knows, and the value to steer to."""
    from matsmith.models.predictors.library import shipped

    conditions = conditions_of(spec, card)
    for target in spec.hard_targets:
        told = any(name.startswith(f"{target.property}_") for name in conditions)
        if told or target.property not in shipped() or target.reference is not None or target.value is None:
            continue
        middle = target.value if target.upper is None else 0.5 * (target.value + target.upper)
        sign = {Relation.ABOVE: 1.0, Relation.BELOW: -1.0}.get(target.relation, 0.0)
        return target.property, middle + sign * _BEYOND * abs(middle)
    return None


def _candidate(
    crystal: Crystal, ask: _Ask, *, request: StrategyRequest, model: DiffusionModel, number: int
) -> Candidate:
    conditions: Mapping[str, float] = ask.wishes.conditions
    aims = ", ".join(f"{name} {value:.3g}" for name, value in sorted(conditions.items()))
    note = f"diffusion model {model.sha256[:12]}, {ask.kind}"
    lineage = Lineage(
        strategy=STRATEGY.name,
        parents=ask.parents,
        seed=request.seed,
        round=request.round,
        note=f"{note}{f', asked for {aims}' if aims else ''}, batch {number}",
    )
    return Candidate.of(crystal, lineage=lineage, score=ask.score)
