"""Numbers as they are written and the units that stand with them, as letters that compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, cast

from matsmith.agents.report.wording import unit_text
from matsmith.core.properties import PROPERTIES

_AFTER = re.compile(
    r"\s?(?:(?:±|\+/-|\+-)\s?\d+(?:[.,]\d+)?\s?)?(?:\()?([A-Za-zÅµμ°%][\w/³²·°Åµμ*^().]*|%|°\S*)?"
)
_PER = re.compile(r"\s+per\s+([A-Za-z]+)")
_SAME_UNIT = str.maketrans(
    {"Å": "angstrom", "³": "3", "²": "2", "·": "*", "µ": "u", "μ": "u", "°": "deg", "^": "", "(": "", ")": ""}
)
# The first ending that fits counts, so the longer stand first; one without a unit in letters is "".
_FACT_UNITS = {
    "_j_per_mol_atoms_k": "j/mol*k", "_j_per_mol_k": "j/mol*k", "_w_per_m_k": "w/m*k", "_per_k": "", "_cm2_per_s": "cm2/s", "_j_per_m2": "j/m2",
    "_usd_per_kg": "usd/kg", "_mg_per_kg": "mg/kg", "_thz": "thz", "_bar": "bar", "_v": "v",
    "_angstrom3_per_atom": "angstrom3/atom", "_mev_per_atom": "mev/atom",
    "_ev_per_atom": "ev/atom", "_ev_per_angstrom": "ev/angstrom", "_mev": "mev", "_ev": "ev", "_gpa": "gpa",
    "_angstrom3": "angstrom3", "_angstrom": "angstrom", "_seconds": "s", "_s": "s", "_k": "k", "_degrees": "deg", "_deg": "deg", "_percent": "%",
}  # fmt: skip
_MORE_UNITS = {
    "gpa", "mpa", "kpa", "pa", "kbar", "mbar", "bar", "ev", "mev", "ev/atom", "mev/atom", "ev/angstrom", "k", "kelvin", "degc", "degrees", "deg",
    "%", "percent", "angstrom", "angstroms", "nm", "pm", "g/cm3", "kg/m3", "angstrom3", "angstrom3/atom", "w/m*k", "j/m2", "v", "volt",
    "volts", "s/cm", "s", "min", "h", "seconds", "minutes", "hours", "usd/kg", "j/mol", "kj/mol", "j/mol*k", "thz", "cm-1",
}  # fmt: skip
_LONG_UNITS = {
    "kelvin": "k",
    "percent": "%",
    "angstroms": "angstrom",
    "volts": "v",
    "volt": "v",
    "seconds": "s",
    "degrees": "deg",
    "degree": "deg",
}


def number_of(written: str) -> float | None:
    """A number as it was written, None for what is none."""
    plain = (
        written.replace(",", ".")
        if written.count(",") == 1 and not re.search(r",\d{3}$", written)
        else written
    )
    try:
        value = float(plain.replace(",", ""))
    except ValueError:
        return None
    return value if abs(value) < 1e300 else None


def half_of_last_digit(written: str, value: float) -> float:
    """How far a value may lie from what was written of it: rounding to its last digit."""
    if "e" in written.lower():
        return abs(value) * 5e-3
    decimals = re.search(r"[.,](\d+)$", written)
    digits = len(decimals[1]) if decimals and not (decimals[0][0] == "," and len(decimals[1]) == 3) else 0
    return 0.5 * 10.0**-digits * (1 + 1e-6) if digits or abs(value) >= 10 else 1e-9


def unit_after(text: str, end: int) -> str:
    """The unit behind a number, as letters; "" when the word behind it is none."""
    match = _AFTER.match(text, end)
    word = (match[1] or "") if match else ""
    unit = unit_letters(word.rstrip(".,;:"))
    per = _PER.match(text, match.end()) if match else None
    if per is not None and f"{unit}/{per[1]}" in _units():
        return f"{unit}/{per[1]}"
    return unit if unit in _units() else ""


def unit_of_column(header: str) -> str:
    """The unit at the head of a table's column, as letters; "" where there is none.

    >>> [unit_of_column(head) for head in ("K (GPa)", "a / Å", "volume_angstrom3", "gap [eV]", "formula")]
    ['gpa', 'angstrom', 'angstrom3', 'ev', '']
    """
    match = re.search(r"[(\[]([^)\]]+)[)\]]\s*$|[/,]\s*(\S+)$", header.strip())
    unit = unit_letters((match[1] or match[2]).strip()) if match else ""
    if unit in _units():
        return unit
    return next((unit for ending, unit in _FACT_UNITS.items() if header.lower().endswith(ending)), "")


def unit_letters(unit: str) -> str:
    """A unit as plain letters, the same for every way to write it."""
    plain = unit_text(unit).translate(_SAME_UNIT).lower().replace("**", "").replace("angstrom^", "angstrom")
    return _LONG_UNITS.get(plain, plain)


def _units() -> set[str]:
    if not _REGISTERED:
        _REGISTERED.update(
            _MORE_UNITS, {unit_letters(entry.unit) for entry in PROPERTIES.values() if entry.unit}
        )
    return _REGISTERED


_REGISTERED: set[str] = set()


def numbers_in(value: Any, *, unit: str = "") -> Iterable[tuple[float, str]]:
    """Numbers anywhere in plain data, with the units that the names of its fields end in, or that a field `unit` beside them names."""
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield float(value), unit
    elif isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        beside = entries.get("unit")
        unit = unit_letters(beside) if isinstance(beside, str) else unit
        for name, inner in entries.items():
            ending = next((end for end in _FACT_UNITS if f"_{name}".endswith(end)), "")
            yield from numbers_in(inner, unit=_FACT_UNITS.get(ending, unit))
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[Any]", value):
            yield from numbers_in(inner, unit=unit)


def texts_in(value: Any) -> Iterable[str]:
    """Texts anywhere in plain data; the names of its fields are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in cast("dict[str, Any]", value).values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[Any]", value):
            yield from texts_in(inner)
