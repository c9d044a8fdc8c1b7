"""How units are written, what they measure, and the everyday conversions that need no unit library."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matsmith.core.errors import UnitError
from matsmith.core.properties import PROPERTIES


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit in the spelling that `matsmith.core.units` takes, and what it measures."""

    name: str
    dimension: str


# dimension -> unit -> spellings, as regular expressions without case unless marked with (?-i:...).
_TABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "pressure": {
        "GPa": ("gpas?", "giga ?pascals?"),
        "TPa": ("tpa", "tera ?pascals?"),
        "MPa": ("(?-i:MPa)", "mpa", "mega ?pascals?"),
        "kPa": ("kpa", "kilo ?pascals?"),
        "Pa": ("(?-i:Pa)", "pascals?"),
        "Mbar": ("(?-i:M)bars?", "megabars?"),
        "kbar": ("kbars?", "kilobars?"),
        "mbar": ("(?-i:m)bars?", "millibars?"),
        "bar": ("bars?",),
        "atm": ("atm", "atmospheres?"),
        "torr": ("torr",),
        "psi": ("psi",),
        "ksi": ("ksi",),
        "N/mm**2": ("N ?/ ?mm\\^?2",),
    },
    "energy per atom": {
        "meV/atom": (r"milli ?electron ?volts? (?:per|an) atom", r"mev ?(?:/|per|an) ?at(?:oms?|\.)?"),
        "eV/atom": (r"electron ?volts? (?:per|an) atom", r"ev ?(?:/|per|an) ?at(?:oms?|\.)?"),
        "kJ/mol": (
            r"kj ?(?:/|per) ?mole?(?: ?(?:-|of |/ ?|per )?atoms?)?",
            r"kj ?mol\^?-1",
            "kilojoules? per mole",
        ),
        "kcal/mol": (r"kcal ?(?:/|per) ?mole?(?: ?(?:-|of |/ ?|per )?atoms?)?",),
        "J/mol": (r"j ?(?:/|per) ?mole?",),
        "Ry/atom": (r"ry ?(?:/|per) ?atom",),
    },
    "energy": {
        "meV": ("mev", "milli ?electron ?volts?"),
        "eV": ("ev", "electron ?volts?"),
        "keV": ("kev",),
        "Ry": ("(?-i:Ry)", "rydbergs?"),
        "hartree": ("hartrees?",),
    },
    "density": {
        "g/cm3": (
            r"g(?:rams?)? ?(?:/|per) ?(?:cm ?\^?\*{0,2}3|ccm|cc|ml|cubic cent(?:imet(?:er|re)|imetre)s?)",
            r"g ?cm ?\^?-3",
        ),
        "kg/m3": (r"(?:kg|kilograms?) ?(?:/|per) ?(?:m ?\^?\*{0,2}3|cubic met(?:er|re)s?)", r"kg ?m ?\^?-3"),
        "kg/liter": (r"(?:kg|kilograms?) ?(?:/|per) ?(?:l|lit(?:er|re)s?|dm ?\^?3)",),
        "metric_ton/m**3": (r"t(?:on(?:ne)?s?)? ?(?:/|per) ?(?:m ?\^?3|cubic met(?:er|re)s?)",),
    },
    "volume per atom": {
        "angstrom3/atom": (
            r"(?:å|ångstr[öo]ms?|angstroms?|a) ?\^?\*{0,2}3 ?(?:/|per) ?at(?:oms?|\.)?",
            r"cubic (?:å|ångstr[öo]ms?|angstroms?) (?:per|an) atom",
        ),
    },
    "volume": {
        "angstrom**3": (r"(?:å|ångstr[öo]ms?|angstroms?) ?\^?3", r"cubic (?:ångstr[öo]ms?|angstroms?)")
    },
    "length": {
        "angstrom": ("å", "ångstr[öo]ms?", "angstroms?"),
        "nm": ("nm", "nanomet(?:er|re)s?"),
        "um": ("[uμ]m", "microns?", "micromet(?:er|re)s?"),
        "mm": ("mm",),
        "cm": ("cm",),
    },
    "temperature": {
        "K": ("(?-i:K)", "kelvins?", "degrees? kelvin"),
        "degC": (
            "° ?c",
            "℃",
            "(?-i:C)",
            "deg\\.? ?c",
            "(?:degrees? )?(?:celsius|centigrade)",
            "degrees? c",
            "degc",
        ),
        "degF": ("° ?f", "(?:degrees? )?fahrenheit", "deg ?f"),
    },
    "price": {
        "USD/kg": (r"(?:\$|usd|us\$|(?:us )?dollars?|bucks) ?(?:/|per|a) ?(?:kg|kilo(?:gram)?s?)",),
        "USD/t": (r"(?:\$|usd|us\$|(?:us )?dollars?) ?(?:/|per|a) ?(?:t|ton(?:ne)?s?)",),
        "USD/g": (r"(?:\$|usd|us\$|(?:us )?dollars?) ?(?:/|per|a) ?(?:g|grams?)",),
        "EUR/kg": (r"(?:€|eur|euros?) ?(?:/|per|a) ?(?:kg|kilo(?:gram)?s?)",),
    },
    "voltage": {"mV": ("(?-i:m)v", "millivolts?"), "V": ("(?-i:V)", "volts?")},
    "specific capacity": {
        "mA*h/g": (r"ma ?\*? ?h ?/ ?g", r"ma ?\*? ?h ?g\^?-1"),
        "A*h/kg": (r"a ?h ?/ ?kg",),
    },
    "conductivity": {
        "mS/cm": (r"(?-i:mS) ?(?:/|per) ?cm", r"(?-i:mS) ?cm\^?-1"),
        "S/cm": (r"s ?(?:/|per) ?cm", r"s ?cm\^?-1", r"siemens per cent\w+"),
        "S/m": (r"s ?(?:/|per) ?m", r"s ?m\^?-1", r"siemens per met\w+"),
    },
    "thermal conductivity": {
        "W/(m*K)": (
            r"w ?/ ?\(? ?m ?[-*/ ]? ?k ?\)?",
            r"w ?m\^?-1 ?k\^?-1",
            r"watts? per met(?:er|re)[ -](?:per )?kelvin",
        ),
    },
    "thermal expansion": {
        "ppm/K": (r"ppm ?(?:/|per) ?(?:k|kelvin|° ?c)",),
        "1/K": (r"(?:1 ?)?/ ?(?:k|kelvin|° ?c)", r"k\^?-1", "per kelvin"),
    },
    "wavenumber": {"1/cm": (r"1 ?/ ?cm", r"/ ?cm", r"cm\^?-1", "wavenumbers?")},
    "diffusivity": {
        "cm**2/s": (r"cm ?\^?\*{0,2}2 ?(?:/|per) ?s", r"cm²/s"),
        "m**2/s": (r"m ?\^?\*{0,2}2 ?(?:/|per) ?s", r"m²/s"),
    },
    "inverse pressure": {"1/GPa": (r"1 ?/ ?gpa", r"/ ?gpa", r"gpa\^?-1")},
    "magnetisation": {"mu_B/atom": (r"(?:μ_?b|mu_?b|bohr magnetons?) ?(?:/|per) ?at(?:om|\.)?",)},
    "magnetic moment": {"mu_B": (r"μ_?b", r"mu_?b", r"bohr magnetons?")},
    "surface energy": {
        "mJ/m**2": (r"(?-i:mJ) ?(?:/|per) ?m ?\^?\*{0,2}2",),
        "J/m**2": (r"j ?(?:/|per) ?m ?\^?\*{0,2}2",),
    },
    "share by mass": {"mg/kg": (r"mg ?(?:/|per) ?kg", r"milligrams? per kilogram", "ppm(?! ?(?:/|per))")},
    "heat capacity": {"J/(kg*K)": (r"j ?/ ?\(? ?kg ?[-*/·]? ?k ?\)?", r"j ?kg\^?-1 ?k\^?-1")},
    "thermopower": {"uV/K": (r"[uμ]v ?/ ?k", "microvolts? per kelvin")},
    "toughness": {"MPa*m**0.5": (r"mpa ?\*? ?(?:√ ?m|m ?\^? ?\(?(?:0\.5|1/2)\)?|sqrt\(m\))",)},
    "piezoelectric coefficient": {"pC/N": ("pc ?/ ?n",)},
    "share": {"percent": ("%", "percent", "per cent", "wt\\.? ?%", "at\\.? ?%")},
    "time": {"s": ("seconds?",), "min": ("min", "minutes?"), "h": ("hours?", "h")},
}

