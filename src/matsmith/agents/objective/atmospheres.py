"""The gases of use: "in air", "from air to 1e-15 bar of oxygen", "at an oxygen partial pressure of 1e-10 bar".

A named gas alone is taken where the objective also names a temperature: "stable in air" without one speaks of moisture and of
years, which no equilibrium answers.
"""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.quantities import Bound
from matsmith.agents.objective.word_sets import words
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Relation

OXYGEN_IN_AIR_BAR = 0.21
_BAR = {"bar": 1.0, "mbar": 1e-3, "kbar": 1e3, "atm": 1.01325, "Pa": 1e-5, "hPa": 1e-3, "kPa": 0.01, "MPa": 10.0, "GPa": 1e4,
        "torr": 1.333224e-3, "Torr": 1.333224e-3, "mmHg": 1.333224e-3}  # fmt: skip
_LOWEST_BAR, _HIGHEST_BAR = 1e-100, 1e3
_NAMED = index_phrases(
    {
        "air": "air",
        "dry air": "dry air",
        "ambient air": "air",
        "humid air": "air",
        "pure oxygen": "oxygen",
        "oxygen": "oxygen",
        "o2": "oxygen",
        "vacuum": "vacuum",
        "argon": "argon",
        "inert gas": "argon",
        "an inert atmosphere": "argon",
        "nitrogen": "nitrogen",
        "n2": "nitrogen",
        "hydrogen": "hydrogen",
        "h2": "hydrogen",
        "forming gas": "forming gas",
        "a reducing atmosphere": "hydrogen",
        "steam": "steam",
        "carbon dioxide": "carbon dioxide",
        "co2": "carbon dioxide",
    }
)
_OXYGEN = frozenset({"oxygen", "o2"})
_BEFORE_GAS = words("in under against from to between and within through flowing pure")
_ENDURES = words("survives survive surviving withstands withstand withstanding")
_BEFORE_NUMBER = words("from to down between at as low of is down-to and in under")
_POTENTIAL = frozenset({"po2", "p(o2)", "fo2"})
_AFTER_GAS = frozenset({"atmosphere", "atmospheres"})
# Up to this the hull at 0 K is what "stable" means.
_WARM_K = 300.0


def read_atmosphere(draft: Draft, bounds: list[Bound]) -> None:
    """Take the gases around the crystal and pressures of oxygen. Raises `SpecError` for a pressure that cannot be held."""
    ends: list[float] = []
    spans: list[tuple[int, int]] = []
    for bound in bounds:
        span = _oxygen_pressure(draft, bound)
        if span is None:
            continue
        ends += [_bar(value, bound, draft) for value in (bound.value, bound.upper) if value is not None]
        spans.append(span)
    explicit = bool(ends)
    if not explicit and not _names_heat(bounds):
        return
    name = _named_gas(draft, spans)
    if name is not None:
        gas, start, end = name
        spans.append((start, end))
        if explicit and gas in ("air", "dry air"):
            ends.append(OXYGEN_IN_AIR_BAR)
        elif explicit and gas == "oxygen":
            ends.append(1.0)
        else:
            draft.atmosphere = gas
    if not spans:
        return
    if ends:
        draft.oxygen_bar = (min(ends), max(ends))
    for start, end in _joined(draft, spans):
        draft.use(start, end, f"conditions: {_described(draft)}")
        draft.atmosphere_end = end


def _described(draft: Draft) -> str:
    parts = [f"in {draft.atmosphere}"] if draft.atmosphere else []
    if draft.oxygen_bar is not None:
        low, high = draft.oxygen_bar
        parts.append(f"{low:g} bar of oxygen" if low == high else f"{low:g} to {high:g} bar of oxygen")
    return ", ".join(parts)


def _oxygen_pressure(draft: Draft, bound: Bound) -> tuple[int, int] | None:
    """The span of a pressure of oxygen with the words that make it one, or None for another number."""
    unit = bound.last_unit
    if unit is None or unit.dimension != "pressure" or not draft.free(bound.start, bound.end):
        return None
    start, end = bound.start, bound.end
    after = end + (1 if draft.low(end) == "of" else 0)
    if draft.low(after) in _OXYGEN and draft.free(after):
        end = after + 1
        while draft.low(end) in ("partial", "pressure", "pressures", "gas") and draft.free(end):
            end += 1
    else:
        place = start - 1
        while draft.low(place) in (
            "of",
            "is",
            ":",
            "=",
            "to",
            "down",
            "between",
            "from",
            "at",
            "below",
            "above",
            "<",
            ">",
            "≥",
            "≤",
        ):
            place -= 1
        first = _potential_before(draft, place)
        if first is None:
            return None
        start = first
    while draft.low(start - 1) in _BEFORE_NUMBER or (
        draft.low(start - 1) in ("a", "an") and draft.low(start - 2) in ("at", "to", "under")
    ):
        if not draft.free(start - 1):
            break
        start -= 1
    return start, end


def _potential_before(draft: Draft, place: int) -> int | None:
    """Where "oxygen partial pressure", "pO2" and the like that end at a token begin."""
    if draft.low(place) in _POTENTIAL:
        return place
    if draft.low(place) in ("pressure", "pressures"):
        place -= 1
        if draft.low(place) == "partial":
            place -= 1
        if draft.low(place) in _OXYGEN:
            return place
    return None


def _names_heat(bounds: list[Bound]) -> bool:
    for bound in bounds:
        if bound.unit is not None and bound.unit.dimension == "temperature":
            top = bound.upper if bound.upper is not None else bound.value
            shift = 273.15 if (bound.last_unit or bound.unit).name in ("degC", "C", "°C") else 0.0
            if top + shift > _WARM_K:
                return True
    return False


def _named_gas(draft: Draft, spans: list[tuple[int, int]]) -> tuple[str, int, int] | None:
    """A gas by name with the word before it, or None."""
    for index in range(1, len(draft)):
        found = _NAMED.at(draft, index) if draft.open(index) else None
        if found is None or any(start <= index < end for start, end in spans):
            continue
        gas, end = found
        before = index - 1
        if draft.low(before) in ("the", "a", "an", "pure", "flowing") and draft.free(before):
            before -= 1
        if draft.low(before) in _ENDURES and draft.free(before):
            return gas, index, end
        if draft.low(before) not in _BEFORE_GAS or not draft.free(before):
            continue
        if draft.low(before) in ("to", "and", "between", "from") and not spans:
            continue
        if draft.low(end) in _AFTER_GAS:
            end += 1
        return gas, before, end
    return None


def _joined(draft: Draft, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those next to each other or parted by "to", "and" or "down" made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and all(draft.low(at) in ("to", "and", "down", ",") for at in range(joined[-1][1], start)):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _bar(value: float, bound: Bound, draft: Draft) -> float:
    unit = (bound.last_unit or bound.unit).name if bound.unit or bound.last_unit else "bar"  # pyright: ignore[reportOptionalMemberAccess]
    factor = _BAR.get(unit)
    if factor is None or bound.relation in (Relation.MAXIMISE, Relation.MINIMISE):
        raise SpecError(
            f"{draft.words(bound.start, bound.end)!r} is no pressure of oxygen.",
            hint="Give it in bar, atm or Pa.",
        )
    pressure = float(f"{value * factor:.12g}")
    if not _LOWEST_BAR <= pressure <= _HIGHEST_BAR:
        raise SpecError(
            f"{draft.words(bound.start, bound.end)!r} is outside what can be held.",
            hint=f"Pressures of oxygen run from {_LOWEST_BAR:g} to {_HIGHEST_BAR:g} bar.",
        )
    return pressure
