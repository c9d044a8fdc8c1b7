"""What quotes say that a search for materials can use: chemistries and prototypes with reported values, and those that fail.

A lead is read from a quote by rules and held against the targets. It tells a generator where to look; it is no measurement, and no
verdict is computed from it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from matsmith.agents.objective.prototypes import PROTOTYPE_WORDS
from matsmith.core.errors import UnitError
from matsmith.core.properties import physical_problem
from matsmith.core.quantity import Relation
from matsmith.core.run import Lead, LeadKind, Stance
from matsmith.core.spec import DesignSpec, Target
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
_MOST = 12


def leads_of(passage: Passage, *, document: SourceDocument, spec: DesignSpec) -> list[Lead]:
    """The leads in a passage, values of the targets' properties first; values that no solid has are left out."""
    found: dict[tuple[str, str, str, str], Lead] = {}
    for value in values_in(passage, document=document):
        family = FAMILIES[value.family]
        target = next((t for t in spec.targets if t.property in (family.measured, family.computed)), None)
        lead = _of_value(value, target) if target else None
        if lead is not None:
            found.setdefault((lead.kind, lead.name, lead.property, lead.words), lead)
    for lead in [*_failures(passage.text), *_prototypes(passage.text)]:
        found.setdefault((lead.kind, lead.name, lead.property, ""), lead)
    return list(found.values())[:_MOST]


def _of_value(value: ExtractedValue, target: Target) -> Lead | None:
    try:
        low, high = (convert(end, value.unit, target.unit or value.unit) for end in (value.low, value.high))
    except UnitError:
        return None
    if any(physical_problem(target.property, end) for end in (low, high)):
        return None
    lower = None if value.relation == "below" else low
    upper = None if value.relation == "above" else high
    return Lead(
        kind=LeadKind.CHEMISTRY,
        name=value.material,
        stance=_stance(lower, upper, target),
        property=target.property,
        low=lower,
        high=upper,
        unit=target.unit or value.unit,
        conditions=list(value.conditions),
        words=value.quote,
    )


def _stance(low: float | None, high: float | None, target: Target) -> Stance:
    """How a reported interval stands to a target; an interval that leaves it open is only reported."""
    wanted = target.value
    if wanted is None:
        return Stance.REPORTED
    if target.relation is Relation.ABOVE:
        meets, fails = low is not None and low >= wanted, high is not None and high < wanted
    elif target.relation is Relation.BELOW:
        meets, fails = high is not None and high <= wanted, low is not None and low > wanted
    elif target.relation is Relation.BETWEEN and target.upper is not None:
        meets = low is not None and high is not None and wanted <= low and high <= target.upper
        fails = (high is not None and high < wanted) or (low is not None and low > target.upper)
    else:
        return Stance.REPORTED
    return Stance.WORTH_TRYING if meets else Stance.KNOWN_TO_FAIL if fails else Stance.REPORTED


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


def _prototypes(text: str) -> list[Lead]:
    """Structure types that a passage names."""
    found: list[Lead] = []
    for match in _prototype_words().finditer(text):
        name = PROTOTYPE_WORDS[" ".join(re.split(r"[\s-]+", match.group().lower())).removesuffix("s")]
        found.append(Lead(kind=LeadKind.PROTOTYPE, name=name, stance=Stance.REPORTED, words=match.group()))
    return found


@lru_cache(maxsize=1)
def _prototype_words() -> re.Pattern[str]:
    words = sorted((word for word in PROTOTYPE_WORDS if len(word) > 3), key=len, reverse=True)
    alternatives = "|".join(re.escape(word).replace(r"\ ", r"[\s-]") for word in words)
    return re.compile(rf"\b(?:{alternatives})s?\b", re.IGNORECASE)
