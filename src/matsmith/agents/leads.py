"""What quotes say that a search for materials can use: chemistries and prototypes with reported values, and those that fail.

A lead is read from a quote by rules and held against the targets. It tells a generator where to look; it is no measurement, and no
verdict is computed from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from matsmith.agents.objective.prototypes import PROTOTYPE_WORDS
from matsmith.core.errors import UnitError
from matsmith.core.properties import physical_problem
from matsmith.core.run import Lead, LeadKind, Stance
from matsmith.core.spec import Conditions, DesignSpec, Target
from matsmith.core.units import convert
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.extraction.materials import find_materials
from matsmith.knowledge.literature.extraction.values import ExtractedValue
from matsmith.knowledge.literature.reported import values_in
from matsmith.knowledge.literature.sentences import sentence_spans

_FAILS = re.compile(
    r"\b(?:unstable|decomposes?|(?:is|are) reduced|oxidi[sz]es? easily|could not be (?:made|synthesi[sz]ed|obtained)|"
    r"does not (?:form|exist)|do not (?:form|exist)|loses? (?:the|its) single phase|amorphi[sz]es?|corrodes?|not stable)\b",
    re.IGNORECASE,
)
# Of a long table only so many are kept, those that say most first.
_MOST = 12
_RANK = {Stance.WORTH_TRYING: 0, Stance.KNOWN_TO_FAIL: 1, Stance.REPORTED: 2}
_KELVIN = re.compile(r"(\d+(?:\.\d+)?)\s?(K|°\s?C|C)\b")
_PRESSURE = re.compile(r"(\d+(?:\.\d+)?)\s?(GPa|kbar|MPa)\b")
_GPA = {"GPa": 1.0, "kbar": 0.1, "MPa": 0.001}
# What is taken for the conditions of the specification: elastic constants and gaps change by a few percent over this much.
_ROOM_K, _WITHIN_K, _WITHIN_GPA = 300.0, 150.0, 1.0


def leads_of(passage: Passage, *, document: SourceDocument, spec: DesignSpec) -> list[Lead]:
    """The leads in a passage, those that meet a target first; values that no solid has are left out."""
    found: dict[tuple[str, str, str, str], Lead] = {}
    for value in values_in(passage, document=document):
        lead = _of_value(value, spec)
        if lead is not None:
            found.setdefault((lead.kind, lead.name, lead.property, lead.words), lead)
    meeting = [lead.words for lead in found.values() if lead.stance is Stance.WORTH_TRYING]
    for lead in [*_failures(passage.text), *_prototypes(passage.text, meeting=meeting)]:
        found.setdefault((lead.kind, lead.name, lead.property, ""), lead)
    return sorted(found.values(), key=lambda lead: _RANK[lead.stance])[:_MOST]


def _of_value(value: ExtractedValue, spec: DesignSpec) -> Lead | None:
    family = FAMILIES[value.family]
    target = next((t for t in spec.targets if t.property in (family.measured, family.computed)), None)
    if target is None:
        return None
    try:
        low, high = (convert(end, value.unit, target.unit or value.unit) for end in (value.low, value.high))
    except UnitError:
        return None
    if any(physical_problem(target.property, end) for end in (low, high)):
        return None
    lower = None if value.relation == "below" else low
    upper = None if value.relation == "above" else high
    # A computed gap says little of a measured one, and a value at other conditions little of these.
    same = value.registered == target.property and comparable(value.conditions, conditions=spec.conditions)
    return Lead(
        kind=LeadKind.CHEMISTRY,
        name=value.material,
        stance=stance_of(lower, upper, target) if same else Stance.REPORTED,
        property=target.property,
        low=lower,
        high=upper,
        unit=target.unit or value.unit,
        conditions=list(value.conditions),
        words=value.quote,
    )


def comparable(written: Sequence[str], *, conditions: Conditions) -> bool:
    """Whether a value reported at these conditions may be held against a target at the specification's.

    Without a temperature of its own a specification means room temperature or below. Conditions that name neither a temperature nor a
    pressure always may.

    >>> comparable(["at room temperature"], conditions=Conditions()), comparable(["at 1200 K"], conditions=Conditions())
    (True, False)
    >>> comparable(["under 20 GPa"], conditions=Conditions()), comparable(["at 927 °C"], conditions=Conditions(temperature_k=1200))
    (False, True)
    """
    text = "; ".join(written)
    wanted_k, wanted_gpa = conditions.temperature_k, conditions.pressure_gpa or 0.0
    for number, unit in _KELVIN.findall(text):
        kelvin = float(number) + (0.0 if unit == "K" else 273.15)
        if wanted_k is None and kelvin > _ROOM_K + _WITHIN_K:
            return False
        if wanted_k is not None and abs(kelvin - wanted_k) > _WITHIN_K:
            return False
    return all(
        abs(float(number) * _GPA[unit] - wanted_gpa) <= _WITHIN_GPA
        for number, unit in _PRESSURE.findall(text)
    )


def stance_of(low: float | None, high: float | None, target: Target) -> Stance:
    """How a reported interval stands to a target; an interval that leaves it open is only reported."""
    if not target.is_constraint or target.reference is not None:
        return Stance.REPORTED
    wanted = target.interval
    at_least = float("-inf") if low is None else low
    at_most = float("inf") if high is None else high
    if at_least >= wanted.low and at_most <= wanted.high:
        return Stance.WORTH_TRYING
    return Stance.KNOWN_TO_FAIL if at_most < wanted.low or at_least > wanted.high else Stance.REPORTED


def _failures(text: str) -> list[Lead]:
    """Materials of which a sentence says in so many words that they fail; only where it names a single one."""
    found: list[Lead] = []
    for start, end in sentence_spans(text):
        sentence = text[start:end]
        materials = {
            material.formula or material.name: material.name for material in find_materials(sentence)
        }
        if len(materials) == 1 and _FAILS.search(sentence):
            found.append(
                Lead(
                    kind=LeadKind.CHEMISTRY,
                    name=next(iter(materials.values())),
                    stance=Stance.KNOWN_TO_FAIL,
                    words=sentence,
                )
            )
    return found


def _prototypes(text: str, *, meeting: Sequence[str]) -> list[Lead]:
    """Structure types that a passage names; worth trying where the same words report a value that meets a target."""
    found: dict[str, Lead] = {}
    for match in _prototype_words().finditer(text):
        words = " ".join(re.split(r"[\s-]+", match.group().lower()))
        name = PROTOTYPE_WORDS[words if words in PROTOTYPE_WORDS else words.removesuffix("s")]
        beside = next((quote for quote in meeting if match.group() in quote), "")
        stance = Stance.WORTH_TRYING if beside else Stance.REPORTED
        if name not in found or stance is Stance.WORTH_TRYING:
            found[name] = Lead(
                kind=LeadKind.PROTOTYPE, name=name, stance=stance, words=beside or match.group()
            )
    return list(found.values())


@lru_cache(maxsize=1)
def _prototype_words() -> re.Pattern[str]:
    words = sorted((word for word in PROTOTYPE_WORDS if len(word) > 3), key=len, reverse=True)
    alternatives = "|".join(re.escape(word).replace(r"\ ", r"[\s-]") for word in words)
    return re.compile(rf"\b(?:{alternatives})s?\b", re.IGNORECASE)
