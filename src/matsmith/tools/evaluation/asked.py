"""What was asked of a sample, and whether it has it: elements, formula, size, space group, properties.

Properties go by the names of the crystal tables, which carry their units. A hit: density within 10 %, bulk modulus within 20 % (its own error is
about as large), formation energy within 0.1 eV/atom, energy above hull at most 0.05 eV/atom over what was asked, anything counted exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from pydantic import JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import MatsmithError, UsageError
from matsmith.core.space_group import CRYSTAL_SYSTEMS, crystal_system, system_number
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.crystal_facts import density_of, space_group_of
from matsmith.tools.evaluation.energies import Energy

Kind = Literal["relative", "absolute", "at_most", "exact"]
HITS: dict[str, tuple[Kind, float]] = {
    "density_g_cm3": ("relative", 0.1),
    "bulk_modulus_gpa": ("relative", 0.2),
    "formation_energy_ev_per_atom": ("absolute", 0.1),
    "energy_above_hull_ev_per_atom": ("at_most", 0.05),
    "crystal_system": ("exact", 0.0),
    "space_group": ("exact", 0.0),
    "atoms": ("exact", 0.0),
}
_RANGES: dict[str, tuple[float, float]] = {
    "density_g_cm3": (1e-3, 100.0),
    "bulk_modulus_gpa": (1e-3, 10_000.0),
    "formation_energy_ev_per_atom": (-100.0, 100.0),
    "energy_above_hull_ev_per_atom": (-100.0, 100.0),
    "crystal_system": (0, len(CRYSTAL_SYSTEMS) - 1),
    "space_group": (1, 230),
    "atoms": (1, 100_000),
}
"""What may be asked for: beyond these ends lies no crystal. Not a number lies beyond both."""
NEEDS_ENERGY = frozenset(
    {"bulk_modulus_gpa", "formation_energy_ev_per_atom", "energy_above_hull_ev_per_atom"}
)


def property_name(word: str) -> str:
    """The full name of a property that is named in short. Raises `UsageError` for one that cannot be measured here.

    >>> property_name("density"), property_name("bulk-modulus"), property_name("crystal_system")
    ('density_g_cm3', 'bulk_modulus_gpa', 'crystal_system')
    """
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    if plain in HITS:
        return plain
    found = [name for name in HITS if name.startswith(plain)] if plain else []
    if len(found) != 1:
        raise UsageError(
            f"There is no condition {word!r} that can be measured.", hint=f"There are {', '.join(HITS)}."
        )
    return found[0]


def condition_value(name: str, text: str) -> float:
    """The number that a condition's value stands for; crystal systems go by name or number.

    Raises `UsageError` for what is no number, is not finite, or that no crystal has, such as a density below zero.

    >>> condition_value("crystal_system", "cubic"), condition_value("density_g_cm3", "5")
    (6.0, 5.0)
    """
    if name == "crystal_system" and text.strip().lower() in CRYSTAL_SYSTEMS:
        return float(system_number(text.strip().lower()))
    low, high = _RANGES[name]
    whole = HITS[name][0] == "exact"
    hint = f"Give a {'whole ' if whole else ''}number from {low:g} to {high:g}."
    if name == "crystal_system":
        hint = f"Give one of {', '.join(CRYSTAL_SYSTEMS)}, or its number from 0."
    try:
        value = float(text)
    except ValueError as error:
        raise UsageError(f"{text[:60]!r} is no value of {name}.", hint=hint) from error
    if not low <= value <= high or (whole and not value.is_integer()):
        raise UsageError(f"{text[:60]!r} is no value of {name}.", hint=hint)
    return value


def wanted_values(asked: Mapping[str, JsonValue]) -> dict[str, float]:
    """The conditions of a line of a manifest, as far as they can be measured here."""
    given = asked.get("conditions")
    found: dict[str, float] = {}
    pairs = dict(given) if isinstance(given, dict) else {}
    for key, name in (("asked_space_group", "space_group"), ("asked_atoms", "atoms")):
        if asked.get(key):
            pairs[name] = asked[key]
    for word, value in pairs.items():
        if value is None or isinstance(value, bool | dict | list):
            continue
        try:
            name = property_name(word)
            found[name] = condition_value(name, str(value))
        except UsageError:
            continue
    return found


def has_element_rules(asked: Mapping[str, JsonValue]) -> bool:
    """Whether elements or a formula were asked for."""
    return any(asked.get(key) for key in ("allowed", "required", "excluded", "asked_formula"))


def obeys_elements(asked: Mapping[str, JsonValue], crystal: Crystal) -> bool:
    """Whether a crystal has only allowed elements, every required one, none that is excluded, and the formula asked for."""
    present = set(crystal.elements)
    allowed, required, excluded = (_symbols(asked.get(key)) for key in ("allowed", "required", "excluded"))
    formula = asked.get("asked_formula")
    try:
        right = not formula or reduced_key(str(formula)) == reduced_key(crystal.amounts)
    except MatsmithError:
        right = False
    return (
        right
        and (not allowed or present <= allowed | required)
        and required <= present
        and not excluded & present
    )


def _symbols(value: JsonValue) -> set[str]:
    """Symbols of a list that may hold atomic numbers instead."""
    if not isinstance(value, list):
        return set()
    return {
        SYMBOLS[entry - 1] if isinstance(entry, int) and 1 <= entry <= len(SYMBOLS) else str(entry)
        for entry in cast("list[JsonValue]", value)
    }


def measured(name: str, crystal: Crystal, energy: Energy | None) -> float | None:
    """A property of a sample; of the relaxed crystal where energies are at hand, None where it cannot be had."""
    if name in NEEDS_ENERGY:
        if energy is None:
            return None
        return {
            "bulk_modulus_gpa": energy.bulk_modulus_gpa,
            "formation_energy_ev_per_atom": energy.formation,
            "energy_above_hull_ev_per_atom": energy.above_hull,
        }[name]
    if name == "density_g_cm3":
        return density_of(crystal)
    if name == "atoms":
        return float(len(crystal.species))
    group = space_group_of(crystal)
    return float(group) if name == "space_group" else float(system_number(crystal_system(group)))


def is_hit(name: str, *, value: float | None, wanted: float) -> bool:
    """Whether a measured value is what was asked for."""
    if value is None:
        return False
    kind, room = HITS[name]
    if kind == "at_most":
        return value <= wanted + room
    half = {"relative": abs(wanted) * room, "absolute": room, "exact": 1e-6}[kind]
    return abs(value - wanted) <= half


def hit_words(name: str) -> str:
    """What counts as a hit, in words."""
    kind, room = HITS[name]
    return {
        "relative": f"within {room:.0%}",
        "absolute": f"within {room:g}",
        "at_most": f"at most {room:g} above what was asked",
        "exact": "equal",
    }[kind]
