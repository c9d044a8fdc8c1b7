"""Chemistry that is asked for: elements, groups, classes of compounds, systems, alloys."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_lists import ElementList, list_at, single_element
from matsmith.agents.objective.element_words import (
    ALLOY_WORDS,
    AMBIGUOUS_SYMBOLS,
    ANION_CLASSES,
    GROUPS,
    METALS,
    USES_OF_ELEMENTS,
)
from matsmith.agents.objective.formulas import anion_class_at, read_formulas
from matsmith.agents.objective.word_sets import words
from matsmith.core.elements import SYMBOLS

_KNOWN = frozenset(SYMBOLS)
_GROUPS = index_phrases(GROUPS)
_ALLOYS = index_phrases(dict.fromkeys(ALLOY_WORDS, True))
_ONLY = frozenset(["only", "solely", "exclusively", "entirely", "purely", "just"])
_MADE_OF = frozenset(["of", "from"])
_CONTAIN = words(
    """
    containing contains contain including includes include incorporating having comprising comprises
    bearing
    """
)
_COMPOSED = frozenset(["made", "composed", "consisting", "consists", "built", "formed", "make"])
_METAL_HEADS = frozenset(
    ("", ",", ".", ";", "(", "with", "that", "which", "of", "having", "below", "above", "at", "!", "?")
)


def read_chemistry(draft: Draft) -> None:
    """Take every element, group and class that the free words ask for. Raises `SpecError` for an element that does not exist."""
    _only_lists(draft)
    _systems(draft)
    read_formulas(draft)
    _contained(draft)
    _classes(draft)
    _groups(draft)
    _alloys(draft)
    _bare_elements(draft)
    _metals(draft)


def _only_lists(draft: Draft) -> None:
    """Read "made of Fe, Ni and Al only", "containing only Ti and N", "only the elements Li, P and S"."""
    for index in range(len(draft)):
        if not draft.open(index):
            continue
        start, place, only = index, index, False
        if draft.low(place) in _COMPOSED | _CONTAIN | {"with", "using", "from"}:
            place += 1
        while draft.low(place) in _ONLY | _MADE_OF | {"the", "elements", "out", "up", "in"} and draft.open(
            place
        ):
            only = only or draft.low(place) in _ONLY
            place += 1
        if place == index and single_element(draft, index, in_list=True) is None:
            continue
        found = list_at(draft, place, anions=False, strict=False)
        if found is None or not found.items:
            continue
        end = found.end
        if draft.low(end) in ("only", "exclusively", "alone", "solely") and draft.open(end):
            end, only = end + 1, True
        if not only:
            continue
        draft.allowed += found.symbols
        draft.use(start, end, f"only {', '.join(found.symbols)}")
        if len(found.symbols) > 1:
            draft.ask(f"{draft.words(start, end)!r}: no other element may occur; not each of them has to.")


def _systems(draft: Draft) -> None:
    """Read "Ti-Al-N": it asks for these elements and no others; "the Ti-Al-N system" also takes compounds of some of them."""
    for index in range(len(draft)):
        symbols: list[str] = []
        place = index
        while draft.open(place) and draft.raw(place) in _KNOWN:
            symbols.append(draft.raw(place))
            if (
                draft.low(place + 1) not in ("-", "/")
                or draft.raw(place + 2) not in _KNOWN
                or not draft.open(place + 2)
            ):
                place += 1
                break
            place += 2
        if len(set(symbols)) < 2:
            continue
        end = place
        start = index
        if draft.low(end) in ("system", "systems", "space", "phase", "chemical") and draft.open(end):
            while draft.low(end) in (
                "system",
                "systems",
                "space",
                "phase",
                "chemical",
                "diagram",
                "composition",
            ):
                end += 1
            draft.allowed += symbols
            draft.use(start, end, f"only {', '.join(symbols)}")
            draft.ask(
                f"{draft.words(start, end)!r}: compounds of some of these elements count too; not all of them have to occur."
            )
            continue
        while draft.low(end) in ("compound", "compounds", "based") or (
            draft.low(end) == "-" and draft.low(end + 1) == "based"
        ):
            end += 1
        draft.required += symbols
        if draft.words(start, end).lower().endswith("based"):
            draft.use(start, end, f"contains {', '.join(symbols)}")
        else:
            draft.allowed += symbols
            draft.use(start, end, f"{', '.join(symbols)} and no other element")


def _contained(draft: Draft) -> None:
    """Read "containing Ti", "with titanium and oxygen", "made of Fe and Al", "based on Si"."""
    for index in range(len(draft)):
        word = draft.low(index)
        if not draft.open(index):
            continue
        closed = False
        place = index + 1
        if word in _CONTAIN:
            strict = True
        elif word in _COMPOSED and draft.low(place) in ("of", "from", "out", "up"):
            while draft.low(place) in ("of", "from", "out", "up"):
                place += 1
            strict, closed = False, True
        elif word in ("with", "based", "rich", "has", "plus", "need", "use", "using"):
            if draft.low(place) in ("on", "in"):
                place += 1
            strict = False
        else:
            continue
        found = list_at(draft, place, anions=False, strict=strict)
        if found is None or not found.items or not _is_chemistry(draft, found):
            continue
        _require(draft, found, start=index, closed=closed)


def _is_chemistry(draft: Draft, found: ElementList) -> bool:
    return draft.low(found.end) not in USES_OF_ELEMENTS and anion_class_at(draft, found.end) is None


def _require(draft: Draft, found: ElementList, *, start: int, closed: bool) -> None:
    segments: list[list[tuple[str, ...]]] = []
    previous = start
    for item, place in zip(found.items, found.starts, strict=True):
        joints = {draft.low(at) for at in range(previous, place)}
        if not segments or joints & {"and", "plus", "&", "+"} or not _in_choice(draft, found, place):
            segments.append([])
        segments[-1].append(item)
        previous = place
    said: list[str] = []
    for segment in segments:
        group = list(dict.fromkeys(symbol for item in segment for symbol in item))
        if len(group) == 1:
            draft.required.append(group[0])
            said.append(group[0])
        else:
            draft.any_of.append(group)
            said.append(f"at least one of {', '.join(group[:8])}{' ...' if len(group) > 8 else ''}")
    meaning = f"contains {', '.join(said)}"
    if closed and all(len(item) == 1 for item in found.items):
        draft.allowed += found.symbols
        meaning += " and no other element"
    for quality in found.qualities:
        draft.refuse(start, start + 1)
        draft.ask(f"{quality} elements cannot be required; the words were left out.")
        return
    draft.use(start, found.end, meaning)


def _in_choice(draft: Draft, found: ElementList, place: int) -> bool:
    """Whether the item at a place belongs to an "or": one stands before it or, past commas only, after it."""
    for at in range(place - 1, found.starts[0], -1):
        if draft.low(at) == "or":
            return True
        if draft.low(at) in ("and", "plus", "&", "+"):
            break
    for at in range(place, found.end):
        if draft.low(at) == "or":
            return True
        if draft.low(at) in ("and", "plus", "&", "+"):
            return False
    return False


def _classes(draft: Draft) -> None:
    """Read "oxide", "oxide or nitride", "phosphates"."""
    for index in range(len(draft)):
        first = anion_class_at(draft, index) if draft.open(index) else None
        if first is None:
            continue
        after = index + 1 if draft.low(index + 1) != "-" else index + 2
        if draft.low(after) in ("ion", "ions", "conductor", "conductors", "layer", "layers", "former"):
            draft.refuse(index, after + 1)
            continue
        names, end, single = [first], index + 1, True
        while draft.low(end) in ("or", "and", "/", ","):
            place = end + 1
            while draft.low(place) in ("a", "an", "or", "and", "the"):
                place += 1
            following = anion_class_at(draft, place) if draft.open(place) else None
            if following is None:
                break
            names.append(following)
            end, single = place + 1, False
        if single:
            for group in ANION_CLASSES[first]:
                if len(group) == 1:
                    draft.required.append(group[0])
                else:
                    draft.any_of.append(list(group))
            said = ", ".join(
                group[0] if len(group) == 1 else f"one of {', '.join(group)}"
                for group in ANION_CLASSES[first]
            )
            draft.use(index, end, f"contains {said}")
            continue
        group = [symbol for name in names for symbol in ANION_CLASSES[name][0]]
        common = [
            parts[0]
            for parts in ANION_CLASSES[names[0]][1:]
            if all(parts in ANION_CLASSES[name] for name in names)
        ]
        draft.any_of.append(group)
        draft.required += common
        tail = f", and {', '.join(common)}" if common else ""
        draft.use(index, end, f"contains at least one of {', '.join(dict.fromkeys(group))}{tail}")


def _groups(draft: Draft) -> None:
    for index in range(len(draft)):
        found = _GROUPS.at(draft, index) if draft.open(index) else None
        if found is None or draft.low(index) in ("radioactive",):
            continue
        group, end = found
        if draft.low(end) == "-" and draft.low(end + 1) in ("containing", "based", "bearing"):
            end += 2
        draft.any_of.append(list(group))
        draft.use(
            index, end, f"contains at least one of {', '.join(group[:10])}{' ...' if len(group) > 10 else ''}"
        )


def _alloys(draft: Draft) -> None:
    for index in range(len(draft)):
        found = _ALLOYS.at(draft, index) if draft.open(index) else None
        if found is None:
            continue
        end = found[1]
        if draft.low(end) in ("of", "from", "between", "made"):
            place = end + (2 if draft.low(end + 1) in ("of", "from") else 1)
            listed = list_at(draft, place, anions=False, strict=False)
            if listed and listed.items and all(len(item) == 1 for item in listed.items):
                _require(draft, listed, start=end, closed=True)
        if not draft.allowed:
            draft.allowed += METALS
        if draft.elements_range is None:
            draft.elements_range = (2, 5)
        draft.flags.add("alloy")
        if "alloy" in draft.words(index, found[1]).lower():
            draft.flags.add("solid_solution")
        draft.use(index, end, "of metals only, at least two")


def _bare_elements(draft: Draft) -> None:
    for index in range(len(draft)):
        symbol = single_element(draft, index, in_list=False)
        after = index + 2 if draft.low(index + 1) == "-" else index + 1
        if symbol is None and draft.open(index) and draft.raw(index) in AMBIGUOUS_SYMBOLS:
            is_chemical = anion_class_at(draft, after) is not None or draft.low(after) in (
                "containing",
                "based",
                "bearing",
            )
            if (is_chemical and draft.raw(index) not in ("I", "No", "As", "In")) or (
                is_chemical and after == index + 2
            ):
                symbol = draft.raw(index)
        if symbol is None or (symbol in ("Tc",) and draft.raw(index) == "Tc"):
            continue
        if draft.low(after) in USES_OF_ELEMENTS and draft.open(after):
            draft.refuse(index, after + 1)
            continue
        end = index + 1
        if draft.low(index + 1) == "-" and draft.low(index + 2) in ("containing", "based", "bearing"):
            end = index + 3
        listed = list_at(draft, index, anions=False, strict=False) if end == index + 1 else None
        if listed and len(listed.items) > 1 and listed.end > end and _is_chemistry(draft, listed):
            _require(draft, listed, start=index, closed=False)
            continue
        other = single_element(draft, end + 1, in_list=True) if draft.low(end) in ("or", "/") else None
        if other and draft.low(end) == "or":
            draft.any_of.append([symbol, other])
            draft.use(index, end + 2, f"contains at least one of {symbol}, {other}")
            continue
        draft.required.append(symbol)
        if draft.low(index - 1) == "for":
            draft.ask(f"{draft.words(index - 1, end)!r} is taken as: contains {symbol}.")
        draft.use(index, end, f"contains {symbol}")


def _metals(draft: Draft) -> None:
    """Read "metal oxide": it contains a metal; "a light metal" is made of metals. "Metallic" may mean a band gap: left alone."""
    for index in range(len(draft)):
        if (
            not draft.open(index)
            or draft.low(index) not in ("metal", "metals")
            or draft.low(index - 1) == "-"
        ):
            continue
        following = draft.tokens[index + 1].low if index + 1 < len(draft) else ""
        if following in ANION_CLASSES or following.removesuffix("s") in ANION_CLASSES:
            draft.any_of.append(list(METALS))
            draft.use(index, index + 1, "contains a metal")
        elif following in _METAL_HEADS or (index + 1 < len(draft) and draft.reserved[index + 1]):
            if not draft.allowed:
                draft.allowed += METALS
            draft.use(index, index + 1, "of metals only")
