"""What is predicted of a synthesis: steps' temperatures and times, the route, and whether a composition resembles published targets."""

from __future__ import annotations

from pathlib import Path

from matsmith.core.reactions import StepKind
from matsmith.models.predictors.synthesis.precursor_names import KINDS
from matsmith.models.predictors.targets import PredictedProperty

WEIGHTS = Path(__file__).parent / "weights"
CITATION = (
    "Kononova et al. 2019, Sci. Data 6, 203 (text-mined reactions of solid-state synthesis), "
    "and the same group's 2020 release of sol-gel synthesis"
)
SOL_GEL = "sol-gel route"
CONDITIONS = (SOL_GEL, *(name for name, _ in KINDS), "number")
"""Columns beside the descriptors: the route (1 for sol-gel), the share of the precursors of each kind, and their number."""
_TABLE = "solid_state_synthesis and sol_gel_synthesis"
_PUBLISHED = "as papers report it, read from their text; not the lowest that would do"


def _step(kind: StepKind, *, what: str, unit: str) -> PredictedProperty:
    hot = what == "temperature"
    return PredictedProperty(
        name=f"{kind}_{what}",
        title=f"{kind} {what}",
        unit=unit,
        of=_PUBLISHED if hot else f"{_PUBLISHED}; of the hottest such step",
        table=_TABLE,
        column=f"{kind}_{what}",
        citation=CITATION,
        scale="linear" if hot else "log10",
        helpers=CONDITIONS,
    )


STEPS: dict[str, tuple[StepKind, PredictedProperty]] = {
    "calcination_temperature": ("calcination", _step("calcination", what="temperature", unit="K")),
    "sintering_temperature": ("sintering", _step("sintering", what="temperature", unit="K")),
    "calcination_time": ("calcination", _step("calcination", what="time", unit="h")),
    "sintering_time": ("sintering", _step("sintering", what="time", unit="h")),
}
ROUTE = PredictedProperty(
    name="sol_gel_route",
    title="share of the sol-gel route among published syntheses",
    unit="",
    of="which of the two routes papers took; the two sets of reactions were mined for themselves, which sets their shares",
    table=_TABLE,
    column="route",
    citation=CITATION,
    scale="probability",
)
RESEMBLANCE = PredictedProperty(
    name="resemblance_to_published_targets",
    title="resemblance to published targets",
    unit="",
    of="whether a composition looks like a target of published solid-state and sol-gel syntheses, and no more than that",
    table=_TABLE,
    column="target",
    citation=CITATION,
    scale="probability",
)


def weights_of(entry: PredictedProperty) -> Path:
    """Where the weights of an entry lie."""
    return WEIGHTS / f"{entry.name}.safetensors"


PRECURSORS = WEIGHTS / "precursors.safetensors"
