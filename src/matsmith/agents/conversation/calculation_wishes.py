"""From a sentence to calculations: which tool or property, of which structures, at which conditions.

A structure that is named and something that a tool answers make a calculation. What asks for reasons, mechanisms or what was reported is the
literature's, and what sets bounds is an objective.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from matsmith.agents.conversation.commands import parsed_value
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.materials import Mention, without
from matsmith.agents.conversation.wanted import strip_wanted, wanted_in
from matsmith.agents.objective.stability import ROOM_TEMPERATURE_K
from matsmith.core.elements import is_element

QUESTION = re.compile(
    r"^(?:what|why|which|how|when|where|who|does|do|did|is|are|can|could|should|would|has|have)\b",
    re.IGNORECASE,
)
DESIGN = re.compile(
    r"^(?:please\s+)?(?:design|find(?: me)?|search for|look for|discover|propose|suggest|invent|i (?:want|need|am looking for|would like)|we (?:want|need)|give me)\b",
    re.IGNORECASE,
)
BOUND = re.compile(
    r"\b(?:above|below|at least|at most|greater than|less than|more than|higher than|lower than|larger than|smaller than|between|under|over|exceeding|"
    r"as \w+ as possible|maximi[sz]e|minimi[sz]e|without|free)\b|[<>≥≤]",
    re.IGNORECASE,
)
_COMPUTE = re.compile(
    r"\b(?:compute|calculate|relax|give|get|show|determine|predict|estimate|measure|run|tell me|what(?:'s| is| are| was)|how (?!do|does|can|to\b))",
    re.IGNORECASE,
)
_IN_TYPE = re.compile(
    r"\bin (?:the |a )?([a-z][a-z -]{2,30}?)(?: structure| type| form| phase)\b", re.IGNORECASE
)
# Reasons and reports are the literature's, whatever is named.
_REASONS = re.compile(
    r"^why\b|^how (?:does|do|did|can|is|are)\b.*\b(?:turn|transform|change)\w* into\b|^(?:what|which factors?) (?:limits?|causes?|determines?|controls?|affects?|influences?|reduces?|increases?|makes?|happens|role|is known|strategies|methods|"
    r"do we)\b|^who\b|^has anyone\b|^(?:has|have) \w+ been\b|\b(?:doping|doped|dopants?|mechanisms?|synthesi[sz]\w*|reported|in terms of)\b",
    re.IGNORECASE,
)
# Of a material that is only named by its formula, these ask for an explanation too.
_EXPLANATIONS = re.compile(
    r"\b(?:chang\w+|increas\w+|reduc\w+|improv\w+|enhanc\w+|lowers?|raises?|affects?|explain\w*|depends?|related?|origin|because|degrad\w+|made|prepared|grown|measured by)\b",
    re.IGNORECASE,
)
_A_CLASS = re.compile(
    r"^(?:which|what) (?!of\b|one\b|is\b|are\b|has\b|does\b|do\b|would\b)[\w-]+ (?:are|have|is|has)\b|^(?:is|are) there\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"\b(?:both|the two|these two|them|of the pair)\b", re.IGNORECASE)
_LAST_TWO = re.compile(r"^(?:(?:and|so|but|now|then)\s+)*which\s+(?:one\s+)?(?:is|has)\b", re.IGNORECASE)
_SIDE_BY_SIDE = re.compile(
    r"(?:,|\b(?:and|or|vs\.?|versus|with|than|to))\s*(?:(?:that|those)\s+(?:of|for)\s*)?$", re.IGNORECASE
)
_GOES_ON = re.compile(r"^\s*(?:,|(?:and|or|vs|versus|with|than)\b)", re.IGNORECASE)
_RADIATION = re.compile(
    r"\b(copper|Cu|cobalt|Co|molybdenum|Mo)[ -]?K[ -]?(?:alpha|α|a)[ -]?(1)?(?!\w)", re.IGNORECASE
)
_ANODES = {"copper": "Cu", "cu": "Cu", "cobalt": "Co", "co": "Co", "molybdenum": "Mo", "mo": "Mo"}
_REACTION_ENERGY = "reaction_energy"
# Whole sides of formulas with their numbers: "2 Al + Fe2O3 -> Al2O3 + 2 Fe".
_SIDE = r"(?:\d+(?:\.\d+)? ?)?[A-Z][\w().]*(?: ?\+ ?(?:\d+(?:\.\d+)? ?)?[A-Z][\w().]*)*"
_REACTION = re.compile(rf"{_SIDE} ?(?:-+>|→|=) ?{_SIDE}")
_AT_CONDITIONS = "energy_above_hull_at_conditions"
_GASES = ("air", "oxygen", "nitrogen", "argon", "hydrogen", "vacuum")


def measured(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """A tool or a property, and what it is to be had of; nothing where the sentence asks for something else."""
    materials = [one for one in named if one.kind != "pronoun"] or named
    materials, element = _subjects(plain, materials, situation)
    if all(one.kind == "pronoun" for one in materials):
        materials = _both(plain, situation) or materials
    wanted = wanted_in(without(plain, [one for one in named if one.kind != "pronoun"]))
    if ("tool", _REACTION_ENERGY) in wanted:
        return _reaction(plain, materials)
    if not wanted or not materials or not _is_calculation(bare, plain, materials):
        return []
    about = tuple(name_of(one) for one in materials)
    arguments = _arguments(plain)
    prototype = _IN_TYPE.search(plain)
    if prototype and not any(one.kind in ("label", "file", "candidate") for one in materials):
        arguments["_prototype"] = prototype[1].strip().lower()
    if element:
        arguments["_element"] = element
    return [
        Intent(kind=Kind.CALCULATE, what=what, about=about, arguments=arguments)
        for what in dict.fromkeys(_at_conditions(kind, name, arguments) for kind, name in wanted)
    ]


def _reaction(plain: str, materials: list[Mention]) -> list[Intent]:
    """The energy of a reaction that is written out; nothing where it is not."""
    reaction = _REACTION.search(plain)
    if reaction is None or not materials:
        return []
    arguments = {**_arguments(plain), "formula": reaction[0].strip()}
    about = (name_of(materials[0]),)
    return [Intent(kind=Kind.CALCULATE, what=f"tool:{_REACTION_ENERGY}", about=about, arguments=arguments)]


def _at_conditions(kind: str, name: str, arguments: Mapping[str, object]) -> str:
    """Stability is asked of the tool that knows the pressure, the gases or the heat that the sentence names.

    >>> _at_conditions("property", "energy_above_hull", {"_pressure_gpa": 10.0})
    'property:energy_above_hull_at_conditions'
    """
    pressed = bool(arguments.get("_pressure_gpa"))
    heat = arguments.get("_temperature_k")
    hot = isinstance(heat, float) and heat > ROOM_TEMPERATURE_K
    if name == _AT_CONDITIONS and not pressed:
        return "tool:atmosphere_stability" if hot or "_atmosphere" in arguments else "tool:pressure_stability"
    if name != "energy_above_hull" or not (pressed or hot or "_atmosphere" in arguments):
        return f"{kind}:{name}"
    return f"property:{_AT_CONDITIONS}" if pressed else "tool:atmosphere_stability"


def _is_calculation(bare: str, plain: str, materials: list[Mention]) -> bool:
    if _REASONS.search(bare):
        return False
    given = any(one.kind in ("label", "file", "candidate") for one in materials)
    pronouns = all(one.kind == "pronoun" for one in materials)
    asks = bool(_COMPUTE.search(bare)) or bool(QUESTION.match(bare))
    if BOUND.search(strip_wanted(without(plain, materials))) and (DESIGN.match(bare) or not asks):
        return False
    if given:
        return True
    if pronouns:
        return bool(_COMPUTE.search(bare)) or len(bare.split()) <= 8
    return not (_EXPLANATIONS.search(bare) or _A_CLASS.match(bare))


def _subjects(plain: str, materials: list[Mention], situation: Situation) -> tuple[list[Mention], str]:
    """The structures that are meant, and an element that is only spoken of within them: the lithium that hops in LiCoO2.

    Beside a file, a formula counts when it is put side by side with it ("MgO.cif or TiN"), and not when it says what the file is.
    """
    if any(one.name in situation.tables for one in materials):
        return materials, ""  # formulas beside a scan say which elements may occur
    given = any(one.kind in ("label", "file", "candidate") for one in materials)
    loose = [
        one
        for one in materials
        if ((one.kind == "formula" and is_element(one.name)) or (given and one.kind in ("formula", "name")))
        and not _SIDE_BY_SIDE.search(plain[: one.start])
        and not _GOES_ON.match(plain[one.end :])
    ]
    rest = [one for one in materials if one not in loose]
    if not rest:
        return materials, ""
    return rest, next((one.name for one in loose if is_element(one.name)), "")


def _both(plain: str, situation: Situation) -> list[Mention]:
    """What "both" means: the two structures that were spoken of last."""
    if len(situation.labels) < 2 or not (_SEVERAL.search(plain) or _LAST_TWO.match(plain)):
        return []
    return [Mention(kind="label", name=label, start=0, end=0) for label in situation.labels[-2:]]


def name_of(mention: Mention) -> str:
    """What finds a material: a candidate by its number, anything else by its name."""
    return f"candidate {mention.name}" if mention.kind == "candidate" else mention.name


def without_structure_type(text: str) -> str:
    """Hide a structure type, whose name may be a mineral's too; places stay."""
    return _IN_TYPE.sub(lambda match: " " * len(match[0]), text)


