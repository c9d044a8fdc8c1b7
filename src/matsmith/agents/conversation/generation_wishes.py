"""Sentences that ask for new crystals: so many of a formula, or with some elements."""

from __future__ import annotations

import re

from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.materials import Mention
from matsmith.core.elements import is_element, parse_formula
from matsmith.core.errors import SpecError

_GENERATE = re.compile(
    r"^(?:please\s+|can you\s+|could you\s+)*generate\s+(?:me\s+)?(?:(?P<count>\d{1,4})\s+)?(?:(?:new|random|possible|hypothetical|some|a few|candidate)\s+)*"
    r"(?:(?P<motif>kagome|lieb|honeycomb|square|triangular)\s+)?(?:crystals?|structures?|candidates?|polymorphs?|materials?)\s+"
    r"(?:of|for|with|from|in|containing|made of)\s+(?P<what>.+)$",
    re.IGNORECASE,
)
_MOST = 64


def generated(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """The call that makes crystals; nothing where the sentence names no formula and no list of elements.

    >>> generated("generate 20 candidates of BaTiO3", "", Situation(), [])[0].arguments
    {'formula': 'BaTiO3', 'count': 20}
    >>> generated("generate kagome structures with Fe and Sn", "", Situation(), [])[0].arguments
    {'formula': 'Fe,Sn', 'motif': 'kagome'}
    """
    del plain, situation, named
    match = _GENERATE.match(bare)
    if match is None:
        return []
    what = _formula(match["what"])
    if not what:
        return []
    arguments: dict[str, object] = {"formula": what}
    if match["count"]:
        arguments["count"] = max(1, min(int(match["count"]), _MOST))
    if match["motif"]:
        arguments["motif"] = match["motif"].lower()
    return [Intent(kind=Kind.RUN_TOOL, what="generate_crystals", arguments=arguments)]


def _formula(text: str) -> str:
    """What the tool takes: a formula, or symbols with commas; empty where the words are neither."""
    words = [word for word in re.split(r"[\s,]+|-(?=[A-Z])|\band\b", text.strip()) if word]
    if len(words) > 1 and all(is_element(word) for word in words):
        return ",".join(words)
    if len(words) != 1:
        return ""
    try:
        parse_formula(words[0])
    except SpecError:
        return ""
    return words[0]
