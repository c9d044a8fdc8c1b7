"""Literature in the loop: leads become a bounded directive for the next round, which what the run measures overrules.

A lead is a hint. A formula that a quote reports as meeting a target is proposed early where its crystal is at hand; one that is reported to
fail comes later; the elements and structure types of both are favoured or disfavoured by at most a factor of two. Nothing is forbidden. What
the run has judged itself speaks for itself: a formula leaves the directive once it is judged, and the pull of an element or a structure type
fades with every judged candidate that has it. Retracted sources, passages that address their reader, values at other conditions and values
far from a measured one at hand do not steer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matsmith.agents.decisions import RoundSummary
from matsmith.agents.literature_measured import contradicted
from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Relation
from matsmith.core.run import Evidence, Lead, LeadKind, Stance
from matsmith.core.spec import DesignSpec
from matsmith.core.steering import Effect, Steer, Steering
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.literature.extraction.materials import formula_key
from matsmith.knowledge.literature.spellings import written_formula
from matsmith.knowledge.literature.untrusted import is_suspicious

# What one property's reports do to a formula, at most two of them; what they do to its elements and types is shrunk while rare.
_PER_PROPERTY, _MOST_PROPERTIES = math.log(3.0), 2.0
_FAILS_SOMEHOW = -0.5
_SOFT = 0.5
_PER_ELEMENT, _PER_PROTOTYPE = 0.5, 0.7
_FEW = 2.0
_FORMULA_RANGE, _FEATURE_RANGE = (0.25, 6.0), (0.5, 2.0)
_DIRECTIVE_RANGE = (0.25, 6.0)
# A search for an extreme follows the best third of what is reported, when there is enough to rank.
_ENOUGH_TO_RANK, _BEST_SHARE = 3, 3
_MOST_FORMULAS = 12
_MOST_STEERS = 24
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class _Report:
    """One evidence's word on one formula: `merit` from -1 (fails) to 1 (meets), times the target's weight."""

    key: str
    property: str
    merit: float
    evidence: str


def steering_of(
    evidence: Sequence[Evidence], *, spec: DesignSpec, rounds: Sequence[RoundSummary] = ()
) -> Steering:
    """What the leads of a run's evidence add to the directive, after the rounds that were judged so far."""
    sound = [one for one in evidence if not one.retracted and not is_suspicious(one.quote)]
    judged = {
        candidate.id: candidate for summary in rounds for candidate in summary.best if candidate.probabilities
    }
    seen = [(set(key_amounts(_key(each.formula))), each.prototype) for each in judged.values()]
    done = {_key(each.formula) for each in judged.values()}
    reports = [report for report in _reports(sound, spec=spec) if _fits(report.key, spec)]
    merits = {key: _merit(reports, key) for key in sorted({report.key for report in reports})}
    open_keys = [key for key, merit in merits.items() if merit and key not in done]
    open_keys = sorted(open_keys, key=lambda key: (-abs(merits[key]), key))[:_MOST_FORMULAS]
    formulas = {key: _bounded(_PER_PROPERTY * merits[key], _FORMULA_RANGE) for key in open_keys}
    elements = {
        symbol: _bounded(
            _PER_ELEMENT * _mean(values) * _faded(sum(symbol in there for there, _ in seen)), _FEATURE_RANGE
        )
        for symbol, values in _by_element(merits, spec=spec).items()
    }
    types = _prototypes(sound, spec=spec)
    prototypes = {
        name: _bounded(
            _PER_PROTOTYPE * _mean([1.0] * len(ids)) * _faded(sum(name == own for _, own in seen)),
            _FEATURE_RANGE,
        )
        for name, ids in types.items()
    }
    steers = [
        Steer(
            evidence=report.evidence,
            name=report.key,
            effect=Effect.PROPOSED if formulas[report.key] > 1 else Effect.DISFAVOURED,
            property=report.property,
        )
        for report in reports
        if report.key in formulas and report.merit * merits[report.key] > 0
    ]
    steers += [
        Steer(evidence=one, name=name, effect=Effect.FAVOURED) for name, ids in types.items() for one in ids
    ]
    return Steering(
        formulas=formulas,
        elements=_changing(elements),
        prototypes=_changing(prototypes),
        steers=_distinct(steers),
    )


