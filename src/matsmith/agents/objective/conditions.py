"""Temperature and pressure of use."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.properties_in_words import find_mentions
from matsmith.agents.objective.quantities import Bound
from matsmith.agents.objective.stability import ROOM_TEMPERATURE_K, is_stability
from matsmith.agents.objective.unit_words import to_unit
from matsmith.agents.objective.word_sets import words
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Relation

_NAMED = index_phrases(
    {
        "at room temperature": (ROOM_TEMPERATURE_K, None),
        "room temperature": (ROOM_TEMPERATURE_K, None),
        "at ambient temperature": (ROOM_TEMPERATURE_K, None),
        "at rt": (ROOM_TEMPERATURE_K, None),
        "at ambient conditions": (ROOM_TEMPERATURE_K, 0.0),
        "under ambient conditions": (ROOM_TEMPERATURE_K, 0.0),
        "at standard conditions": (ROOM_TEMPERATURE_K, 0.0),
        "at ambient pressure": (None, 0.0),
        "under ambient pressure": (None, 0.0),
        "at atmospheric pressure": (None, 0.0),
        "at zero pressure": (None, 0.0),
        "at normal pressure": (None, 0.0),
        "in ambient conditions": (ROOM_TEMPERATURE_K, 0.0),
    }
)
_LEADS = words(
    """
    at survives survive surviving withstands withstand withstanding until till to operating operates
    under over from use used works work working
    """
)
_BEFORE = words(
    """
    a an the temperature temperatures pressure pressures of and , & / use up in range operating
    least about around
    """
)  # fmt: skip
_TEMPERATURE_PROPERTIES = frozenset(
    [
        "debye_temperature",
        "melting_point",
        "superconducting_temperature",
        "curie_temperature",
        "calcination_temperature",
        "sintering_temperature",
    ]
)


def read_conditions(draft: Draft, bounds: list[Bound]) -> None:
    """Take temperatures and pressures that are conditions and not values of a property."""
    for index in range(len(draft)):
        found = _NAMED.at(draft, index) if draft.open(index) else None
        if found:
            (temperature, pressure), end = found
            _set(draft, temperature_k=temperature, pressure_gpa=pressure)
            meaning = f"at {temperature:g} K" if temperature is not None else "no applied pressure"
            draft.use(index, end, f"conditions: {meaning}")
    mentions = find_mentions(draft)
    owned = {one.end for one in mentions if set(one.properties) & _TEMPERATURE_PROPERTIES}
    follows = {one.start for one in mentions if set(one.properties) & _TEMPERATURE_PROPERTIES}
    previous_end = draft.atmosphere_end
    for bound in bounds:
        if bound.unit is None or not draft.free(bound.start, bound.end):
            continue
        dimension = bound.unit.dimension
        if dimension not in ("temperature", "pressure"):
            continue
        start = _start_of_condition(draft, bound, previous_end=previous_end, owned=owned, follows=follows)
        if start is None:
            continue
        end = bound.end
        while draft.low(end) in ("pressure", "temperature", "hydrostatic", "of") and draft.low(end) != "of":
            end += 1
        value = bound.value
        if bound.upper is not None:
            value = bound.upper
            draft.ask(
                f"{draft.words(start, end)!r}: one temperature and pressure can be held; the upper end was taken."
            )
        unit = (bound.last_unit or bound.unit).name
        if dimension == "temperature":
            kelvin = to_unit(value, unit, target="K")
            _check(kelvin, low=0, high=20_000, words=draft.words(bound.start, bound.end))
            _set(draft, temperature_k=kelvin, pressure_gpa=None)
            draft.use(start, end, f"conditions: at {kelvin:g} K")
        else:
            gpa = to_unit(value, unit, target="GPa")
            _check(gpa, low=-50, high=5_000, words=draft.words(bound.start, bound.end))
            _set(draft, temperature_k=None, pressure_gpa=gpa)
            draft.use(start, end, f"conditions: at {gpa:g} GPa")
        previous_end = end


def _start_of_condition(
    draft: Draft, bound: Bound, *, previous_end: int, owned: set[int], follows: set[int]
) -> int | None:
    """Where the condition's words start, or None when the number is a value of a property."""
    place = bound.start
    if bound.end in follows or (draft.low(bound.end) in ("in", "of") and bound.end + 1 in follows):
        return None
    # "at 800 K and 5 GPa"
    if previous_end >= 0 and previous_end <= place <= previous_end + 2:
        between = [draft.low(at) for at in range(previous_end, place)]
        if all(word in ("and", ",", "/", "&") for word in between) and bound.relation in (
            None,
            Relation.AROUND,
        ):
            return place
    named = place - 1
    while draft.low(named) in (":", "=", "of", "is", "should", "be"):
        named -= 1
    wanted = {"temperature": ("temperature", "t"), "pressure": ("pressure", "p")}[
        bound.unit.dimension if bound.unit else ""
    ]
    if (
        draft.low(named) in wanted
        and draft.free(named)
        and named + 1 not in owned
        and bound.relation in (None, Relation.AROUND)
    ):
        return named
    while draft.low(place - 1) in _BEFORE and draft.free(place - 1) and place not in owned:
        place -= 1
    if any(at in owned for at in range(place - 3, bound.start + 1)):
        return None
    lead = draft.low(place - 1)
    starts_with_lead = draft.low(bound.start) in ("under", "over", "above", "below", "up", "from", "between")
    if lead == "at" and draft.free(place - 1):
        return place - 1
    if draft.low(bound.end) == "pressure" and bound.unit and bound.unit.dimension == "pressure":
        return place
    if (
        lead in _LEADS
        and draft.free(place - 1)
        and bound.unit
        and (bound.unit.dimension == "temperature" or lead in ("to", "under"))
    ):
        return place if is_stability(draft, place - 1) else place - 1
    if starts_with_lead or bound.relation is not None:
        back = place - 1
        while draft.low(back) in ("is", "remains", "remain", "phase", "and", "even"):
            back -= 1
        near = back >= 0 and is_stability(draft, back)
        if near or (bound.by_words == "up to" and bound.unit and bound.unit.dimension == "temperature"):
            return bound.start
    return None


def _check(value: float, *, low: float, high: float, words: str) -> None:
    if not low <= value <= high:
        raise SpecError(
            f"{words!r} is outside what can be held.",
            hint="Temperatures run from 0 to 20000 K, pressures from -50 to 5000 GPa.",
        )


def _set(draft: Draft, *, temperature_k: float | None, pressure_gpa: float | None) -> None:
    for given, old, what in (
        (temperature_k, draft.temperature_k, "temperature"),
        (pressure_gpa, draft.pressure_gpa, "pressure"),
    ):
        if given is not None and old is not None and given != old:
            draft.ask(f"Two values of the {what} are named; the higher one was taken.")
    if temperature_k is not None:
        draft.temperature_k = max(temperature_k, draft.temperature_k or 0.0)
    if pressure_gpa is not None:
        draft.pressure_gpa = (
            pressure_gpa if draft.pressure_gpa is None else max(pressure_gpa, draft.pressure_gpa)
        )
