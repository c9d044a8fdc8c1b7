"""What extraction returns: a value of one property of one material, with its words, their place and their source."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.extraction.families import Family
from matsmith.knowledge.literature.extraction.quantities import Measure, Relation
from matsmith.knowledge.literature.extraction.units import to_unit

Obtained = Literal["measured", "computed", "unstated"]
Extractor = Literal["rules", "chat"]


@dataclass(frozen=True, kw_only=True)
class ExtractedValue:
    """One value read from text.

    `low`, `high` and `sigma` are in `unit`, the registry's unit of the family; a single value stands in both, a bound too, and
    `relation` says what they mean. `written` is the quantity and `quote` the sentence or row, both verbatim: the document's
    characters from `start` to `end`. `formula` is the reduced formula ("" for a material without one); `registered`
    the registry's name for a value so obtained, "" where there is none; `conditions` are verbatim.
    """

    material: str
    formula: str
    family: str
    registered: str
    low: float
    high: float
    relation: Relation
    unit: str
    sigma: float
    rounding: float
    approximate: bool
    written: str
    conditions: tuple[str, ...]
    obtained: Obtained
    method: str
    quote: str
    start: int
    end: int
    document_id: str
    title: str
    citation: str
    doi: str
    page: int | None
    kind: Literal["text", "table"]
    retracted: bool
    extractor: Extractor

    @property
    def value(self) -> float:
        """The single number that stands for it: the middle of a range, the limit of a bound."""
        return 0.5 * (self.low + self.high)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the words stand: offsets of quote and quantity in the document's text, and how the value came about."""

    start: int
    end: int
    kind: Literal["text", "table"]
    written: str
    obtained: Obtained = "unstated"
    method: str = ""
    conditions: tuple[str, ...] = ()
    extractor: Extractor = "rules"


def make_value(
    document: SourceDocument, family: Family, *, material: str, formula: str, measure: Measure, place: Place
) -> ExtractedValue | None:
    """A value in the family's unit; None when the quantity measures something else."""
    low = to_unit(measure.low, measure.unit, family.unit)
    high = to_unit(measure.high, measure.unit, family.unit)
    if low is None or high is None:
        return None
    one = to_unit(1.0, measure.unit, family.unit)
    zero = to_unit(0.0, measure.unit, family.unit)
    scale = abs((one or 0.0) - (zero or 0.0))
    registered = (
        family.computed if place.obtained == "computed" and _is_pbe(family, place.method) else family.measured
    )
    if place.obtained == "computed" and family.name == "band_gap" and not _is_pbe(family, place.method):
        registered = ""
    return ExtractedValue(
        material=material,
        formula=formula,
        family=family.name,
        registered=registered,
        low=low,
        high=high,
        relation=measure.relation,
        unit=family.unit,
        sigma=measure.sigma * scale,
        rounding=measure.rounding * scale,
        approximate=measure.approximate,
        written=place.written,
        conditions=place.conditions,
        obtained=place.obtained,
        method=place.method,
        quote=document.text[place.start : place.end],
        start=place.start,
        end=place.end,
        document_id=document.id,
        title=document.title,
        citation=document.citation,
        doi=document.doi,
        page=document.page_at(place.start),
        kind=place.kind,
        retracted=bool(document.retracted),
        extractor=place.extractor,
    )


def _is_pbe(family: Family, method: str) -> bool:
    """The registry's computed gap is that of PBE; other properties have one name however they were computed."""
    return family.name != "band_gap" or method.startswith(("PBE", "GGA"))
