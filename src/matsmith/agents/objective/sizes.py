"""Counts: how many elements, how many atoms in the cell, how many candidates."""

from __future__ import annotations

import math

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_words import ALLOY_WORDS, ANION_CLASSES
from matsmith.agents.objective.prototypes import PROTOTYPE_WORDS
from matsmith.agents.objective.quantities import Bound, number_at
from matsmith.agents.objective.vocabulary import FILLERS, NUMBER_WORDS, SIGNS
from matsmith.agents.objective.word_sets import words
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Relation

MOST_CANDIDATES = 1000
MOST_ATOMS = 500
# A cell that people call small: the binary and simple ternary structure types.
SMALL_CELL_ATOMS = 10

_ARITY = index_phrases(
    {
        **dict.fromkeys(
            ("unary", "single element", "one element", "elemental solid", "pure element", "elemental"), 1
        ),
        "binary": 2,
        "ternary": 3,
        "quaternary": 4,
        "quinary": 5,
    }
)
_NOUNS = frozenset(
    {word for name in (*ANION_CLASSES, *ALLOY_WORDS) if " " not in name for word in (name, f"{name}s")}
    | {f"{word}s" for word in PROTOTYPE_WORDS if " " not in word}
    | words(
        """
    candidate candidates material materials compound compounds crystal crystals structures phases
    options option examples alternatives solids semiconductors insulators metals answers results
    suggestions compositions formulas formulae polymorphs conductors electrolytes cathodes anodes
    ceramics alternatives superconductors substances ideas systems magnets absorbers thermoelectrics
    piezoelectrics coatings
    """
    )
)
_ASKS = words(
    """
    me find suggest show list propose want need top best return us generate design recommend
    discover give name get identify predict please looking
    """
)
_MEASURES = words(
    """
    element elements component components atom atoms site sites formula percent % times fold way d
    dimensional different distinct constituents constituent kelvin
    """
)  # fmt: skip
_INTEGER_WORDS = (
    "element",
    "elements",
    "component",
    "components",
    "constituents",
    "chemical",
    "different",
    "distinct",
)


def read_element_count(draft: Draft, bounds: list[Bound]) -> None:
    """Take "ternary", "at most three elements", "two-element"."""
    for bound in bounds:
        if bound.unit is None and draft.free(bound.start, bound.end):
            end = _noun_end(
                draft, bound.end, ("element", "elements", "components", "component", "constituents")
            )
            if end:
                _set_elements(draft, *_integers(bound, low=1, high=5), bound.start, end)
    for index in range(len(draft)):
        if not draft.open(index):
            continue
        arity = _ARITY.at(draft, index)
        if arity:
            _arity(draft, index, *arity)
            continue
        number = number_at(draft, index)
        if number and number[0] == int(number[0]) and not draft.reserved[index]:
            end = _noun_end(
                draft, number[1], ("element", "elements", "component", "components", "constituents")
            )
            if end:
                count = int(number[0])
                other = (
                    number_at(draft, index - 2)
                    if draft.low(index - 1) in ("or", "to", "-") and draft.open(index - 2)
                    else None
                )
                low = int(other[0]) if other else count
                _set_elements(draft, low, count, index - 2 if other else index, end)


def _arity(draft: Draft, index: int, count: int, end: int) -> None:
    second = _ARITY.at(draft, end + 1) if draft.low(end) in ("or", "and", "/") else None
    if (
        count == 1
        and draft.low(index) == "elemental"
        and draft.low(end) in ("facts", "price", "prices", "cost")
    ):
        return
    if second:
        _set_elements(draft, min(count, second[0]), max(count, second[0]), index, second[1])
    else:
        _set_elements(draft, count, count, index, end)


