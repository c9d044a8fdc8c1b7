"""Where a sentence names properties."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matsmith.knowledge.literature.extraction.families import FAMILIES, Family


@dataclass(frozen=True, kw_only=True)
class Mention:
    """The name of a property in a sentence."""

    family: str
    start: int
    end: int


# Symbols that also are words, units or elements count in prose only where a value is assigned to them.
_ASSIGNED = re.compile(r"\s?(?:=|≈|~|of\b|is\b|was\b|values?\b|reach|up to|exceed|var|between|above|below)")
_ELSEWHERE = re.compile(
    r"\b(?:above|below|than|exceed(?:s|ing)?|beyond|under|across|near|towards?|before it reaches|to obtain|% of|percent of|smaller than|larger than)\s(?:the |its |their |a )?(?:\w+ )?$",
    re.IGNORECASE,
)


def find_mentions(sentence: str) -> list[Mention]:
    """The properties named in a sentence, in order; of overlapping names the longest counts, a symbol after its name not.

    >>> [m.family for m in find_mentions("its bulk modulus (K0 = 160 GPa) and Curie temperature (Tc)")]
    ['bulk_modulus', 'curie_temperature']
    """
    found: list[tuple[Mention, bool]] = []
    for family in FAMILIES.values():
        for match in family.words.finditer(sentence):
            found.append((Mention(family=family.name, start=match.start(), end=match.end()), False))
        if family.symbols is None:
            continue
        for match in family.symbols.finditer(sentence):
            if _ASSIGNED.match(sentence, match.end()):
                found.append((Mention(family=family.name, start=match.start(), end=match.end()), True))
    found.sort(key=lambda item: (item[0].start - item[0].end, item[1]))
    kept: list[tuple[Mention, bool]] = []
    for mention, symbol in found:
        if all(mention.end <= other.start or mention.start >= other.end for other, _ in kept):
            kept.append((mention, symbol))
    kept.sort(key=lambda item: item[0].start)
    mentions: list[Mention] = []
    for mention, symbol in kept:
        if (
            mentions
            and symbol
            and re.fullmatch(r"[\s,]{0,2}\(?|\sof\s", sentence[mentions[-1].end : mention.start])
        ):
            last = mentions[-1]
            mentions[-1] = Mention(family=last.family, start=last.start, end=mention.end)
            continue
        mentions.append(mention)
    return mentions


def is_named(family: Family, sentence: str) -> bool:
    """Whether a sentence can name the property at all: a quick look before all names are told apart."""
    if family.words.search(sentence):
        return True
    return family.symbols is not None and family.symbols.search(sentence) is not None


def refers_elsewhere(sentence: str, mention: Mention) -> bool:
    """Whether the property is a yardstick for what stands before it: 3.5 eV, far above the band gap."""
    if sentence[mention.start : mention.start + 5].casefold() == "above":
        return False
    return bool(_ELSEWHERE.search(sentence[: mention.start]))
