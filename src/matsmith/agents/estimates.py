"""What the screening promises of a candidate: rough values with wide sigmas that order work and decide nothing."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from matsmith.agents.context import RunContext
from matsmith.agents.scoring import promise, score
from matsmith.agents.work import Work
from matsmith.core.errors import MatsmithError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Quantity
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.references import references_for
from matsmith.tools.crystal_facts import density_of
from matsmith.tools.registry import PREDICTIONS
from matsmith.tools.strategies.registry import FROM_NOTHING
from matsmith.tools.strategies.sources import known_keys

# How far a screened, unrelaxed estimate lies from the relaxed one (typical relaxation gain and its scatter).
_RELAXATION_GAIN_EV_PER_ATOM, _SCREENED_SIGMA_EV_PER_ATOM = 0.06, 0.12
_ROUGH_MODULUS_SIGMA, _ROUGH_DENSITY_SIGMA = 0.3, 0.08


def estimates(context: RunContext, work: Work) -> dict[str, Quantity]:
    """Rough values of the targets' properties from the screening, with wide sigmas; they order work only."""
    record = work.screened
    if record is None or record.outcome.crystal is None:
        return {}
    found: dict[str, Quantity] = {}
    facts, crystal = record.outcome.facts, record.outcome.crystal
    wanted = {target.property for target in context.spec.targets}
    modulus = facts.get("rough_bulk_modulus_gpa")
    if "bulk_modulus" in wanted and isinstance(modulus, float) and modulus > 0:
        value = calibration("bulk_modulus").factor * modulus
        found["bulk_modulus"] = Quantity(value=value, unit="GPa", sigma=_ROUGH_MODULUS_SIGMA * value)
    if "density" in wanted:
        density = density_of(crystal)
        found["density"] = Quantity(value=density, unit="g/cm3", sigma=_ROUGH_DENSITY_SIGMA * density)
    energy = facts.get("screened_energy_ev_per_atom")
    if "energy_above_hull" in wanted and isinstance(energy, float):
        above = _screened_energy_above_hull(context, work, energy=energy)
        if above is not None:
            found["energy_above_hull"] = Quantity(
                value=above - _RELAXATION_GAIN_EV_PER_ATOM, unit="eV/atom", sigma=_SCREENED_SIGMA_EV_PER_ATOM
            )
    return found | _predicted(crystal.formula, wanted - set(found))


def _predicted(formula: str, names: set[str]) -> dict[str, Quantity]:
    """What the composition models say of properties that the screening says nothing of; only inside of their domain."""
    from matsmith.models.predictors.library import predicted, shipped

    found: dict[str, Quantity] = {}
    for name in sorted(names & set(shipped())):
        if not PREDICTIONS.intersection(PROPERTIES[name].tools):
            continue
        try:
            one = predicted(name, formula)
        except MatsmithError:
            # The prediction's own tool says why; the candidate keeps even odds here.
            continue
        if one.in_domain:
            found[name] = Quantity(value=one.value, unit=one.unit, sigma=one.sigma)
    return found


def _screened_energy_above_hull(context: RunContext, work: Work, *, energy: float) -> float | None:
    crystal = work.candidate.crystal
    settings = context.settings
    try:
        references = references_for(
            crystal.elements, data_dir=settings.data_dir, cache_dir=settings.cache_dir, only=None
        )
        amounts = {symbol: float(amount) for symbol, amount in crystal.amounts.items()}
        formation, _ = references.formation_energy(amounts, energy)
        return references.energy_above_hull(crystal.formula, formation)
    except MatsmithError:
        # Without references the candidate keeps even odds here; the stability tool will say why.
        return None


def most_promising(context: RunContext, works: list[Work]) -> list[Work]:
    """Alive candidates, most promising first; at most three of a formula at the front, and new ones in most places."""
    alive = [work for work in works if work.alive]
    rough = {work.candidate.id: estimates(context, work) for work in alive}
    untold = [work for work in alive if "energy_above_hull" not in rough[work.candidate.id]]
    stable = stability_promise(context, [work.candidate.formula for work in untold])
    gained = {work.candidate.id: stable.get(work.candidate.formula, 0.0) for work in untold}
    ranked = sorted(
        alive,
        key=lambda work: (
            -promise(context.spec, rough[work.candidate.id]) - gained.get(work.candidate.id, 0.0),
            work.candidate.id,
        ),
    )
    seen: dict[str, int] = {}
    front: list[Work] = []
    back: list[Work] = []
    for work in ranked:
        formula = work.candidate.formula
        seen[formula] = seen.get(formula, 0) + 1
        (front if seen[formula] <= 3 else back).append(work)
    return with_their_share(new_first(context, front) + new_first(context, back))


def stability_promise(context: RunContext, formulas: Sequence[str]) -> dict[str, float]:
    """What the stability model says in the place of even odds, where a stable one is wanted and the screening could say nothing of the hull.

    Beside a screened energy the chance gains nothing that could be measured (benchmarks/stability_order.py), so it stays out there. Formulas outside
    of its domain count as the database's average, and none at all where no energy above the hull is asked for, where the formula is given, or
    where the weights are not here.
    """
    from matsmith.models.predictors.stability.model import chances

    wanted = any(target.property == "energy_above_hull" for target in context.spec.targets)
    if not (context.settings.stability_order and wanted) or context.spec.chemistry.formula is not None:
        return {}
    try:
        found = chances(list(dict.fromkeys(formulas)))
    except MatsmithError:
        # It only orders: without it the screening does so alone.
        return {}
    return {
        one.formula: math.log(2.0 * (one.probability if one.in_domain else one.base_rate)) for one in found
    }


def with_their_share(works: Sequence[Work]) -> list[Work]:
    """The candidates in their order, save that crystals made from nothing hold evenly spread as many places as they are.

    Relaxing lowers the screened energy of random ones by 0.2 to 1.3 eV/atom (the quartiles, `benchmarks/random_search.py`), so it ranks them
    among themselves but not beside decorated prototypes, which are near their minimum as they are drawn.
    """
    drawn = [work for work in works if work.candidate.lineage.strategy in FROM_NOTHING]
    others = [work for work in works if work.candidate.lineage.strategy not in FROM_NOTHING]
    if not drawn or not others:
        return list(works)
    places = [
        ((k + 0.5) / len(row), number, work)
        for number, row in enumerate((others, drawn))
        for k, work in enumerate(row)
    ]
    return [work for _, _, work in sorted(places, key=lambda place: place[:2])]


def new_first(context: RunContext, works: Sequence[Work]) -> list[Work]:
    """The candidates in their order, save that where only new ones count, formulas in no list take three places of four.

    One more known material does not end such a run, so the dear stages are not spent on what is in a table already.
    """
    if context.spec.accept_known:
        return list(works)
    known = known_keys(context.settings)
    listed = deque(work for work in works if reduced_key(work.candidate.crystal.amounts) in known)
    new = deque(work for work in works if reduced_key(work.candidate.crystal.amounts) not in known)
    mixed: list[Work] = []
    while new or listed:
        turn = listed if (len(mixed) % 4 == 3 and listed) or not new else new
        mixed.append(turn.popleft())
    return mixed


def outlook(context: RunContext, work: Work) -> float:
    """Score so far plus what the screening promises for the targets that are not measured."""
    missing = {verdict.property for verdict in work.verdicts if verdict.quantity is None}
    rough = {name: value for name, value in estimates(context, work).items() if name in missing}
    return score(context.spec, work.verdicts) + promise(context.spec, rough)
