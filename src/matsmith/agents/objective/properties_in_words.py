"""Properties as people name them: nouns from the registry, adjectives, and classes of materials that imply a property."""

from __future__ import annotations

from dataclasses import dataclass, replace

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.unit_words import Unit, unit_at
from matsmith.agents.objective.word_sets import words
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation

MAX, MIN = Relation.MAXIMISE, Relation.MINIMISE

ADJECTIVES: dict[str, tuple[str, Relation]] = {
    **dict.fromkeys(("hard", "harder", "hardest", "ultrahard"), ("hardness", MAX)),
    **dict.fromkeys(("light", "lighter", "lightest", "lightweight", "light weight"), ("density", MIN)),
    **dict.fromkeys(("dense", "denser", "densest", "heavy", "heavier", "heaviest"), ("density", MAX)),
    **dict.fromkeys(("stiff", "stiffer", "stiffest", "incompressible", "ultraincompressible", "ultra incompressible",
                     "least compressible"), ("bulk_modulus", MAX)),
    **dict.fromkeys(("compressible", "most compressible"), ("bulk_modulus", MIN)),
    **dict.fromkeys(("rigid",), ("shear_modulus", MAX)),
    **dict.fromkeys(("tough", "tougher", "toughest", "ductile"), ("fracture_toughness", MAX)),
    **dict.fromkeys(("strong", "stronger", "strongest"), ("yield_strength", MAX)),
    **dict.fromkeys(("cheap", "cheaper", "cheapest", "inexpensive", "affordable", "low cost", "low price", "low priced",
                     "least expensive", "cost effective", "economical"), ("price", MIN)),
    **dict.fromkeys(("superconducting", "superconductor"), ("superconducting_temperature", Relation.ABOVE)),
    **dict.fromkeys(("superhard", "super hard"), ("hardness", Relation.ABOVE)),
    **dict.fromkeys(("thermoelectric", "thermoelectrics"), ("thermoelectric_figure_of_merit", MAX)),
    **dict.fromkeys(("piezoelectric", "piezoelectrics"), ("piezoelectric_coefficient", MAX)),
    **dict.fromkeys(("thermal insulator", "thermally insulating", "heat insulating"), ("thermal_conductivity", MIN)),
    **dict.fromkeys(("thermally conductive", "heat conducting", "thermal conductor"), ("thermal_conductivity", MAX)),
    **dict.fromkeys(("refractive",), ("refractive_index", MAX)),
    **dict.fromkeys(("semiconductor", "semiconducting"), ("measured_band_gap", Relation.BETWEEN)),
    **dict.fromkeys(("insulator", "insulating", "electrical insulator", "electrically insulating"),
                    ("measured_band_gap", Relation.ABOVE)),
}  # fmt: skip

