"""Where sources disagree: two values of one property of one material that do not overlap once they are in one unit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.extraction.quantities import find_measures
from matsmith.knowledge.literature.extraction.values import ExtractedValue
from matsmith.knowledge.literature.quotes import Quote, quote_from
from matsmith.knowledge.literature.reported import values_in

# Values that differ by less than this part of their mean disagree no more than samples and methods do.
_TOLERANCE = 0.10
_TEMPERATURE_TOLERANCE_K = 25.0


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one source says: the value as written, and from `low` to `high` in the unit of the comparison, open sides infinite."""

    quote: Quote
    written: str
    low: float
    high: float
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """Sources that disagree on a property of a material, in one unit.

    `material` is as a source writes it; `formula` is reduced, or the name in lower case where there is none.
    """

    material: str
    formula: str
    property: str
    unit: str
    sides: tuple[Side, ...]


@dataclass(frozen=True, kw_only=True)
class _Claim:
    value: ExtractedValue
    side: Side

    @property
    def about(self) -> tuple[str, str]:
        """Which material and which property."""
        return self.value.formula or self.value.material.lower(), self.value.family


def find_contradictions(
    passages: Sequence[Passage], *, documents: Mapping[str, SourceDocument]
) -> list[Contradiction]:
    """The contradictions among passages, by material and property.

    Only values of different documents are set against each other, measured ones against measured, and at temperatures that are alike.
    """
    claims = [
        claim
        for passage in passages
        if passage.document_id in documents
        for claim in _claims(passage, documents[passage.document_id])
    ]
    found: list[Contradiction] = []
    for about in dict.fromkeys(claim.about for claim in claims):
        group = [claim for claim in claims if claim.about == about]
        apart = [claim for claim in group if any(_conflict(claim, other) for other in group)]
        if apart:
            sides = {(claim.side.quote.id, claim.side.written): claim.side for claim in apart}
            found.append(
                Contradiction(
                    material=apart[0].value.material,
                    formula=about[0],
                    property=FAMILIES[about[1]].name.replace("_", " "),
                    unit=apart[0].value.unit,
                    sides=tuple(sides.values()),
                )
            )
    return found


def _claims(passage: Passage, document: SourceDocument) -> list[_Claim]:
    """The values of a passage, each with the sentence it stands in as a quote."""
    found: list[_Claim] = []
    for value in values_in(passage, document=document):
        quote = quote_from(document, passage, start=value.start, end=value.end)
        if quote is None:
            continue
        low = -math.inf if value.relation == "below" else value.low
        high = math.inf if value.relation == "above" else value.high
        side = Side(quote=quote, written=value.written, low=low, high=high, conditions=value.conditions)
        found.append(_Claim(value=value, side=side))
    return found


def _conflict(claim: _Claim, other: _Claim) -> bool:
    if claim.side.quote.document_id == other.side.quote.document_id:
        return False
    if (
        "computed" in (claim.value.obtained, other.value.obtained)
        and claim.value.obtained != other.value.obtained
    ):
        return False
    first, second = _temperature_k(claim.value), _temperature_k(other.value)
    if first is not None and second is not None and abs(first - second) > _TEMPERATURE_TOLERANCE_K:
        return False
    lower, upper = (claim, other) if claim.side.low <= other.side.low else (other, claim)
    least, most = lower.side.high, upper.side.low
    if not most > least:
        return False
    spread = lower.value.sigma + upper.value.sigma + lower.value.rounding + upper.value.rounding
    return most - least > max(_TOLERANCE * 0.5 * (abs(most) + abs(least)), spread)


def _temperature_k(value: ExtractedValue) -> float | None:
    """The temperature among a value's conditions; None when there is none."""
    for condition in value.conditions:
        if re.search(r"room temperature|ambient temperature", condition, re.IGNORECASE):
            return 298.15
        for measure in find_measures(condition):
            if measure.unit == "K":
                return measure.low
            if measure.unit in ("°C", "C", "degC"):
                return measure.low + 273.15
    return None