def _arguments(text: str) -> dict[str, object]:
    """What a sentence says beside the material: key=value, a surface, a temperature, a pressure, a gas around it."""
    found: dict[str, object] = {}
    for key, value in re.findall(r"\b([a-z_]{2,40})=(\S+)", text):
        found[key] = parsed_value(value.rstrip(",;"))
    surface = re.search(r"\((-?\d)[ ,]*(-?\d)[ ,]*(-?\d)\)", text)
    if surface:
        found["_miller"] = [int(surface[place]) for place in (1, 2, 3)]
    temperature = re.search(r"\b(?:at|to|of|and) (-?\d+(?:\.\d+)?) ?(K|°\s?C)(?![\w/])", text)
    if temperature:
        celsius = temperature[2] != "K"
        found["_temperature_k"] = float(temperature[1]) + (273.15 if celsius else 0.0)
    pressure = re.search(r"\b(?:at|under|and|to) (\d+(?:\.\d+)?) ?(GPa|kbar)\b", text)
    if pressure:
        found["_pressure_gpa"] = float(pressure[1]) / (10.0 if pressure[2] == "kbar" else 1.0)
    gas = re.search(rf"\bin ((?:dry )?(?:{'|'.join(_GASES)}))\b", text, re.IGNORECASE)
    if gas:
        found["_atmosphere"] = gas[1].lower()
    radiation = _RADIATION.search(text)
    if radiation:
        found["radiation"] = f"{_ANODES[radiation[1].lower()]}Ka{radiation[2] or ''}"
    return found
