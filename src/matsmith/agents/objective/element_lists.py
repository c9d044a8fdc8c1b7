"""Lists of elements as people write them: `Pb, Cd or Hg`, `iron and nickel`, `Ti-Al-N`, `rare earths`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_words import (
    AMBIGUOUS_SYMBOLS,
    ANION_CLASSES,
    ELEMENT_NAMES,
    GROUPS,
    LOWER_CASE_WORDS,
)
from matsmith.agents.objective.word_sets import words
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError

_KNOWN = frozenset(SYMBOLS)
_GROUPS = index_phrases(GROUPS)
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_SEPARATORS = frozenset({",", "/", "and", "or", "nor", "&", "+", ";", "-", "plus"})
_SKIP = words(
    """
    any the element elements atoms of all other both either neither toxic-
    """
) - {"toxic-"}
_CAPITALISED_WORDS = words(
    """
    A I It If We My So Do Is On Or Up An Am By Go Me Us To Of He Hi Mr Ok No In At As Be Ph Uv Ev
    """
)
_AFTER_ITEM = frozenset(
    ("", ",", ".", ";", ")", "/", "or", "and", "-", "nor", "&", "only", "alone", "system", "exclusively")
)
# What makes an element before it the subject of a new phrase.
_HEADS = words(
    """
    alloy alloys based containing bearing rich compound compounds system steel
    """
)
# Symbols that are English words with a capital.
_WORD_SYMBOLS = words(
    """
    As At Be He In No Am Do La Es Pa Ho Ne Re I
    """
)
# Qualities of elements that stand in such lists: "no toxic or radioactive elements".
_QUALITIES = {
    **dict.fromkeys(("toxic", "poisonous", "hazardous", "harmful"), "non_toxic"),
    **dict.fromkeys(("rare", "scarce"), "earth_abundant"),
    **dict.fromkeys(("expensive", "costly"), "cheap"),
}


@dataclass(kw_only=True)
class ElementList:
    """What a list names: `items` are single elements or groups, `qualities` are flags such as non_toxic."""

    end: int
    items: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    starts: list[int] = field(default_factory=list[int])
    qualities: list[str] = field(default_factory=list[str])
    any_word: bool = False
    anions: bool = False

    @property
    def symbols(self) -> list[str]:
        """All elements of all items."""
        return [symbol for item in self.items for symbol in item]


def single_element(draft: Draft, index: int, *, in_list: bool) -> str | None:
    """The element that one token names; symbols that are also words count only in a list."""
    if not draft.open(index):
        return None
    text = draft.raw(index)
    named = ELEMENT_NAMES.get(draft.low(index)) or ELEMENT_NAMES.get(draft.low(index).removesuffix("s"))
    if named and draft.low(index) not in ("leads",) and not _is_verb_lead(draft, index):
        return named
    if text in _KNOWN:
        if text == "I":
            return None
        return text if in_list or text not in AMBIGUOUS_SYMBOLS else None
    if (
        in_list
        and text.islower()
        and len(text) == 2
        and text not in LOWER_CASE_WORDS
        and text.capitalize() in _KNOWN
    ):
        return text.capitalize()
    return None


def _is_verb_lead(draft: Draft, index: int) -> bool:
    return draft.low(index) == "lead" and draft.low(index + 1) == "to"


def list_at(draft: Draft, start: int, *, anions: bool, strict: bool) -> ElementList | None:
    """Read a list of elements from a token on; None when none is there.

    `anions` also takes classes such as "oxides". `strict` raises `SpecError` for something like a symbol that no element
    has, since in such a place nothing else can be meant.
    """
    found = ElementList(end=start)
    place = start
    while place < len(draft):
        while draft.low(place) in _SKIP and draft.open(place) and not _GROUPS.at(draft, place):
            place += 1
        item = _item_at(
            draft,
            place,
            anions=anions,
            first=not found.items,
            previous=found.items[-1] if found.items else (),
        )
        quality = _QUALITIES.get(draft.low(place)) if draft.open(place) else None
        if item:
            found.items.append(item[0])
            found.starts.append(place)
            found.anions = found.anions or item[2]
            place = item[1]
        elif quality:
            found.qualities.append(quality)
            place += 1
        else:
            if strict:
                _refuse_unknown(draft, place, expected=bool(found.items) or place == start)
            break
        while draft.low(place) in ("element", "elements", "atoms", "metals", "metal") and draft.open(place):
            place += 1
        found.end = place
        separator = _separator_end(draft, place)
        if separator is None or _begins_something_new(
            draft, place, separator, anions=found.anions, negated=anions
        ):
            break
        place = separator
    return found if found.items or found.qualities else None


def _item_at(
    draft: Draft, index: int, *, anions: bool, first: bool, previous: tuple[str, ...]
) -> tuple[tuple[str, ...], int, bool] | None:
    group = _GROUPS.at(draft, index) if draft.open(index) else None
    if group:
        return group[0], group[1], False
    short = GROUPS.get(f"{draft.low(index)} metal") or GROUPS.get(f"{draft.low(index)} earth")
    if short and draft.open(index) and draft.low(index + 1) in ("or", "and", ",", "/", "nor"):
        return short, index + 1, False
    if anions and draft.open(index):
        word = draft.low(index)
        parts = ANION_CLASSES.get(word) or ANION_CLASSES.get(word.removesuffix("s"))
        if parts:
            return parts[0], index + 1, True
    symbol = single_element(draft, index, in_list=True)
    ends = draft.low(index + 1) in ("", ",", ".", ";", ")", "/", "or", "and")
    if symbol is None and draft.raw(index) == "I" and not first and len(previous) == 1 and ends:
        symbol = "I"
    if symbol is None:
        return None
    follows = draft.low(index + 1)
    if draft.raw(index) in _WORD_SYMBOLS and follows not in _AFTER_ITEM:
        return None
    if (
        draft.raw(index) in AMBIGUOUS_SYMBOLS
        and index + 1 < len(draft)
        and draft.reserved[index + 1]
        and follows not in _AFTER_ITEM
    ):
        return None
    if follows == "-" and draft.low(index + 2) == "free":
        return None
    return (symbol,), index + 1, False


def _begins_something_new(draft: Draft, separator: int, start: int, *, anions: bool, negated: bool) -> bool:
    """Whether what follows a comma is no further item: "no cobalt, lithium oxide", "no Pb, oxide"."""
    if not negated or draft.low(separator) not in (",", ";") or start > separator + 1:
        return False
    place = start
    while single_element(draft, place, in_list=True) or _GROUPS.at(draft, place):
        group = _GROUPS.at(draft, place)
        place = group[1] if group else place + 1
        if draft.low(place) == "-":
            place += 1
    word = draft.low(place)
    is_class = word in ANION_CLASSES or word.removesuffix("s") in ANION_CLASSES
    if is_class and place == start and anions:
        return False
    return is_class or (place > start and word in _HEADS)


def _separator_end(draft: Draft, index: int) -> int | None:
    place = index
    while draft.low(place) in _SEPARATORS and draft.open(place):
        if draft.low(place) == "-" and place > index:
            return None
        place += 1
    return place if place > index else None


def _refuse_unknown(draft: Draft, index: int, *, expected: bool) -> None:
    text = draft.raw(index)
    if not expected or not draft.open(index) or text in _CAPITALISED_WORDS or text in _KNOWN:
        return
    looks = _SYMBOL.fullmatch(text) and (len(text) == 2 or draft.low(index - 1) not in (".", "!", "?"))
    looks = looks or (len(text) > 5 and text.lower().endswith("ium"))
    if looks and len(text) > 1:
        raise SpecError(
            f"There is no element {text!r}.",
            hint="Use the symbols or English names of the periodic table, such as Fe or iron.",
        )
