"""Units through pint, loaded on first use; conversions that need more than dimensions are stated here.

Energies per amount (kJ/mol, kcal/mol) mean per mole of atoms when they are compared with eV/atom: the caller says so in
what it reports.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matsmith.core.errors import UnitError

if TYPE_CHECKING:
    import pint

# How units are written in the registry of properties, and how pint is asked for them.
_SPELLING = {
    "eV/atom": "electron_volt / particle",
    "meV/atom": "millielectron_volt / particle",
    "kJ/mol": "kilojoule / mole",
    "kcal/mol": "kilocalorie / mole",
    "J/mol": "joule / mole",
    "Ry/atom": "rydberg * planck_constant * speed_of_light / particle",
    "g/cm3": "gram / centimeter ** 3",
    "g/cc": "gram / centimeter ** 3",
    "kg/m3": "kilogram / meter ** 3",
    "angstrom3/atom": "angstrom ** 3 / particle",
    "USD/kg": "dimensionless",
    "mu_B/atom": "bohr_magneton / particle",
    "µB/atom": "bohr_magneton / particle",
    "muB/atom": "bohr_magneton / particle",
    "Å": "angstrom",
    "A": "ampere",
    "µm": "micrometer",
    "C": "degree_Celsius",
    "°C": "degree_Celsius",
    "degC": "degree_Celsius",
    "K": "kelvin",
    "": "dimensionless",
    "1": "dimensionless",
}
_PER_ATOM_DIMENSIONS = {"eV/atom", "meV/atom"}
_BARE_ENERGIES = {"eV", "meV"}


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """Return the one pint registry of this process; `particle` is an amount of substance (1 / Avogadro's number)."""
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=True, cache_folder=None)


@lru_cache(maxsize=4096)
def convert(value: float, from_unit: str, to_unit: str) -> float:
    """Convert a value between two units of one dimension.

    A bare energy (eV, meV) given for a quantity per atom is taken per atom. Raises `UnitError` for an unknown unit or
    a wrong dimension.

    >>> convert(1.0, "Mbar", "GPa")
    100.0
    >>> round(convert(96.485, "kJ/mol", "eV/atom"), 4)
    1.0
    """
    if from_unit == to_unit:
        return value
    import pint

    if to_unit in _PER_ATOM_DIMENSIONS and from_unit in _BARE_ENERGIES:
        from_unit = f"{from_unit}/atom"
    if (from_unit == "USD/kg") != (to_unit == "USD/kg"):
        raise UnitError(
            f"{from_unit or 'a plain number'} cannot be converted to {to_unit}.",
            hint=f"Give a value in {to_unit}.",
        )
    try:
        units: Any = registry()
        quantity = units.Quantity(value, _SPELLING.get(from_unit, from_unit))
        converted = quantity.to(_SPELLING.get(to_unit, to_unit))
    except pint.DimensionalityError as error:
        wanted = to_unit or "a plain number"
        raise UnitError(
            f"{from_unit or 'a plain number'} cannot be converted to {wanted}: the dimension is wrong.",
            hint=f"Give a value in {wanted}.",
        ) from error
    except (
        pint.UndefinedUnitError,
        pint.DefinitionSyntaxError,
        AttributeError,
        ValueError,
        TypeError,
    ) as error:
        raise UnitError(
            f"Unknown unit {from_unit!r}.", hint=f"Give a value in {to_unit or 'plain numbers'}."
        ) from error
    return round(float(converted.magnitude), 12)


def same_dimension(unit: str, other: str) -> bool:
    """Say whether two units measure the same thing; an unknown unit measures nothing."""
    try:
        convert(1.0, unit, other)
    except UnitError:
        return False
    return True