def _set_elements(draft: Draft, low: int, high: int, start: int, end: int) -> None:
    if not 1 <= low <= 10 or not 1 <= high <= 10:
        raise SpecError(
            f"{draft.words(start, end)!r} cannot be searched.",
            hint="A compound here has 1 to 10 different elements.",
        )
    if draft.elements_range:
        low, high = max(low, draft.elements_range[0]), min(high, draft.elements_range[1])
    draft.elements_range = (low, high)
    count = f"{low}" if low == high else f"{low} to {high}"
    draft.use(start, end, f"{count} different element{'' if high == 1 else 's'}")


def _noun_end(draft: Draft, index: int, nouns: tuple[str, ...]) -> int | None:
    place = index + 1 if draft.low(index) == "-" else index
    while draft.low(place) in ("different", "distinct", "chemical", "constituent"):
        place += 1
    return place + 1 if draft.low(place) in nouns and draft.free(place) else None


def _integers(bound: Bound, *, low: int, high: int) -> tuple[int, int]:
    """Inclusive whole-number limits of a bound; `low` and `high` where it is open."""
    if abs(bound.value) > 1e6 or (bound.upper is not None and abs(bound.upper) > 1e6):
        raise SpecError(f"{bound.value:g} is not a count.", hint="Give a whole number.")
    match bound.relation:
        case Relation.ABOVE:
            least = math.floor(bound.value) + 1 if bound.strict else math.ceil(bound.value)
            return least, max(high, least)
        case Relation.BELOW:
            return low, math.ceil(bound.value) - 1 if bound.strict else math.floor(bound.value)
        case Relation.BETWEEN:
            return math.ceil(bound.value), math.floor(bound.upper if bound.upper is not None else bound.value)
        case _:
            return round(bound.value), round(bound.value)


def read_atoms(draft: Draft, bounds: list[Bound]) -> None:
    """Take "at most 12 atoms per cell", "10-20 atoms", "a small unit cell"."""
    for bound in bounds:
        if (
            bound.unit is None
            and draft.free(bound.start, bound.end)
            and draft.low(bound.end) in ("atoms", "atom", "sites")
        ):
            low, high = _integers(bound, low=0, high=0)
            upper = None if bound.relation is Relation.ABOVE else high
            _set_atoms(draft, low or None, upper, bound.start, bound.end + 1)
    for index in range(len(draft)):
        if not draft.open(index):
            continue
        number = number_at(draft, index)
        if (
            number
            and draft.low(number[1] + (draft.low(number[1]) == "-")) in ("atoms", "atom")
            and number[0] == int(number[0])
        ):
            end = number[1] + (draft.low(number[1]) == "-") + 1
            _set_atoms(draft, int(number[0]), int(number[0]), index, end)
        for small in (("small", "unit", "cell"), ("small", "cell"), ("small", "primitive", "cell")):
            found = draft.phrase(index, small)
            if found:
                _set_atoms(draft, None, SMALL_CELL_ATOMS, index, found)
                draft.ask(f"'small cell' is taken as at most {SMALL_CELL_ATOMS} atoms.")
                break


def _set_atoms(draft: Draft, low: int | None, high: int | None, start: int, end: int) -> None:
    for tail in (("per", "unit", "cell"), ("in", "the", "unit", "cell"), ("per", "cell"), ("in", "the", "cell"),
                 ("in", "the", "primitive", "cell"), ("per", "primitive", "cell"), ("in", "a", "unit", "cell"),
                 ("in", "the", "conventional", "cell"), ("a", "cell")):  # fmt: skip
        found = draft.phrase(end, tail)
        if found:
            end = found
            break
    if (low is not None and not 1 <= low <= MOST_ATOMS) or (high is not None and not 1 <= high <= MOST_ATOMS):
        raise SpecError(
            f"{draft.words(start, end)!r} cannot be searched.",
            hint=f"A cell here has 1 to {MOST_ATOMS} atoms.",
        )
    old_low, old_high = draft.atoms_range
    low = low if old_low is None else max(old_low, low or 1)
    high = high if old_high is None else min(old_high, high or MOST_ATOMS)
    draft.atoms_range = (low, high)
    said = (
        f"at least {low}"
        if high is None
        else f"at most {high}"
        if low is None
        else f"{low} to {high}"
        if low != high
        else f"{low}"
    )
    draft.use(start, end, f"{said} atoms in the primitive cell")


