"""Lengths of time as people type them: `90s`, `10m`, `1h30m`, `600`."""

from __future__ import annotations

import re

from matsmith.core.errors import UsageError

_PARTS = re.compile(
    r"(?:(?P<d>\d+(?:\.\d+)?)d)?(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m(?:in)?)?(?:(?P<s>\d+(?:\.\d+)?)s?)?"
)
_SECONDS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_LONGEST_S = 366 * 86_400.0


def parse_duration(text: str) -> float:
    """Read a length of time in seconds; a plain number means seconds. Raises `UsageError`.

    >>> parse_duration("10m"), parse_duration("90s"), parse_duration("1h30m"), parse_duration("600")
    (600.0, 90.0, 5400.0, 600.0)
    """
    plain = re.sub(r"\s+", "", text).lower()
    match = _PARTS.fullmatch(plain)
    if not plain or match is None:
        raise UsageError(
            f"{text!r} is no length of time.", hint="Write it like 90s, 10m, 1h30m or 600 (seconds)."
        )
    seconds = sum(float(value) * _SECONDS[unit] for unit, value in match.groupdict().items() if value)
    if not 0 < seconds <= _LONGEST_S:
        raise UsageError(
            f"A budget of {text!r} is not between a moment and a year.",
            hint="Write it like 90s, 10m or 1h30m.",
        )
    return seconds


def clock(seconds: float) -> str:
    """Show a running time in a fixed shape.

    >>> clock(7), clock(605), clock(3723)
    ('0:07', '10:05', '1:02:03')
    """
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
