"""What a specification asks of composition, symmetry, size and novelty, looked up on the crystal itself; no code of the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from independent_facts import COMMON_ELEMENTS, Facts, Tables, formula_key
from independent_prototypes import has_type
from independent_values import Crystal
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer


def listed(crystal: Crystal, *, tables: Tables, facts: Facts) -> list[str]:
    """Tables, and the measured crystals, in which the formula stands."""
    return tables.holding(crystal.key) + (["measured crystals"] if facts.crystals(crystal.key) else [])


def wishes(
    crystal: Crystal, *, spec: dict[str, Any], tables: Tables, facts: Facts
) -> Iterator[tuple[str, str, bool | None]]:
    """Each wish as its name, what is wanted, and whether the crystal has it; None when that cannot be said."""
    chemistry, wish = spec["chemistry"], spec["structure"]
    here = {str(element) for element in crystal.structure.composition}
    yield "formula", crystal.report["formula"], crystal.key == formula_key(crystal.report["formula"])
    yield "elements", f"with {chemistry['required']}", here.issuperset(chemistry["required"])
    for group in chemistry["any_of"]:
        yield "elements", f"one of {group}", bool(here & set(group))
    yield "elements", f"without {chemistry['excluded']}", not here & set(chemistry["excluded"])
    if chemistry["allowed"]:
        yield "elements", "only of those allowed", here <= set(chemistry["allowed"])
    if chemistry["formula"]:
        yield "formula", chemistry["formula"], crystal.key == formula_key(chemistry["formula"])
    fewest, most = chemistry["elements_min"], chemistry["elements_max"]
    yield "elements", f"{fewest} to {most}", fewest <= len(here) <= most
    if chemistry["earth_abundant"]:
        yield "elements", "earth-abundant", here <= COMMON_ELEMENTS
    if chemistry["non_toxic"]:
        yield "elements", "non-toxic", not any(facts.toxic(symbol) for symbol in here)
    atoms = len(crystal.structure.get_primitive_structure())
    yield (
        "atoms",
        f"{wish['atoms_min']} to {wish['atoms_max']}",
        wish["atoms_min"] <= atoms <= wish["atoms_max"],
    )
    if wish["space_groups"]:
        numbers = {
            SpacegroupAnalyzer(crystal.structure, symprec=p).get_space_group_number()
            for p in (0.01, 0.05, 0.1)
        }
        yield "space group", str(wish["space_groups"]), bool(numbers & set(wish["space_groups"]))
    if wish["prototype"]:
        yield "prototype", wish["prototype"], has_type(crystal.structure, wish["prototype"], facts)
    if spec["new_only"]:
        yield "novelty", "in no table", not listed(crystal, tables=tables, facts=facts)