def read_candidates(draft: Draft, bounds: list[Bound]) -> None:
    """Take "give me three", "five candidates", "a single oxide", "at least 3 candidates", "n = 5"."""
    for bound in bounds:
        if (
            bound.unit
            or bound.upper is not None
            or not draft.free(bound.start, bound.end)
            or bound.value != int(bound.value)
        ):
            continue
        named = draft.low(bound.start - 1) in ("n", "candidates", "count") and bound.by_words in ("=", "")
        before = draft.low(bound.start - 1)
        if named or (
            (before in _ASKS or before in ("", ".", ";"))
            and _counts_candidates(draft, bound.start, bound.end, by_digits=True)
        ):
            start = bound.start - 1 if named else bound.start
            _set_candidates(draft, int(min(bound.value, 1e9)), start, bound.end)
            return
    for index in range(len(draft)):
        if draft.candidates is not None or not draft.open(index):
            continue
        if draft.low(index) in ("single", "couple") and draft.low(index - 1) in ("a", "the", "only"):
            count, end = (1 if draft.low(index) == "single" else 2), index + 1
            if draft.low(end) in ("crystal", "crystals", "phase", "element", "layer"):
                continue
            if draft.low(end) == "of":
                end += 1
        else:
            number = number_at(draft, index)
            if number is None or number[0] != int(number[0]):
                continue
            count, end = int(min(number[0], 1e9)), number[1]
        counted = _counts_candidates(draft, index, end, by_digits=draft.tokens[index].is_number)
        if not counted:
            continue
        start = index - 1 if draft.low(index - 1) in ("top", "best") and draft.open(index - 1) else index
        _set_candidates(draft, count, start, end)


def _set_candidates(draft: Draft, count: int, start: int, end: int) -> None:
    if not 1 <= count <= MOST_CANDIDATES:
        raise SpecError(
            f"{draft.words(start, end)!r} is not a number of candidates.",
            hint=f"Ask for 1 to {MOST_CANDIDATES}.",
        )
    draft.candidates = count
    draft.use(start, end, f"{count} candidate{'' if count == 1 else 's'} wanted")


def _one_of_them(draft: Draft, start: int) -> bool:
    """Whether "one" counts ("one cheap oxide") and does not stand for a thing ("one that is stable")."""
    for place in range(start, min(start + 5, len(draft))):
        word = draft.low(place)
        if word in _NOUNS and not word.endswith("s"):
            return True
        if word in FILLERS or word in SIGNS or draft.reserved[place]:
            return False
    return False


def _counts_candidates(draft: Draft, index: int, end: int, *, by_digits: bool) -> bool:
    following = draft.low(end + 1) if draft.low(end) == "-" else draft.low(end)
    if following in _MEASURES or draft.low(end) == "-":
        return False
    before = draft.low(index - 1)
    if draft.low(index) == "one":
        return (before in _ASKS and following in ("", ".", ",")) or _one_of_them(draft, end)
    if before in ("candidates", ":", "=") and draft.low(index - 2 + (before == "candidates")) in (
        "candidates",
        "n",
    ):
        return True
    place = end
    while place < len(draft) and place - end <= 6:
        word = draft.low(place)
        if word in _NOUNS and (word.endswith("s") or word in ("candidate", "material", "compound")):
            return True
        if (
            word in (",", ";", ".", "with", "of", "that", "which", "between", "and", ":", "(")
            or draft.reserved[place]
        ):
            break
        place += 1
    if before in _ASKS:
        return not by_digits or place == end or place > end
    return (
        draft.low(index) in NUMBER_WORDS
        and before in ("exactly", "about", "only")
        and following in ("", ".", "!")
    )
