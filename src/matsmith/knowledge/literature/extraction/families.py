"""The properties that can be read from text: how papers name them, their unit, and what they are in the registry.

A family is what a word means before it is known how the value was obtained: "band gap" covers measured and computed gaps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from matsmith.core.errors import UsageError
from matsmith.core.properties import PROPERTIES


@dataclass(frozen=True, kw_only=True)
class Family:
    """A property as text names it. `words` find it in prose, `symbols` (case matters) in prose and in heads of tables.

    `measured` and `computed` are the names in the registry of a value so obtained; "" where the registry has none.
    """

    name: str
    title: str
    unit: str
    words: re.Pattern[str]
    symbols: re.Pattern[str] | None
    measured: str
    computed: str


def _family(
    name: str,
    words: str,
    *,
    symbols: str = "",
    title: str = "",
    measured: str = "",
    computed: str | None = None,
) -> Family:
    registered = measured or name
    entry = PROPERTIES[registered]
    return Family(
        name=name,
        title=title or entry.title,
        unit=entry.unit,
        words=re.compile(rf"(?<![\w])(?:{words})(?![\w])", re.IGNORECASE),
        symbols=re.compile(rf"(?<![\w])(?:{symbols})(?![\w'])") if symbols else None,
        measured=registered,
        computed=registered if computed is None else computed,
    )


_MODULUS = r"mod(?:ulus|uli)"
_LISTED = (
    _family(
        "band_gap",
        r"(?:band|optical|energy)[- ]?gaps?(?: energ(?:y|ies)| values?)?|(?<!energy )(?<!miscibility )(?<!air )gaps?",
        symbols=r"E_?\{?g\}?(?:,?opt)?",
        title="band gap",
        measured="measured_band_gap",
        computed="computed_band_gap",
    ),
    _family(
        "bulk_modulus",
        rf"(?:isothermal |adiabatic )?bulk {_MODULUS}|incompressibility|{_MODULUS} of compression",
        symbols=r"[KB]_?[0T]|[KB]_?\{?(?:VRH|H)\}?",
    ),
    _family("shear_modulus", rf"shear {_MODULUS}|{_MODULUS} of rigidity|rigidity {_MODULUS}", symbols=r"G_?\{?(?:VRH|H|0)\}?"),
    _family("youngs_modulus", rf"young['’]?s? {_MODULUS}|elastic {_MODULUS}|{_MODULUS} of elasticity|tensile {_MODULUS}", symbols=r"E|E_?Y"),
    _family(
        "hardness",
        r"(?:vickers |knoop |micro|nano)?[- ]?hardness(?:es)?|harder|hardest",
        symbols=r"H_?\{?[vV]\}?|VHN",
        title="hardness",
    ),
    _family("poisson_ratio", r"poisson['’]?s? ratios?", symbols="ν"),
    _family(
        "density",
        r"(?<!current )(?<!energy )(?<!power )(?<!charge )(?<!carrier )(?<!defect )(?<!relative )(?<!dislocation )(?<!electron )"
        r"(?<!tap )(?<!number )(?<!flux )(?:(?:x-ray|mass|theoretical|bulk|apparent|measured|crystal) )?densit(?:y|ies)"
        r"(?! of states| functional)",
        symbols="ρ",
    ),
    _family(
        "thermal_conductivity",
        r"(?:lattice |total |room[- ]temperature |electronic )*thermal conductivit(?:y|ies)|heat conductivit(?:y|ies)|(?:conducts?|conducting) heat",
        symbols=r"κ_?L?|κ_?tot",
    ),
    _family(
        "thermal_expansion",
        r"(?:linear |mean |average )*(?:coefficients? of )?thermal[- ]expansions?(?: coefficients?)?|expansion coefficients?",
        symbols="CTE|TEC|α_?L",
    ),
    _family("melting_point", r"melting (?:points?|temperatures?)|liquidus(?: temperature)?|melts?(?: congruently)? (?=at\b|near\b|around\b|above\b)", symbols=r"T_?m"),
    _family("curie_temperature", r"curie (?:temperatures?|points?)|ferromagnetic transition temperatures?", symbols=r"T_?C|T_?\{?C\}?"),
    _family(
        "superconducting_temperature",
        r"(?:superconducting )?(?:critical|transition) temperatures?|superconducting (?:below|at|transition)|superconductivity",
        symbols=r"T_?c(?:,?onset)?",
    ),
    _family(
        "ionic_conductivity",
        r"(?:(?:li|lithium|sodium|na|oxygen|oxide|proton|silver|copper)(?:[- ]ions?)?|ionic|ion|total) conductivit(?:y|ies)",
        symbols="σ_?(?:ion|Li|Na|total|RT|25)?",
    ),
    _family("electrical_conductivity", r"(?:electrical|electric|electronic|dc) conductivit(?:y|ies)"),
    _family(
        "migration_barrier",
        r"(?:migration|diffusion|hopping|activation) (?:energy )?barriers?|activation energ(?:y|ies)|migration energ(?:y|ies)",
        symbols=r"E_?[aAm]",
        title="migration barrier or activation energy",
    ),
    _family(
        "seebeck_coefficient",
        r"(?:seebeck(?: coefficients?)?|thermopowers?|thermoelectric powers?)",
        symbols="S",
    ),
    _family("thermoelectric_figure_of_merit", r"(?:thermoelectric )?figures? of merit|(?:peak |maximum )?zTs?", symbols=r"z_?T|ZT(?:max)?"),
    _family(
        "dielectric_constant",
        r"(?:static |relative |high[- ]frequency )*(?:dielectric (?:constants?|permittivit(?:y|ies))|(?:relative )?permittivit(?:y|ies))",
        symbols=r"ε_?r|ε_?0|ε_?∞",
    ),
    _family("refractive_index", r"(?:refractive ind(?:ex|ices)|ind(?:ex|ices) of refraction)"),
    _family(
        "specific_capacity",
        r"(?:(?:specific|gravimetric|reversible|discharge|charge|practical|initial|theoretical) )*capacit(?:y|ies)",
    ),
    _family("voltage", r"(?:(?:average|mean|working|operating|cell|intercalation|discharge|open[- ]circuit) )*voltages?"),
    _family("fracture_toughness", r"(?:fracture |indentation )*toughness(?:es)?", symbols=r"K_?\{?I[cC]\}?"),
    _family("yield_strength", r"(?:(?:tensile|compressive) )?yield (?:strengths?|stress(?:es)?)", symbols=r"σ_?y|σ_?0\.2"),
    _family("work_function", r"work functions?", symbols="Φ|WF"),
    _family(
        "formation_energy",
        r"(?:formation (?:energ(?:y|ies)|enthalp(?:y|ies))|(?:energ(?:y|ies)|enthalp(?:y|ies)|heats?) of formation)",
        symbols=r"Δ_?H_?f|Δ_?f_?H|ΔE_?f|E_?f(?:orm)?|H_?f",
    ),
    _family(
        "energy_above_hull",
        r"(?:energ(?:y|ies) above (?:the )?(?:convex )?hull|hull (?:distances?|energ(?:y|ies))|above (?:the )?(?:convex )?hull|distance (?:to|from) (?:the )?(?:convex )?hull)",
        symbols=r"E_?\{?(?:hull|above hull)\}?|ΔE_?hull",
    ),
    _family("piezoelectric_coefficient", r"piezoelectric (?:coefficients?|constants?)", symbols=r"d_?\{?33\}?\*?"),
    _family("debye_temperature", r"debye temperatures?", symbols=r"[θΘ]_?D"),
    _family("surface_energy", r"surface energ(?:y|ies)"),
)  # fmt: skip

FAMILIES: dict[str, Family] = {family.name: family for family in _LISTED}


@lru_cache(maxsize=256)
def family_of(words: str) -> Family:
    """The family that a name means: a name of the registry, a title or one of its synonyms. Raises `UsageError` with what there is.

    >>> family_of("Band gap").name, family_of("Tc").name, family_of("lattice thermal conductivity").name
    ('band_gap', 'superconducting_temperature', 'thermal_conductivity')
    """
    wanted = " ".join(words.replace("_", " ").split())
    low = wanted.casefold()
    for family in _LISTED:
        if low in (family.name.replace("_", " "), family.title.casefold()) or family.name == words:
            return family
        if words in (family.measured, family.computed) and family.measured:
            return family
    for family in _LISTED:
        if family.symbols is not None and family.symbols.fullmatch(wanted):
            return family
    for family in _LISTED:
        if family.words.fullmatch(wanted):
            return family
    for family in _LISTED:
        registered = {*PROPERTIES[family.measured].synonyms}
        if family.computed:
            registered |= {*PROPERTIES[family.computed].synonyms}
        if low in registered:
            return family
    raise UsageError(
        f"There is no property {words!r} that can be read from text.",
        hint=f"Choose from {', '.join(family.name.replace('_', ' ') for family in _LISTED)}.",
    )