def reported_formulas(evidence: Sequence[Evidence]) -> dict[str, str]:
    """The formulas of which the evidence reports a value, each with the words for where: nothing of them is new."""
    found: dict[str, str] = {}
    for one in evidence:
        for lead in one.leads:
            if lead.kind is LeadKind.CHEMISTRY and lead.property and (key := formula_key(lead.name)):
                found.setdefault(key, f"reported in the literature, evidence {one.id}")
    return found


def directive_of(steering: Steering) -> Directive:
    """The steering as a directive of its own, its reason naming the evidence."""
    return Directive(
        elements=steering.elements,
        prototypes=steering.prototypes,
        formulas=steering.formulas,
        reason=in_words(steering),
    )


def steered(directive: Directive, steering: Steering) -> Directive:
    """A directive with the literature's multipliers on top of its own, within bounds; what it forbids stays forbidden."""
    if steering.says_nothing:
        return directive
    words = in_words(steering)
    return directive.model_copy(
        update={
            "elements": _product(directive.elements, steering.elements),
            "prototypes": _product(directive.prototypes, steering.prototypes),
            "formulas": {**steering.formulas, **directive.formulas},
            "reason": " ".join(part for part in (directive.reason, words) if part),
        }
    )


def in_words(steering: Steering) -> str:
    """What the literature adds, in a sentence that names the evidence; formulas are keys, so nothing of a text stands in it.

    >>> in_words(Steering(formulas={"MgO": 3.0}, steers=[Steer(evidence="9f3c12ab", name="MgO", effect="proposed")]))
    'From the literature: MgO reported to meet a target (evidence 9f3c12ab).'
    """
    says = {
        Effect.PROPOSED: "reported to meet a target",
        Effect.DISFAVOURED: "reported to miss one or to fail",
        Effect.FAVOURED: "the structure type of one that meets a target",
    }
    parts: list[str] = []
    for effect, words in says.items():
        mine = [steer for steer in steering.steers if steer.effect is effect]
        names = list(dict.fromkeys(steer.name for steer in mine))[:_NAMED]
        ids = dict.fromkeys(steer.evidence for steer in mine if steer.name in names)
        if names:
            shown = ", ".join(name_text(name, effect) for name in names)
            parts.append(f"{shown} {words} ({', '.join(f'evidence {one}' for one in ids)})")
    return f"From the literature: {'; '.join(parts)}." if parts else ""


def name_text(name: str, effect: Effect) -> str:
    """The name of a steer as people write it: formulas with the cations first.

    >>> name_text("Al2MgO4", Effect.PROPOSED), name_text("rocksalt", Effect.FAVOURED)
    ('MgAl2O4', 'rocksalt')
    """
    return written_formula(name) if effect in (Effect.PROPOSED, Effect.DISFAVOURED) else name


def drawn(
    steering: Steering, fresh: Sequence[Candidate], *, cited: Sequence[str], evidence: Sequence[Evidence]
) -> Steering:
    """The steering with the candidates that were drawn by it, and the evidence that the plan itself cites; unknown ids are dropped."""
    by_formula: dict[str, list[str]] = {}
    for candidate in fresh:
        by_formula.setdefault(reduced_key(candidate.crystal.amounts), []).append(candidate.id)
    steers = [
        steer.model_copy(update={"candidates": by_formula.get(steer.name, [])}) for steer in steering.steers
    ]
    known = {one.id for one in evidence} - {steer.evidence for steer in steers}
    steers += [
        Steer(evidence=one, name=one, effect=Effect.CITED) for one in dict.fromkeys(cited) if one in known
    ]
    return steering.model_copy(update={"steers": steers})


def _reports(evidence: Sequence[Evidence], *, spec: DesignSpec) -> list[_Report]:
    """The leads that say something of a formula; for a target that is only optimised the best third of the reported values."""
    weights = {target.property: 1.0 if target.hard else _SOFT for target in spec.targets}
    found: list[_Report] = []
    for one in evidence:
        for lead in one.leads:
            key = formula_key(lead.name) if lead.kind is LeadKind.CHEMISTRY else ""
            if not key or contradicted(lead):
                continue
            merit = _stance_merit(lead, weights)
            if merit:
                found.append(_Report(key=key, property=lead.property, merit=merit, evidence=one.id))
    for target in spec.targets:
        if not target.is_constraint:
            found += _extremes(evidence, property_name=target.property, relation=target.relation)
    return found


