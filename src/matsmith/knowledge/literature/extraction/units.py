"""Units as papers print them (W m−1 K−1, mS/cm, MPa·m1/2, µV K⁻¹), read by a small grammar into the spelling of `core.units`.

A unit is a product of known symbols with exponents; after a stroke everything up to the end of the unit divides. Nothing
that the grammar does not know is taken for a unit, so a number keeps its unit or has none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from matsmith.core.errors import UnitError
from matsmith.core.units import convert

# As printed -> as core.units and pint take it.
_SYMBOLS: dict[str, str] = {
    "eV": "eV", "meV": "meV", "keV": "keV", "J": "J", "mJ": "mJ", "kJ": "kJ", "kcal": "kcal", "cal": "cal", "Ry": "Ry",
    "Pa": "Pa", "kPa": "kPa", "MPa": "MPa", "GPa": "GPa", "TPa": "TPa", "Mbar": "Mbar", "kbar": "kbar", "bar": "bar",
    "atm": "atm", "kgf": "kgf", "K": "K", "mK": "mK", "°C": "degC", "℃": "degC", "ºC": "degC", "° C": "degC",
    "S": "S", "mS": "mS", "µS": "uS", "W": "W", "mW": "mW", "m": "m", "cm": "cm", "mm": "mm", "nm": "nm", "µm": "um",
    "Å": "angstrom", "g": "g", "mg": "mg", "kg": "kg", "mol": "mol", "V": "V", "mV": "mV", "µV": "uV", "kV": "kV",
    "A": "A", "mA": "mA", "µA": "uA", "h": "h", "s": "s", "min": "min", "N": "N", "mN": "mN", "kN": "kN", "pC": "pC",
    "pm": "pm", "T": "T", "Hz": "Hz", "kHz": "kHz", "MHz": "MHz", "GHz": "GHz", "THz": "THz", "%": "percent",
    "ppm": "ppm", "atom": "atom", "at.": "atom", "f.u.": "formula_unit", "Ω": "ohm", "emu": "emu", "cc": "cm3",
    "C": "C", "HV": "HV", "mAh": "mA*h", "Ah": "A*h", "percent": "percent",
}  # fmt: skip
_MU = str.maketrans({"μ": "µ"})
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−–", "0123456789+---")
_ALTERNATIVES = "|".join(sorted((re.escape(symbol) for symbol in _SYMBOLS), key=len, reverse=True))
_FACTOR = re.compile(
    rf"(?P<root>√)?(?P<symbol>{_ALTERNATIVES})"
    r"(?:\^?[{(]?(?P<power>[−–-]?\d/\d|[−–-]?0?\.5|[−–-]?\d(?!\d))[})]?|(?P<raised>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+(?:[/⁄][²2])?|½))?"
    r"(?![A-Za-z0-9µ°]|(?<!%)%)"
)
_STROKE = re.compile(r"\s?/\s?|\sper\s")
_DOT = re.compile(r"\s?[·⋅∙*•]\s?|\.(?=[a-zA-Z])|-(?=[mK])")
# Vickers numbers are kgf/mm2.
_HV_GPA = 9.80665e-3
_LEAD = re.compile(r"[\s-]?")


def unit_at(text: str, position: int) -> tuple[str, int] | None:
    """The unit written at a place, after at most one space or hyphen, and where it ends; None when there is none.

    >>> unit_at("0.23 W/mK at 973 K", 4), unit_at("5 W m−1 K−1", 1), unit_at("8 MPa m1/2", 1), unit_at("3 samples", 1)
    (('W/(m*K)', 9), ('W/(m*K)', 11), ('MPa*m**0.5', 10), None)
    """
    text = text.translate(_MU)
    start = _LEAD.match(text, position)
    place = start.end() if start else position
    factors: dict[str, float] = {}
    divides, bracket = False, False
    stroke_first = _STROKE.match(text, position)
    if stroke_first and text[position : position + 2].strip().startswith("/"):
        place, divides = stroke_first.end(), True
    end = -1
    while True:
        factor = _FACTOR.match(text, place)
        if factor is None:
            break
        exponent = _exponent(factor)
        if end >= 0 and not divides and text[end:place].isspace() and not _may_follow(factor, factors):
            break
        # After W/ the letters mK are metre times kelvin: thermal conductivity is never given per millikelvin.
        names = ["m", "K"] if factor["symbol"] == "mK" and "W" in factors else [_SYMBOLS[factor["symbol"]]]
        for name in names:
            signed = -abs(exponent) if divides else exponent
            factors[name] = factors.get(name, 0.0) + signed
        place = end = factor.end()
        if bracket and place < len(text) and text[place] == ")":
            place = end = place + 1
            bracket = divides = False
        stroke = _STROKE.match(text, place)
        if stroke:
            place, divides = stroke.end(), True
            if text[place : place + 1] == "(":
                place, bracket = place + 1, True
            continue
        dot = _DOT.match(text, place)
        if dot:
            place = dot.end()
            continue
        if text[place : place + 1] == " " and (bracket or _continues(text, place + 1, divides=divides)):
            place += 1
            continue
        if text[place : place + 1] == "√":
            continue
        break
    if end < 0 or not factors:
        return None
    return _spell(factors), end


def _may_follow(factor: re.Match[str], factors: dict[str, float]) -> bool:
    """After a mere space only a factor with an exponent goes on with the unit, or the hour of a charge."""
    if factor["power"] or factor["raised"] or factor["root"]:
        return True
    return factor["symbol"] == "h" and any(name in factors for name in ("mA", "A"))


def _continues(text: str, place: int, *, divides: bool) -> bool:
    factor = _FACTOR.match(text, place)
    if factor is None:
        return False
    if factor["power"] or factor["raised"] or factor["root"] or factor["symbol"] == "h":
        return True
    return divides and factor["symbol"] == "K"


def _exponent(factor: re.Match[str]) -> float:
    if factor["root"]:
        return 0.5
    written = (factor["power"] or factor["raised"] or "1").translate(_RAISED).replace("⁄", "/")
    if written == "½":
        return 0.5
    if "/" in written:
        over, under = written.split("/")
        return float(over) / float(under)
    return float(written)


def _spell(factors: dict[str, float]) -> str:
    if "degC" in factors and factors != {"degC": 1.0}:
        factors = {("K" if name == "degC" else name): power for name, power in factors.items()}
    over = [_power(name, power) for name, power in factors.items() if power > 0]
    under = [_power(name, -power) for name, power in factors.items() if power < 0]
    if not under:
        return "*".join(over)
    below = under[0] if len(under) == 1 else f"({'*'.join(under)})"
    spelled = f"{'*'.join(over) or '1'}/{below}"
    return {"g/cm**3": "g/cm3", "kg/m**3": "kg/m3"}.get(spelled, spelled)


def _power(name: str, power: float) -> str:
    return name if power == 1 else f"{name}**{power:g}"


@lru_cache(maxsize=4096)
def to_unit(value: float, unit: str, target: str) -> float | None:
    """The value in another unit; None when the unit measures something else. An energy per mole is taken per particle.

    >>> to_unit(12.0, "mS/cm", "S/cm"), to_unit(2.0, "eV", "GPa")
    (0.012, None)
    """
    if unit == "HV":
        value, unit = value * _HV_GPA, "GPa"
    if target == "eV" and unit.endswith("/mol"):
        target = "eV/atom"
    try:
        return convert(value, unit, target)
    except UnitError:
        return None