# A unit that begins like another one is tried before it.
_FIRST = (
    "wavenumber",
    "diffusivity",
    "inverse pressure",
    "toughness",
    "thermal expansion",
    "energy per atom",
    "magnetisation",
    "thermopower",
)
_ORDER = (*_FIRST, *(dimension for dimension in _TABLE if dimension not in _FIRST))

UNITS: dict[str, Unit] = {
    name: Unit(name, dimension) for dimension, units in _TABLE.items() for name in units
}
_NAMES: list[str] = [name for dimension in _ORDER for name in _TABLE[dimension]]
_UNIT = re.compile(
    r"[ ]?-?[ ]?(?:"
    + "|".join(
        f"(?P<u{place}>{'|'.join(_TABLE[UNITS[name].dimension][name])})" for place, name in enumerate(_NAMES)
    )
    + r")(?![A-Za-z0-9μ°Å^]|-[a-zA-Z]|/[A-Za-z])",
    re.IGNORECASE,
)

_OTHER_UNIT = re.compile(
    r"[ ]?(?!(?i:and|or)\b)([A-Za-zμÅ]{1,12}(?:\^?-?\d)?(?:[/*][A-Za-zμÅ]{1,12}(?:\^?-?\d)?){0,3})(?![A-Za-z0-9-])"
)

