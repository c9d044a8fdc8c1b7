"""Which tool or property a sentence asks for."""

from __future__ import annotations

import re
from functools import lru_cache

from matsmith.agents.conversation.tool_verbs import ADJECTIVE_OF, TURNS
from matsmith.agents.objective.properties_in_words import ADJECTIVES
from matsmith.core.properties import PROPERTIES

TOOL_WORDS: dict[str, tuple[str, ...]] = {
    "relax": ("relax", "relaxed", "relaxing", "relaxation", "optimise the geometry", "optimize the geometry", "geometry optimisation",
              "geometry optimization", "optimise", "optimize", "minimise the energy", "minimize the energy"),
    "symmetry": ("space group", "spacegroup", "symmetry", "crystal system", "point group"),
    "equation_of_state": ("equation of state", "eos", "birch-murnaghan", "birch murnaghan", "energy-volume curve"),
    "elasticity": ("elastic tensor", "elastic constants", "elastic constant", "stiffness tensor", "elastic moduli", "elasticity", "c11", "c44"),
    "phonons": ("phonon", "phonons", "phonon dispersion", "dynamically stable", "dynamical stability", "vibrational modes", "heat capacity"),
    "quasi_harmonic": ("quasi-harmonic", "quasiharmonic"),
    "vacancy_formation": ("vacancy formation energy", "vacancy formation", "vacancy energy", "vacancy", "vacancies"),
    "surface_energy": ("surface energy", "surface energies", "surface tension"),
    "intercalation_voltage": ("intercalation voltage", "cathode voltage", "average voltage", "voltage against lithium", "voltage"),
    "xray_pattern": ("x-ray pattern", "xray pattern", "x-ray diffraction", "xrd pattern", "xrd", "diffraction pattern", "powder pattern"),
    "identify_phases": ("identify the phase", "identify the phases", "identify phases", "phase identification", "which phases are in", "what phases are in", "which phase is in"),
    "orderings": ("ordered arrangements", "orderings", "order the sites", "order its sites"),
    "pourbaix": ("pourbaix diagram", "pourbaix", "stability in water", "stable in water"),
    "electrochemical_window": ("electrochemical window", "electrochemical stability"),
    "ion_percolation": ("ion percolation", "percolation", "diffusion pathways"),
    "supply": ("supply risk", "scarcity", "toxicity"),
    "synthesis": ("precursors", "precursor", "synthesis route", "synthesis recipe", "synthesis conditions", "synthesisable", "synthesizable", "starting materials"),
    "polymorphs": ("polymorphs", "polymorph", "other forms"),
    "competing_phases": ("competing phases", "what does it compete with"),
    "known_crystal": ("measured values", "measured properties", "what was measured"),
    "density": ("relaxed density",),
}  # fmt: skip
_MORE_WORDS = {
    "stability": "energy_above_hull", "above the hull": "energy_above_hull", "above hull": "energy_above_hull", "hull": "energy_above_hull",
    "k_vrh": "bulk_modulus", "compressibility modulus": "bulk_modulus", "magnetic moment": "magnetisation", "magnetization": "magnetisation",
}  # fmt: skip
# What a tool tells too, beside what it measures, so that it is no second wish.
_IMPLIED = {"quasi_harmonic": ("thermal_expansion",), "identify_phases": ("xray_pattern",)}
_ADJECTIVE_QUESTION = re.compile(
    r"^(?:(?:and|so|but|now|then)\s+)*(?:how|is|are|which|what|does|do|would|compare|rank|order)\b",
    re.IGNORECASE,
)


def wanted_in(text: str) -> list[tuple[str, str]]:
    """The tools and properties that are named, in the order of the text: pairs of `tool` or `property` and its name.

    >>> wanted_in("relax it and give its bulk modulus")
    [('tool', 'relax'), ('property', 'bulk_modulus')]
    >>> wanted_in("how stiff is it?")
    [('property', 'bulk_modulus')]

    A property and the tool that measures it are one wish:

    >>> wanted_in("the bulk modulus according to its equation of state")
    [('tool', 'equation_of_state')]
    """
    low = text.lower().replace("’", "'")
    spots = _spots(low)
    if not spots and _ADJECTIVE_QUESTION.match(low.strip()):
        for word, name in ADJECTIVE_OF.items():
            match = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])(?!\s+(?:is it\s+)?to\b)", low)
            if match:
                spots.append((match.start(), match.end(), "property", name))
                break
    ordered = list(dict.fromkeys((kind, name) for _, _, kind, name in sorted(spots)))
    tools = {name for kind, name in ordered if kind == "tool"}
    implied = {other for tool in tools for other in _IMPLIED.get(tool, ())}
    return [
        (kind, name)
        for kind, name in ordered
        if name not in implied and (kind == "tool" or not tools.intersection(PROPERTIES[name].tools))
    ]


def strip_wanted(text: str) -> str:
    """The text without the names of tools and properties, some of which hold words such as "above"."""
    for start, end, _, _ in sorted(_spots(text.lower()), reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return text


def _spots(low: str) -> list[tuple[int, int, str, str]]:
    spots: list[tuple[int, int, str, str]] = []

    def take(match: re.Match[str], kind: str, name: str) -> None:
        if not any(start < match.end() and match.start() < end for start, end, _, _ in spots):
            spots.append((match.start(), match.end(), kind, name))

    for pattern, kind, name in TURNS:
        for match in pattern.finditer(low):
            take(match, kind, name)
    for phrase, kind, name in _phrases():
        for match in re.finditer(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", low):
            take(match, kind, name)
    return spots


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else word if word.endswith("s") else f"{word}s"


@lru_cache(maxsize=1)
def _phrases() -> tuple[tuple[str, str, str], ...]:
    found: dict[str, tuple[str, str]] = {}
    for name, entry in PROPERTIES.items():
        for word in entry.synonyms:
            if word not in ADJECTIVES and word not in ("superhard", "tc", "zt", "gap", "cost"):
                found[word] = found[_plural(word)] = ("property", name)
    found["gap"] = ("property", "measured_band_gap")
    for word, name in _MORE_WORDS.items():
        found[word] = ("property", name)
    for name, phrases in TOOL_WORDS.items():
        for phrase in phrases:
            found[phrase] = ("tool", name)
    return tuple(
        (phrase, kind, name) for phrase, (kind, name) in sorted(found.items(), key=lambda item: -len(item[0]))
    )