# (property, relation) of an adjective -> the limits it stands for, with the reason that is shown.
LIMITS: dict[tuple[str, Relation], tuple[float, float | None, str]] = {
    ("hardness", Relation.ABOVE): (40.0, None, "superhard means a Vickers hardness above 40 GPa"),
    ("superconducting_temperature", Relation.ABOVE): (
        0.0,
        None,
        "superconducting at some temperature above 0 K",
    ),
    ("measured_band_gap", Relation.BETWEEN): (
        0.1,
        4.0,
        "a semiconductor is taken to have a gap of 0.1 to 4 eV",
    ),
    ("measured_band_gap", Relation.ABOVE): (4.0, None, "an insulator is taken to have a gap above 4 eV"),
}
# Adjectives that stand for one of several properties: the question says which was taken.
CHOICES = {
    "stiff": "a high bulk modulus; say Young's modulus or shear modulus if that is meant",
    "strong": "a high yield strength; say bulk modulus or hardness if that is meant",
    "light": "a low density",
}
_NOT_AFTER: dict[str, frozenset[str]] = {
    "light": words(
        """
    visible uv ultraviolet infrared sun solar of blue green red absorbs absorb in
    """
    ),
    "heavy": frozenset(),
}
_NOT_BEFORE: dict[str, frozenset[str]] = {
    "light": words(
    """
    emitting absorbing absorber absorption harvesting emission element elements atoms source metals
    emitter scattering irradiation
    """
),
    "heavy": frozenset(["metal", "metals", "element", "elements", "atoms", "fermion"]),
    "hard": frozenset(["to", "magnet", "magnetic", "carbon", "requirement", "constraint", "x"]),
    "refractive": frozenset(["index", "indices"]),
    "strong": frozenset(["absorption", "absorber", "coupling", "coupled", "correlation", "acid", "base"]),
    "dense": frozenset(("packing",)),
}  # fmt: skip
_ADJECTIVE_WORDS = words(
    """
    hard harder hardest superhard dense denser densest light lighter lightest lightweight
    light-weight heavy heavier tough ductile superconducting superconductor piezoelectric
    """
)
_NOUNS = index_phrases(
    {
        **{
            synonym: name
            for name, entry in PROPERTIES.items()
            for synonym in entry.synonyms
            if synonym not in _ADJECTIVE_WORDS
        },
        "above the convex hull": "energy_above_hull",
        "above convex hull": "energy_above_hull",
        "above the hull": "energy_above_hull",
        "above hull": "energy_above_hull",
        "convex hull": "energy_above_hull",
        "hull energy": "energy_above_hull",
        "hull": "energy_above_hull",
        "eg": "measured_band_gap",
        "ρ": "density",
        "rho": "density",
        "kvrh": "bulk_modulus",
        "k vrh": "bulk_modulus",
        "gvrh": "shear_modulus",
        "g vrh": "shear_modulus",
        "hull distance": "energy_above_hull",
        "mechanical hardness": "hardness",
        "price per kg": "price",
        "price per kilogram": "price",
        "cost per kg": "price",
        "cost per kilogram": "price",
        "cathode potential": "voltage",
        "materials cost": "price",
        "bulk modulus k": "bulk_modulus",
        "bulk modulus b": "bulk_modulus",
    }
)
_ADJECTIVE_PHRASES = index_phrases(ADJECTIVES)
_COMPUTED = frozenset(["pbe", "dft", "gga", "computed", "calculated", "kohn"])
# What a bare unit can only mean, among the properties that people ask for.
BY_DIMENSION = {
    "energy": "measured_band_gap",
    "density": "density",
    "volume per atom": "volume_per_atom",
    "voltage": "voltage",
    "price": "price",
    "specific capacity": "specific_capacity",
    "thermal conductivity": "thermal_conductivity",
    "magnetisation": "magnetisation",
    "surface energy": "surface_energy",
    "thermopower": "seebeck_coefficient",
    "toughness": "fracture_toughness",
    "piezoelectric coefficient": "piezoelectric_coefficient",
    "thermal expansion": "thermal_expansion",
}
# Letters that papers use for moduli: "K > 200 GPa".
BY_LETTER = {
    "K": "bulk_modulus", "B": "bulk_modulus", "K0": "bulk_modulus", "B0": "bulk_modulus", "G": "shear_modulus",
    "E": "youngs_modulus", "H": "hardness", "Hv": "hardness", "HV": "hardness",
}  # fmt: skip
BY_COMPARISON = {
    "cheaper than": "price", "lighter than": "density", "denser than": "density", "heavier than": "density",
    "harder than": "hardness", "softer than": "hardness", "stiffer than": "bulk_modulus", "tougher than": "fracture_toughness",
    "wider than": "measured_band_gap", "narrower than": "measured_band_gap", "stronger than": "yield_strength",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A property named at a span; an adjective carries the direction it asks for."""

    start: int
    end: int
    properties: tuple[str, ...]
    direction: Relation | None = None
    unit: Unit | None = None

    @property
    def is_adjective(self) -> bool:
        """Whether it says a direction by itself, as "hard" does."""
        return self.direction is not None


def find_mentions(draft: Draft) -> list[Mention]:
    """Find the properties that free words name, from left to right."""
    mentions: list[Mention] = []
    index = 0
    while index < len(draft):
        mention = _mention_at(draft, index) if draft.open(index) else None
        if mention:
            mention = _with_unit(draft, mention)
            mentions.append(mention)
        index = mention.end if mention else index + 1
    return mentions


def _mention_at(draft: Draft, index: int) -> Mention | None:
    both = _two_moduli(draft, index)
    if both:
        return both
    noun = _NOUNS.at(draft, index)
    adjective = _ADJECTIVE_PHRASES.at(draft, index)
    if noun and (adjective is None or noun[1] >= adjective[1]):
        name, end = noun
        if name == "measured_band_gap":
            return _gap(draft, index, end)
        return Mention(start=index, end=end, properties=(name,))
    if adjective is None or not _is_about_material(draft, index, adjective[1]):
        return None
    (name, direction), end = adjective
    return Mention(start=index, end=end, properties=(name,), direction=direction)


def _with_unit(draft: Draft, mention: Mention) -> Mention:
    """Read the unit in "bulk modulus (GPa): 200-300" and "density in kg/m3 below 4000"."""
    opening = draft.low(mention.end)
    if opening not in ("(", "[", "in"):
        return mention
    found = unit_at(draft.text, draft.tokens[mention.end].end)
    if found is None:
        return mention
    unit, text_end = found
    end = mention.end + 1
    while end < len(draft) and draft.tokens[end].start < text_end:
        end += 1
    if opening != "in":
        if draft.low(end) not in (")", "]"):
            return mention
        end += 1
    return replace(mention, end=end, unit=unit)


def _two_moduli(draft: Draft, index: int) -> Mention | None:
    kinds = {
        "bulk": "bulk_modulus",
        "shear": "shear_modulus",
        "young's": "youngs_modulus",
        "youngs": "youngs_modulus",
    }
    first, second = draft.low(index), draft.low(index + 2)
    if (
        first in kinds
        and draft.low(index + 1) in ("and", "&")
        and second in kinds
        and draft.low(index + 3) in ("modulus", "moduli")
    ):
        return Mention(start=index, end=index + 4, properties=(kinds[first], kinds[second]))
    return None


def _gap(draft: Draft, start: int, end: int) -> Mention:
    """A band gap is the measured one unless a word beside it says that it is computed."""
    if draft.low(start - 1) in _COMPUTED and draft.open(start - 1):
        return Mention(start=start - 1, end=end, properties=("computed_band_gap",))
    if draft.low(start - 1) == "-" and draft.low(start - 2) in _COMPUTED:
        return Mention(start=start - 2, end=end, properties=("computed_band_gap",))
    after = end
    while draft.low(after) in ("(", "in", "from", "by", "with", "at", "the"):
        after += 1
    if draft.low(after) in _COMPUTED and draft.open(after):
        after += 1
        while draft.low(after) in ("level", ")", "functional"):
            after += 1
        return Mention(start=start, end=after, properties=("computed_band_gap",))
    return Mention(start=start, end=end, properties=("measured_band_gap",))


def _is_about_material(draft: Draft, start: int, end: int) -> bool:
    """Whether an adjective such as "light" qualifies the material and not something else ("visible light")."""
    word = draft.low(start)
    following = draft.low(end + 1) if draft.low(end) == "-" else draft.low(end)
    if following == "than":
        return False
    return draft.low(start - 1) not in _NOT_AFTER.get(word, ()) and following not in _NOT_BEFORE.get(word, ())