def _stance_merit(lead: Lead, weights: dict[str, float]) -> float:
    if not lead.property:
        return _FAILS_SOMEHOW if lead.stance is Stance.KNOWN_TO_FAIL else 0.0
    sign = {Stance.WORTH_TRYING: 1.0, Stance.KNOWN_TO_FAIL: -1.0, Stance.REPORTED: 0.0}[lead.stance]
    return sign * weights.get(lead.property, 0.0)


def _extremes(evidence: Sequence[Evidence], *, property_name: str, relation: Relation) -> list[_Report]:
    values: dict[str, tuple[float, str]] = {}
    for one in evidence:
        for lead in one.leads:
            key = formula_key(lead.name)
            ends = [end for end in (lead.low, lead.high) if end is not None]
            if lead.property == property_name and key and ends and not contradicted(lead):
                values.setdefault(key, (sum(ends) / len(ends), one.id))
    if len(values) < _ENOUGH_TO_RANK:
        return []
    ranked = sorted(values, key=lambda key: (values[key][0], key), reverse=relation is Relation.MAXIMISE)
    best = ranked[: max(1, len(ranked) // _BEST_SHARE)]
    return [_Report(key=key, property=property_name, merit=_SOFT, evidence=values[key][1]) for key in best]


def _merit(reports: Sequence[_Report], key: str) -> float:
    """The sum over the properties of the mean of what is reported; sources that contradict each other cancel."""
    by_property: dict[str, list[float]] = {}
    for report in reports:
        if report.key == key:
            by_property.setdefault(report.property, []).append(report.merit)
    total = sum(sum(values) / len(values) for values in by_property.values())
    return max(-_MOST_PROPERTIES, min(_MOST_PROPERTIES, total))


def _by_element(merits: dict[str, float], *, spec: DesignSpec) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for key, merit in merits.items():
        for symbol in key_amounts(key):
            if symbol not in spec.chemistry.required:
                found.setdefault(symbol, []).append(merit)
    return dict(sorted(found.items()))


def _prototypes(evidence: Sequence[Evidence], *, spec: DesignSpec) -> dict[str, list[str]]:
    """Structure types named in the words that report a material to meet a target, if it is one that the chemistry allows."""
    found: dict[str, list[str]] = {}
    for one in evidence:
        worth = [lead for lead in one.leads if lead.stance is Stance.WORTH_TRYING]
        words = {
            lead.words
            for lead in worth
            if lead.kind is LeadKind.CHEMISTRY
            and (key := formula_key(lead.name))
            and _fits(key, spec)
            and not contradicted(lead)
        }
        for lead in worth:
            if lead.kind is LeadKind.PROTOTYPE and lead.words in words:
                found.setdefault(lead.name, []).append(one.id)
    return dict(sorted(found.items()))


def _fits(key: str, spec: DesignSpec) -> bool:
    """Whether a reported formula is one that the specification's chemistry allows: others say nothing of its elements here."""
    from matsmith.tools.strategies.chemistry_filter import conforms_chemistry

    return conforms_chemistry(spec, key_amounts(key)) is None


def _key(formula: str) -> str:
    try:
        return reduced_key(formula)
    except SpecError:
        return ""


def _mean(values: Sequence[float]) -> float:
    """A mean that is shrunk while there are few values."""
    return sum(values) / (len(values) + _FEW)


def _faded(judged: int) -> float:
    """How much is left of the literature's word after so many judged candidates."""
    return _FEW / (_FEW + judged)


def _bounded(log_weight: float, limits: tuple[float, float]) -> float:
    return round(min(limits[1], max(limits[0], math.exp(log_weight))), 3)


def _changing(weights: dict[str, float]) -> dict[str, float]:
    return {name: weight for name, weight in weights.items() if weight != 1.0}


def _product(own: dict[str, float], added: dict[str, float]) -> dict[str, float]:
    low, high = _DIRECTIVE_RANGE
    changed = {
        name: 0.0 if own.get(name, 1.0) <= 0 else round(min(high, max(low, own.get(name, 1.0) * weight)), 3)
        for name, weight in added.items()
    }
    return {**own, **changed}


def _distinct(steers: Iterable[Steer]) -> list[Steer]:
    return list({(each.evidence, each.name, each.effect): each for each in steers}.values())[:_MOST_STEERS]
