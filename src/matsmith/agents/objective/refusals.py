"""Phrases that must not be read as something else: comparisons with another material, processing, doping, atmospheres."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_words import ANION_CLASSES, ELEMENT_NAMES
from matsmith.agents.objective.processing import HEAT_WORDS
from matsmith.agents.objective.prototypes import PROTOTYPE_WORDS
from matsmith.agents.objective.quantities import Bound
from matsmith.agents.objective.word_sets import words
from matsmith.core.elements import SYMBOLS

_PROCESS = words(
    """
    calcined sintered annealed fired processed deposited grown synthesised synthesized prepared
    melted cast quenched heated calcination sintering annealing firing processing deposition growth
    synthesis sputtered crystallised crystallized calcine sinter anneal processable printable
    """
)
_STANDARD = index_phrases(
    dict.fromkeys(
        ("alternative to", "alternatives to", "replacement for", "replacements for", "replace", "replacing", "substitute for",
         "substitutes for", "similar to", "instead of", "rather than", "unlike", "comparable to", "comparable with", "analogue of",
         "analogous to", "like that of", "such as", "as good as", "derived from", "doped with", "lattice matched to",
         "compatible with", "on top of", "grown on", "coated with", "against", "compared to", "compared with", "relative to",
         "on a substrate of", "in contact with", "vs", "versus"),
        True,
    )
)  # fmt: skip
_COMPARATIVE_ENDS = ("er", "more", "less", "better", "worse", "greater")
_STOPS = ("at", "and", "with", "without", "that", "which", "or", "having", "for", "no", "from", "to")
_AMOUNTS = frozenset(["content", "contents", "concentration", "fraction", "amount", "share"])
_LESS = words(
    """
    low lower less little reduced reduce reducing fewer minimal minimise minimize minimising
    minimizing minimum high higher more max maximum maximise maximize limited small least
    """
)  # fmt: skip
_BATTERY = frozenset(["battery", "batteries", "cell", "cells", "ion"])


def refuse_phrases(draft: Draft, bounds: list[Bound]) -> None:
    """Set aside phrases that would be misread."""
    _partial_pressures(draft, bounds)
    _lithium_ion(draft)
    _contents(draft, bounds)
    for index in range(len(draft)):
        if not draft.free(index):
            continue
        if draft.low(index) in _PROCESS:
            _process(draft, index, bounds)
        elif draft.low(index) in ("than", "then") and not draft.reserved[index]:
            _comparison(draft, index)
        elif draft.low(index) in ("replacement", "substitute", "replacements", "substitutes") and draft.low(
            index + 1
        ) not in ("for", "of"):
            start = index
            while draft.free(start - 1) and (draft.low(start - 1) in ELEMENT_NAMES or draft.low(start - 1) in ANION_CLASSES
                                             or draft.low(start - 1) in PROTOTYPE_WORDS or draft.raw(start - 1) in SYMBOLS):  # fmt: skip
                start -= 1
            _refuse_open(draft, start, index + 1)
        elif draft.low(index) in (
            "doped",
            "codoped",
            "coated",
            "stabilised",
            "stabilized",
            "rich",
            "poor",
            "like",
            "based",
        ):
            _qualified_element(draft, index)
        elif not draft.reserved[index] and (found := _STANDARD.at(draft, index)):
            end = min(draft.clause_end(found[1], also=_STOPS), found[1] + 4)
            _refuse_open(draft, index, max(end, found[1]))


def _refuse_open(draft: Draft, start: int, end: int) -> None:
    stop = start
    while stop < end and draft.free(stop):
        stop += 1
    if stop > start:
        draft.refuse(start, stop)


def _partial_pressures(draft: Draft, bounds: list[Bound]) -> None:
    """Set aside "0.1 bar of nitrogen": it is a partial pressure; the pressure on the crystal is another thing.

    Oxygen's has been read before.
    """
    for bound in bounds:
        if bound.unit is None or bound.unit.dimension != "pressure" or draft.low(bound.end) != "of":
            continue
        if not draft.free(bound.start, bound.end):
            continue
        gas = draft.low(bound.end + 1)
        if gas not in (*ELEMENT_NAMES, "o2", "h2", "n2", "co2", "h2o", "water", "air", "argon", "steam"):
            continue
        start, end = bound.start, bound.end + 2
        while draft.low(start - 1) in (
            "to",
            "from",
            "air",
            "in",
            "under",
            "at",
            "between",
            "and",
            "vacuum",
            "down",
        ) and draft.free(start - 1):
            start -= 1
        if draft.low(end) in ("pressure", "atmosphere"):
            end += 1
        draft.refuse(start, end)


def _contents(draft: Draft, bounds: list[Bound]) -> None:
    """Set aside "less cobalt" and "a cobalt content below 5 %": amounts of an element cannot be held, and are no wish to have it."""
    for index in range(len(draft)):
        if not draft.open(index) or not (draft.low(index) in ELEMENT_NAMES or draft.raw(index) in SYMBOLS):
            continue
        end = index + 1
        if draft.low(end) in _AMOUNTS:
            end += 1
            bound = next((one for one in bounds if end <= one.start <= end + 2), None)
            end = bound.end if bound else end
        start = index
        while draft.low(start - 1) in (
            "the",
            "amount",
            "amounts",
            "content",
            "use",
            "of",
            "any",
        ) and draft.free(start - 1):
            start -= 1
        share = next((one for one in bounds if one.end == start or one.end == start - 1), None)
        if share and share.unit and share.unit.dimension == "share":
            start = share.start
        elif (
            draft.low(start - 1) in _LESS
            and draft.free(start - 1)
            and draft.low(end) not in ("conductivity", "diffusion")
        ):
            start -= 1
            if draft.low(start - 1) == "as" and draft.low(end) == "as" and draft.low(end + 1) == "possible":
                start, end = start - 1, end + 2
        elif end == index + 1:
            continue
        _refuse_open(draft, start, end)


def _lithium_ion(draft: Draft) -> None:
    """Set aside "Li-ion batteries": it names a use; it does not say that the material contains lithium."""
    for index in range(len(draft)):
        is_element = draft.low(index) in ELEMENT_NAMES or draft.raw(index) in SYMBOLS
        if not is_element or not draft.open(index):
            continue
        after = index + 2 if draft.low(index + 1) == "-" else index + 1
        if draft.low(after) not in _BATTERY or (draft.low(after) == "cell" and draft.low(after + 1) == "s"):
            continue
        if draft.low(after + 1) in ("conductivity", "conductivities"):
            continue
        end = after + 1
        if draft.low(end) in _BATTERY:
            end += 1
        start = index
        while draft.open(start - 1) and draft.low(start - 1) in (
            "for",
            "a",
            "an",
            "in",
            "the",
            "solid",
            "state",
            "all",
            "-",
            "rechargeable",
        ):
            start -= 1
        draft.refuse(start, end)


def _process(draft: Draft, index: int, bounds: list[Bound]) -> None:
    if draft.low(index) in HEAT_WORDS and draft.low(index + 1) in ("temperature", "temperatures"):
        return  # the name of a property
    end = index + 1
    bound = next((one for one in bounds if index < one.start <= index + 4), None)
    if bound:
        between = range(index + 1, bound.start)
        if all(
            draft.low(at)
            in ("at", "in", "temperature", "temperatures", "of", "is", "a", "must", "be", "step")
            for at in between
        ):
            end = bound.end
    start = index
    if (
        draft.low(index) in ("synthesized", "synthesised")
        and draft.low(index - 1) == "be"
        and end == index + 1
    ):
        return
    _refuse_open(draft, start, end)


def _comparison(draft: Draft, index: int) -> None:
    """Set aside "stiffer than steel": of other materials than elements, which have been read before, the crystal is in doubt."""
    start = index - 1
    word = draft.low(start)
    if not (word.endswith("er") or word in _COMPARATIVE_ENDS) or not draft.free(start):
        return
    if word in ("other", "rather"):
        return
    end = draft.clause_end(index + 1, also=_STOPS)
    while draft.low(start - 1) in (
        "much",
        "significantly",
        "far",
        "is",
        "even",
        "percent",
        "%",
    ) and draft.free(start - 1):
        start -= 1
    _refuse_open(draft, start, min(end, index + 7))


def _qualified_element(draft: Draft, index: int) -> None:
    """Set aside "Mn-doped", "Li-rich" and "garnet-like": they ask for less or more than the bare word."""
    if draft.low(index) == "based":
        return
    if draft.low(index - 1) == "-" and draft.free(index - 2, index):
        start = index - 2
        while draft.low(index) == "like" and draft.low(start - 1) in ELEMENT_NAMES and draft.free(start - 1):
            start -= 1
        end = index + 1
        if draft.low(index) in ("doped", "codoped", "stabilised", "stabilized", "coated"):
            end = min(index + 2, len(draft))
        _refuse_open(draft, start, end)