# from unit -> to unit -> (factor, offset): what people write daily, so that the unit library need not load.
EVERYDAY: dict[tuple[str, str], tuple[float, float]] = {
    ("Mbar", "GPa"): (100.0, 0.0),
    ("kbar", "GPa"): (0.1, 0.0),
    ("bar", "GPa"): (1e-4, 0.0),
    ("mbar", "GPa"): (1e-7, 0.0),
    ("atm", "GPa"): (1.01325e-4, 0.0),
    ("TPa", "GPa"): (1e3, 0.0),
    ("MPa", "GPa"): (1e-3, 0.0),
    ("kPa", "GPa"): (1e-6, 0.0),
    ("Pa", "GPa"): (1e-9, 0.0),
    ("GPa", "MPa"): (1e3, 0.0),
    ("meV/atom", "eV/atom"): (1e-3, 0.0),
    ("meV", "eV/atom"): (1e-3, 0.0),
    ("eV", "eV/atom"): (1.0, 0.0),
    ("kJ/mol", "eV/atom"): (1 / 96.48533212331, 0.0),
    ("meV", "eV"): (1e-3, 0.0),
    ("kg/m3", "g/cm3"): (1e-3, 0.0),
    ("kg/liter", "g/cm3"): (1.0, 0.0),
    ("degC", "K"): (1.0, 273.15),
    ("mV", "V"): (1e-3, 0.0),
    ("mS/cm", "S/cm"): (1e-3, 0.0),
    ("ppm/K", "1/K"): (1e-6, 0.0),
    ("USD/t", "USD/kg"): (1e-3, 0.0),
    ("USD/g", "USD/kg"): (1e3, 0.0),
}


def unit_at(text: str, position: int) -> tuple[Unit, int] | None:
    """The unit written at a place in the text, after at most one space or hyphen, and where it ends."""
    match = _UNIT.match(text, position)
    if match is None or match.lastgroup is None:
        return None
    return UNITS[_NAMES[int(match.lastgroup[1:])]], match.end()


def other_unit_at(text: str, position: int) -> tuple[str, int] | None:
    """Something like a unit that the table does not list, such as kg/cm3, in the unit library's spelling."""
    match = _OTHER_UNIT.match(text, position)
    if match is None or not match[1] or (match[0][0] == " " and "/" not in match[1]):
        return None
    return re.sub(r"([A-Za-z])\^?(-?\d)", r"\1**\2", match[1]), match.end()


def dimension_of(property_name: str) -> str:
    """What the unit of a property measures; empty for a plain number."""
    name = PROPERTIES[property_name].unit
    return UNITS[name].dimension if name in UNITS else ""


def fits(property_name: str, unit: Unit) -> bool:
    """Whether a value in this unit can be meant for the property."""
    wanted = dimension_of(property_name)
    energies = ("energy", "energy per atom")
    return unit.dimension == wanted or (unit.dimension in energies and wanted in energies)


def to_property_unit(value: float, unit: Unit, *, property_name: str) -> float:
    """Convert a value to the registry's unit of a property.

    An energy per mole given for an energy is taken per particle. Raises `UnitError`, naming the property, what was given
    and what is wanted, when the dimension is wrong.
    """
    entry = PROPERTIES[property_name]
    foreign = unit.dimension == "price" and not unit.name.startswith("USD")
    if foreign or not fits(property_name, unit):
        wanted = entry.unit or "plain numbers"
        raise UnitError(
            f"The {entry.title} is given in {unit.name}, {'another currency' if foreign else f'a unit of {unit.dimension}'}.",
            hint=f"Give it in {wanted}.",
        )
    energy = unit.dimension == "energy per atom" or entry.unit == "eV/atom"
    return to_unit(value, unit.name, target="eV/atom" if energy else entry.unit)


def to_unit(value: float, unit: str, *, target: str) -> float:
    """Convert a value, with the unit library only where no everyday factor is at hand."""
    if unit == target:
        return value
    everyday = EVERYDAY.get((unit, target))
    if everyday:
        factor, offset = everyday
        return float(f"{value * factor + offset:.12g}")
    from matsmith.core.units import convert

    return convert(value, unit, target)
