"""Steps of heating told apart by their words, since the types of the mined reactions do not; numbers brought to C and h."""

from __future__ import annotations

import math
import re
from typing import Any, cast

from matsmith.core.reactions import HeatingStep, StepKind

_BEFORE = re.compile(r"^(?:pre|pre-)(?=[a-z])")
_KINDS: tuple[tuple[re.Pattern[str], StepKind], ...] = (
    (re.compile(r"calcin|clacin|calinat|decarbonat"), "calcination"),
    (re.compile(r"sinter|densif"), "sintering"),
    (re.compile(r"anneal"), "annealing"),
    (re.compile(r"melt|fus(?:ed|ing)|quench"), "melting"),
    (re.compile(r"^dr(?:y|ie)|dehydrat|bak(?:ed|ing)|evaporat|aged|reflux"), "drying"),
)
_COLDEST_C, _HOTTEST_C = 20.0, 3000.0
# A step below this dries, whatever it is called: no oxide is calcined there.
_DRYING_BELOW_C = 200.0
_SHORTEST_H, _LONGEST_H = 1.0 / 60.0, 1000.0
_KELVIN = 273.15
_HOURS = {"h": 1.0, "hours": 1.0, "hour": 1.0, "hrs": 1.0, "hr": 1.0, "min": 1 / 60, "minutes": 1 / 60, "day": 24.0, "d": 24.0}  # fmt: skip
_GASES = {
    "ar": "argon", "n2": "nitrogen", "o2": "oxygen", "h2": "hydrogen", "co": "carbon monoxide", "co2": "carbon dioxide",
    "ambient": "air",
}  # fmt: skip
_KNOWN_GASES = frozenset(
    ["air", "argon", "nitrogen", "oxygen", "hydrogen", "carbon monoxide", "carbon dioxide", "vacuum", "ammonia", "steam"]
)  # fmt: skip


def kind_of(word: str, *, drying: bool = False) -> StepKind:
    """The kind of a step by the word used for it; a step before another is no calcination nor sintering of the product.

    >>> [kind_of(word) for word in ("calcined", "pre-sintered", "sintering", "heated", "fired")]
    ['calcination', 'preheating', 'sintering', 'heating', 'heating']
    """
    low = word.lower()
    if drying:
        return "drying"
    if _BEFORE.search(low) and "calcin" not in low:
        return "preheating"
    for pattern, kind in _KINDS:
        if pattern.search(low):
            return kind
    return "heating"


def read_step(operation: dict[str, Any]) -> HeatingStep | None:
    """A step of heating or drying; None for mixing, shaping and what else has no temperature to tell."""
    kind_given = str(operation.get("type"))
    if kind_given not in ("HeatingOperation", "DryingOperation"):
        return None
    conditions = cast("dict[str, Any]", operation.get("conditions") or {})
    word = str(operation.get("token") or "").lower()
    temperature = highest_c(conditions.get("heating_temperature"))
    kind = kind_of(word, drying=kind_given == "DryingOperation")
    if temperature is not None and temperature < _DRYING_BELOW_C:
        kind = "drying"
    gases = _gases(conditions.get("heating_atmosphere"))
    return HeatingStep(kind, word, temperature, longest_h(conditions.get("heating_time")), gases)


def highest_c(told: object) -> float | None:
    """The highest temperature of those told, in C; None where none can be.

    >>> highest_c([{"values": [1173.15], "units": "K"}]), highest_c([{"values": [900.0], "units": "parsec"}])
    (900.0, None)
    """
    found: list[float] = []
    for value, unit in _numbers(told):
        if unit not in ("C", "°C", "K"):
            continue
        celsius = value - _KELVIN if unit == "K" else value
        if _COLDEST_C <= celsius <= _HOTTEST_C:
            found.append(round(celsius, 2))
    return max(found, default=None)


def longest_h(told: object) -> float | None:
    """The longest time of those told, in h; None where none can be.

    >>> longest_h([{"values": [30.0, 90.0], "units": "min"}])
    1.5
    """
    found = [value * _HOURS[unit] for value, unit in _numbers(told) if unit in _HOURS]
    return max((hours for hours in found if _SHORTEST_H <= hours <= _LONGEST_H), default=None)


def _numbers(told: object) -> list[tuple[float, str]]:
    """Values with their units; an entry without single values gives its ends."""
    found: list[tuple[float, str]] = []
    for entry in cast("list[Any]", told if isinstance(told, list) else []):
        if not isinstance(entry, dict):
            continue
        one = cast("dict[str, Any]", entry)
        values: list[Any] = one.get("values") or [one.get("max_value")]
        found += [
            (float(value), str(one.get("units")))
            for value in values
            if isinstance(value, (int, float)) and math.isfinite(value)
        ]
    return found


def _gases(told: object) -> str:
    if not isinstance(told, list):
        return ""
    names = [_GASES.get(str(one).lower(), str(one).lower()) for one in cast("list[object]", told)]
    return " and ".join(sorted({name for name in names if name in _KNOWN_GASES}))
