"""How hot a material is made: "calcined below 900 C", "sintered in air at no more than 1200 °C"."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft
from matsmith.agents.objective.quantities import Bound
from matsmith.agents.objective.targets import add_target
from matsmith.agents.objective.unit_words import to_unit
from matsmith.agents.objective.word_sets import words
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation

_STEPS = {
    **dict.fromkeys(words("calcined calcinated calcine calcining calcination"), "calcination_temperature"),
    **dict.fromkeys(words("sintered sinter sintering"), "sintering_temperature"),
}
_LINKS = words(
    """
    at a an the temperature temperatures of is are be must should can to in air oxygen argon nitrogen
    step steps with that which and does do not need needs
    """
)
_BEFORE = words("can be is are was must should could to that which when")
_FARTHEST = 8
HEAT_WORDS = frozenset(_STEPS)
"""Words for a step of heating whose temperature can be held as a target."""


def read_processing(draft: Draft, bounds: list[Bound]) -> None:
    """Take the temperatures of calcination and sintering, before they are read as conditions of use. Raises `UnitError`."""
    for index in range(len(draft)):
        name = _STEPS.get(draft.low(index))
        if name is None or not draft.free(index):
            continue
        bound = _bound_after(draft, index, bounds)
        if bound is None:
            continue
        start = index
        while draft.low(start - 1) in _BEFORE and draft.open(start - 1):
            start -= 1
        _take(draft, bound, name=name, start=start)


def _bound_after(draft: Draft, index: int, bounds: list[Bound]) -> Bound | None:
    """The temperature that belongs to the word at a place: only words that link the two may stand between."""
    bound = next((one for one in bounds if index < one.start <= index + _FARTHEST), None)
    if bound is None or not draft.free(bound.start, bound.end):
        return None
    if bound.unit is not None and bound.unit.dimension != "temperature":
        return None
    linked = all(draft.low(at) in _LINKS and draft.free(at) for at in range(index + 1, bound.start))
    return bound if linked else None


def _take(draft: Draft, bound: Bound, *, name: str, start: int) -> None:
    unit = "degC" if bound.unit is None else bound.unit.name
    last = unit if bound.last_unit is None else bound.last_unit.name
    target = PROPERTIES[name].unit
    value = to_unit(bound.value, unit, target=target)
    upper = None if bound.upper is None else to_unit(bound.upper, last, target=target)
    relation = bound.relation
    if relation is None:
        # A furnace is hot enough or it is not.
        relation = Relation.BELOW
        draft.ask(
            f"{draft.words(start, bound.end)!r} gives a temperature and no limit: at most that was taken."
        )
    note = " (°C taken, no unit was given)" if bound.unit is None else ""
    add_target(draft, start, bound.end, name=name, relation=relation, value=value, upper=upper, note=note)
