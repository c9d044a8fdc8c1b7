"""What a sentence asks of a structure without naming a tool or a property: verbs, comparatives and turns of phrase.

Patterns are read in their order on text in small letters without its materials; what one has taken, a later one and the names of properties
leave alone.
"""

from __future__ import annotations

import re

from matsmith.agents.objective.properties_in_words import ADJECTIVES

_TURNS: tuple[tuple[str, str], ...] = (
    (r"oxygen (?:partial )?pressures?|partial pressures? of oxygen|oxygen window|window (?:of stability )?in oxygen", "tool:oxygen_window"),
    (r"(?:voltage|potential|electrochemical(?: stability)?) (?:window|range)|stable (?:against|next to|in contact with) (?:lithium|sodium)(?: metal)?",
     "tool:electrochemical_window"),
    (r"(?:stable|survives?|lasts?|oxidi[sz]es?|holds?) in (?:dry |humid |moist )?(?:air|oxygen|argon|nitrogen|hydrogen|vacuum|an? \w+ atmosphere)",
     "tool:atmosphere_stability"),
    (r"(?:what|which|how high a) temperature\b.*\b(?:decompos\w+|breaks? down|falls? apart)|how hot can\b.*\b(?:get|be)\b", "property:decomposition_temperature"),
    (r"(?:what|which|how high an?) temperature\b.*\bcalcin\w+|how hot\b.*\bcalcin\w+", "property:calcination_temperature"),
    (r"(?:what|which|how high an?) temperature\b.*\bsinter\w*|how hot\b.*\bsinter\w*", "property:sintering_temperature"),
    (r"how (?:is|are|was|were|would|can|could)\b.*\b(?:made|synthesi[sz]ed|prepared)\b|how (?:do|can|could|should|would) (?:i|you|we|one) (?:prepare|synthesi[sz]e)\b|"
     r"how (?:do|can|could|should|would) (?:i|you|we|one) make\b(?!.*\b\w+er\b)|(?:can|could)\b.*\bbe synthesi[sz]ed|(?:made|prepared|synthesi[sz]ed) from what|from what\b.*\bmade",
     "tool:synthesis"),
    (r"water (?:attacks?|dissolves?|corrodes?)|(?:dissolv\w+|corrod\w+|stable|survives?|lasts?|attacked|soluble) (?:in|by) (?:\w+ )?water", "tool:pourbaix"),
    (r"decompos(?:e|es|ed|ing)\b(?! temperature)|falls? apart|disproportionat\w+|metastable", "property:energy_above_hull"),
    (r"(?:reaction|reactions?) (?:energy|enthalpy|gibbs energy)|(?:energy|enthalpy|gibbs energy) of (?:the )?reaction", "tool:reaction_energy"),
    (r"competes? with|competing (?:phases?|compounds?)|competitors?", "tool:competing_phases"),
    (r"(?:what|which) (?:\w+ )?phases? .*?\b(?:in|contains?|holds?|shows?|makes? up|mixture)\b|what is (?:my |the )?(?:powder|sample) made of", "tool:identify_phases"),
    (r"(?:x-?ray|diffraction|bragg|powder) (?:peaks?|lines?|reflections?|patterns?)|diffractogram|powder diffraction", "tool:xray_pattern"),
    (r"conducts? heat|heat conduct\w+|thermally conduct\w+|thermal conductor", "property:thermal_conductivity"),
    (r"expands?\b.*\b(?:heat\w*|warm\w*|temperatures?|hot)|(?:heat|warm)\w* .*\bexpands?|(?:grows?|swells?) (?:on|when|with) (?:heat|warm)\w+", "property:thermal_expansion"),
    (r"imaginary (?:modes?|frequenc\w+)|vibrat\w+|dynamically (?:un)?stable|lattice dynamics|soft modes?|dynamical (?:in)?stabilit\w+", "tool:phonons"),
    (r"(?:gibbs|helmholtz|free) energy(?! (?:above|of (?:the )?reaction))", "tool:quasi_harmonic"),
    (r"\border\w* (?:\w+ ){0,2}(?:occupied|disordered|mixed|shared) (?:sites?|positions?)|(?:partly|partially) occupied|partial occupanc\w+|ordered cells?",
     "tool:orderings"),
    (r"(?:which|what) (?:\w+ )?(?:surface|facet|face|plane)s?\b.*\b(?:energy|costs?|cleav\w+|exposed?|lowest|form)|cleav(?:e|es|age)\b|equilibrium (?:crystal )?shape|"
     r"wulff(?: shape)?|(?:cut|make) (?:a|the) surface", "tool:surface_energy"),
    (r"(?:remov|tak|pull|knock)\w* (?:out )?(?:an?|one|a single)\s(?:\w+ )?(?:atom|ion)(?: out)?|missing (?:atom|ion)s?|(?:\w+ )?vacanc(?:y|ies)(?: formation)?(?: energ(?:y|ies))?|"
     r"point defects?", "tool:vacancy_formation"),
    (r"percolat\w+|diffusion (?:path\w*|channels?|network)|conduction (?:path\w*|network)", "tool:ion_percolation"),
    (r"barriers?\b.*\b(?:hop|jump|mov|diffus|migrat)\w*|(?:hop|jump|diffus|migrat)\w*\b.*\bbarriers?|how (?:easily|freely)\b.*\b(?:hop|jump|mov|diffus|migrat)\w*",
     "property:migration_barrier"),
    (r"how (?:fast|quickly|rapidly|slowly|far)\b.*\b(?:hop|jump|mov|diffus|migrat|travel)\w*|(?:self-)?diffusion (?:coefficients?|constants?|rates?)|tracer diffusion|diffusivit(?:y|ies)",
     "property:diffusivity"),
    (r"(?:turns?|transforms?|changes?) into|phase transitions?|transition pressures?|high-pressure (?:form|phase|polymorph)s?",
     "property:energy_above_hull_at_conditions"),
    (r"what (?:does|do|would) (?:(?:a |one )?(?:kilo\w*|kg|ton\w*) (?:of )?)?cost|how much (?:does|do|would) (?:(?:a |one )?(?:kilo\w*|kg|ton\w*) (?:of )?)?cost", "property:price"),
    (r"(?:elements?|raw materials?|ingredients?)\b.*\b(?:costs?|prices?)|costs? of (?:the )?(?:elements|raw materials|ingredients)|costs? (?:a|per) (?:kilo\w*|kg|ton\w*)|"
     r"how expensive", "property:price"),
    (r"\b(?:scarce|toxic|poisonous|scarcity|toxicity|supply risk|critical raw materials?)\b(?:.*\b(?:scarce|toxic|poisonous|scarcity|toxicity)\b)?", "tool:supply"),
    (r"bring\b.*\bto rest|equilibrium (?:geometry|structure|lattice|cell|positions)|(?:find|get|give|compute) (?:me )?the relaxed (?:cell|structure|geometry|positions)|"
     r"(?:relaxed|computed|equilibrium) lattice (?:constants?|parameters?)", "tool:relax"),
    (r"(?:resists?|against|under) (?:being )?shear\w*", "property:shear_modulus"),
    (r"(?:stiff\w*|hard\w*) (?:to compress|against compression|against squeezing)|(?:resists?|against) compression|squeez\w+|compress(?:es|ible)?\b", "property:bulk_modulus"),
    (r"scratch\w*|indent\w*", "property:hardness"),
    (r"static energy|energy against volume", "tool:screen"),
)  # fmt: skip


def _compiled(pattern: str) -> re.Pattern[str]:
    # Words that belong together stand near each other: nothing else of the sentence is taken.
    near = pattern.replace(".*?", ".*").replace(".*", ".{0,60}?")
    return re.compile(rf"(?<![\w-])(?:{near})(?![\w-])")


TURNS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (_compiled(pattern), wish.partition(":")[0], wish.partition(":")[2]) for pattern, wish in _TURNS
)

ADJECTIVE_OF = {
    "more stable": "energy_above_hull",
    "most stable": "energy_above_hull",
    "stabler": "energy_above_hull",
    "stable": "energy_above_hull",
    "magnetic": "magnetisation",
    "expensive": "price",
    "brittle": "pugh_ratio",
    **{word: name for word, (name, _) in ADJECTIVES.items()},
}
"""Adjectives and their comparatives, which ask for a property in a question only."""
