"""Targets: which number belongs to which property, and what a property without a number asks for."""

from __future__ import annotations

from dataclasses import replace

from matsmith.agents.objective.draft import Draft
from matsmith.agents.objective.properties_in_words import (
    BY_COMPARISON,
    BY_DIMENSION,
    BY_LETTER,
    CHOICES,
    LIMITS,
    Mention,
    find_mentions,
)
from matsmith.agents.objective.quantities import Bound, measure_at, relation_after
from matsmith.agents.objective.unit_words import dimension_of, fits, other_unit_at, to_property_unit, to_unit
from matsmith.agents.objective.vocabulary import (
    HIGH_WORDS,
    INTENSIFIERS,
    LOW_WORDS,
    MAXIMISE_WORDS,
    MINIMISE_WORDS,
    OPPOSITE,
)
from matsmith.agents.objective.word_sets import words
from matsmith.core.errors import SpecError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation
from matsmith.core.spec import Target

_LINKS_BACK = words(
    """
    of is are be being should must that has have having with a an the value values in range lies lie
    lying which and shall needs to at it its will would may can ( : = - was by as high low least
    itself ideally preferably total coefficient set falls fall stays stay remains remain between
    """
)
_LINKS_ON = words(
    """
    of in for the a an as - its wide direct indirect optical electronic fundamental
    """
)
_SIGNS = {"<": Relation.ABOVE, "<=": Relation.ABOVE, "≤": Relation.ABOVE, ">": Relation.BELOW, ">=": Relation.BELOW,
          "≥": Relation.BELOW}  # fmt: skip


def read_targets(draft: Draft, bounds: list[Bound]) -> None:
    """Turn properties and numbers into targets. Raises `UnitError` for a unit that the property cannot have."""
    mentions = find_mentions(draft)
    taken = _pair(draft, mentions, bounds)
    _define_by_parenthesis(draft)
    for mention in mentions:
        if mention not in taken and draft.free(mention.start, mention.end):
            _without_number(draft, mention)


def is_soft(draft: Draft, start: int) -> bool:
    """Whether a place lies in the reach of a word such as "preferably"."""
    return any(low <= start < high for low, high in draft.soft)


def add_target(
    draft: Draft, start: int, end: int, *, name: str, relation: Relation, value: float | None = None,
    upper: float | None = None, note: str = "", reference: str | None = None,
) -> None:  # fmt: skip
    """Add a target for a span of words and say what it means; with a `reference` the value is a multiple of that material's own.

    Raises `SpecError` for a range that is empty.
    """
    optimise = relation in (Relation.MAXIMISE, Relation.MINIMISE)
    if value is not None and upper is not None and upper <= value:
        if upper == value:
            raise SpecError(
                f"{draft.words(start, end)!r} gives an empty range for the {PROPERTIES[name].title}.",
                hint="Give two different ends, or one limit.",
            )
        value, upper = upper, value
        draft.ask(f"The ends of {draft.words(start, end)!r} are the wrong way round; they were exchanged.")
    soft = is_soft(draft, start)
    target = Target(
        property=name, relation=relation, value=value, upper=upper, hard=not optimise and not soft,
        words=draft.words(start, end), reference=reference,
    )  # fmt: skip
    draft.targets.append((start, target))
    draft.use(start, end, f"{target.describe()}{' (wish)' if soft and not optimise else ''}{note}")


def _pair(draft: Draft, mentions: list[Mention], bounds: list[Bound]) -> list[Mention]:
    """Give each number to its property: the one before it, else the one after it, else the only one its unit can mean."""
    taken = _signs_before(draft, mentions, bounds)
    latest: tuple[int, tuple[str, ...]] | None = None
    for bound in bounds:
        if not draft.free(bound.start, bound.end):
            continue
        before = _mention_before(draft, bound, mentions, taken=taken)
        after = _mention_after(draft, bound, mentions, taken=taken)
        if before and before.unit and bound.unit is None:
            bound = replace(bound, unit=before.unit, relation=bound.relation or Relation.AROUND)
        owner = next((one for one in (before, after) if one and _suits(one, bound)), None)
        if owner is None and bound.by_words in BY_COMPARISON and bound.unit:
            _take(draft, bound, names=(BY_COMPARISON[bound.by_words],), start=bound.start, end=bound.end)
            continue
        if owner is None and (before or after) and not (bound.relation is None and bound.unit is None):
            owner = before or after
        if owner:
            taken.append(owner)
            start = _with_quality(draft, min(owner.start, bound.start))
            late = (
                relation_after(draft, owner.end) if bound.relation is None and owner.end > bound.end else None
            )
            if late:
                said = replace(bound, relation=late[0])
                _take(draft, said, names=owner.properties, start=start, end=late[1])
                continue
            _take(draft, bound, names=owner.properties, start=start, end=max(owner.end, bound.end))
            latest = (max(owner.end, bound.end), owner.properties)
            continue
        if latest and _goes_on(draft, bound, *latest):
            _take(draft, bound, names=latest[1], start=bound.start, end=bound.end)
            latest = (bound.end, latest[1])
            continue
        letter = (
            BY_LETTER.get(draft.raw(bound.start - 1))
            if bound.unit and bound.unit.dimension == "pressure"
            else None
        )
        if letter and bound.relation and draft.free(bound.start - 1):
            _take(draft, bound, names=(letter,), start=bound.start - 1, end=bound.end)
            continue
        implied = BY_DIMENSION.get(bound.unit.dimension) if bound.unit else None
        if implied and (bound.relation or (bound.unit and bound.unit.dimension not in ("voltage",))):
            note = f" ({bound.unit.name if bound.unit else ''} without a property is taken as {PROPERTIES[implied].title})"
            _take(draft, bound, names=(implied,), start=bound.start, end=bound.end, note=note)
        elif bound.unit and bound.unit.dimension == "pressure":
            draft.ask(
                f"{draft.words(bound.start, bound.end)!r}: of what? Bulk modulus, shear modulus and hardness are all given in "
                f"GPa; it was left out."
            )
    return taken


def _goes_on(draft: Draft, bound: Bound, end: int, names: tuple[str, ...]) -> bool:
    """Whether a limit follows the last one directly and means the same property: "above 300 GPa and below 100 GPa"."""
    between = {draft.low(place) for place in range(end, bound.start)}
    same_kind = bound.relation is not None and all(_fits_one(name, bound) for name in names)
    return same_kind and 0 <= bound.start - end <= 2 and between <= {"and", "but", ","}


def _suits(mention: Mention, bound: Bound) -> bool:
    return all(_fits_one(name, bound) for name in mention.properties)


def _fits_one(name: str, bound: Bound) -> bool:
    if bound.unit is None:
        return bound.relation is not None
    return fits(name, bound.unit)


def _mention_before(
    draft: Draft, bound: Bound, mentions: list[Mention], *, taken: list[Mention]
) -> Mention | None:
    place = bound.start - 1
    while place >= 0:
        owner = next((one for one in mentions if one.end == place + 1), None)
        if owner:
            return None if owner in taken else owner
        if draft.low(place) not in _LINKS_BACK and not (draft.used[place] and not draft.refused[place]):
            return None
        if bound.start - place > 9:
            return None
        place -= 1
    return None


def _mention_after(
    draft: Draft, bound: Bound, mentions: list[Mention], *, taken: list[Mention]
) -> Mention | None:
    place = bound.end
    while place < len(draft):
        owner = next((one for one in mentions if one.start == place), None)
        if owner:
            return None if owner in taken or (owner.is_adjective and bound.unit is None) else owner
        if draft.low(place) not in _LINKS_ON:
            return None
        place += 1
    return None


def _take(
    draft: Draft, bound: Bound, *, names: tuple[str, ...], start: int, end: int, note: str = ""
) -> None:
    for name in names:
        entry = PROPERTIES[name]
        unit, upper_unit = bound.unit, bound.last_unit
        value = to_property_unit(bound.value, unit, property_name=name) if unit else bound.value
        upper = bound.upper
        if upper is not None and upper_unit:
            upper = to_property_unit(upper, upper_unit, property_name=name)
        relation, said = bound.relation or Relation.AROUND, note
        if bound.relation is None:
            if name == "energy_above_hull":
                relation = Relation.BELOW
            else:
                draft.ask(
                    f"{draft.words(start, end)!r} gives a value and no limit: within 10 % of it was taken."
                )
        if (
            unit is None
            and dimension_of(name)
            and (other := other_unit_at(draft.text, draft.tokens[bound.end - 1].end))
        ):
            spelling, text_end = other
            value = to_unit(bound.value, spelling, target=entry.unit)
            upper = None if bound.upper is None else to_unit(bound.upper, spelling, target=entry.unit)
            while end < len(draft) and draft.tokens[end].start < text_end:
                end += 1
        elif unit is None and dimension_of(name):
            said += f" ({entry.unit} taken, none was given)"
        if unit and unit.name in ("kJ/mol", "kcal/mol", "J/mol"):
            said += " (per mole of atoms)"
        add_target(draft, start, end, name=name, relation=relation, value=value, upper=upper, note=said)


def _signs_before(draft: Draft, mentions: list[Mention], bounds: list[Bound]) -> list[Mention]:
    """Read "200 GPa < bulk modulus" and "3 < gap < 4 eV"; returns the mentions that it took."""
    taken: list[Mention] = []
    for mention in mentions:
        relation = _SIGNS.get(draft.low(mention.start - 1))
        if relation is None or not draft.free(mention.start - 1):
            continue
        measured = start = None
        for start in range(max(0, mention.start - 6), mention.start - 1):
            measured = measure_at(draft, start) if draft.free(start) else None
            if measured and measured[2] == mention.start - 1:
                break
            measured = None
        if measured is None or start is None:
            continue
        value, unit, _ = measured
        after = next((one for one in bounds if one.start == mention.end and one.relation in OPPOSITE), None)
        if after and after.relation is not relation:
            low, high = (value, after.value) if relation is Relation.ABOVE else (after.value, value)
            units = (
                (unit or after.unit, after.unit or unit)
                if relation is Relation.ABOVE
                else (after.unit or unit, unit or after.unit)
            )
            joined = Bound(start=start, end=after.end, relation=Relation.BETWEEN, value=low, upper=high, unit=units[0],
                           upper_unit=units[1])  # fmt: skip
            _take(draft, joined, names=mention.properties, start=start, end=after.end)
        else:
            single = Bound(start=start, end=mention.start, relation=relation, value=value, unit=unit)
            _take(draft, single, names=mention.properties, start=start, end=mention.end)
        taken.append(mention)
    return taken


def _with_quality(draft: Draft, start: int) -> int:
    """Start of the phrase with a word such as "high" before it, which the number makes precise."""
    place = start - 1
    while draft.open(place) and draft.low(place) in INTENSIFIERS:
        place -= 1
    if draft.open(place) and draft.low(place) in HIGH_WORDS | LOW_WORDS:
        return place
    return start


def _define_by_parenthesis(draft: Draft) -> None:
    """In "high mechanical strength (bulk modulus > 250 GPa)" the parenthesis says what the words before it mean."""
    for start, target in list(draft.targets):
        if draft.low(start - 1) not in ("(", ":") or start < 3:
            continue
        place = start - 2
        while (
            place > 0
            and draft.open(place)
            and start - place < 7
            and draft.low(place) not in HIGH_WORDS | LOW_WORDS
        ):
            place -= 1
        if draft.open(place) and draft.low(place) in HIGH_WORDS | LOW_WORDS:
            draft.use(place, start - 1, f"defined by what follows: {target.describe()}")


def _without_number(draft: Draft, mention: Mention) -> None:
    """A property without a number: to be maximised or minimised when a word says so, else left as not understood."""
    start, end = mention.start, mention.end
    direction, begin, stop, exact = _direction(draft, mention)
    if direction is None:
        return
    if mention.properties == ("electrical_conductivity",) and draft.low(start) == "resistivity":
        direction = Relation.MINIMISE if direction is Relation.MAXIMISE else Relation.MAXIMISE
    limits = LIMITS.get((mention.properties[0], direction))
    if limits:
        value, upper, reason = limits
        if any(
            target.property == mention.properties[0] and target.is_constraint for _, target in draft.targets
        ):
            draft.use(start, end, f"follows from the {PROPERTIES[mention.properties[0]].title} asked for")
            return
        add_target(draft, begin, stop, name=mention.properties[0], relation=direction, value=value, upper=upper,
                   note=f" ({reason})")  # fmt: skip
        draft.ask(f"{draft.words(begin, stop)!r}: {reason}.")
        return
    for name in mention.properties:
        if any(target.property == name and target.is_constraint for _, target in draft.targets):
            draft.use(begin, stop, f"made precise by the {PROPERTIES[name].title} asked for")
            continue
        add_target(draft, begin, stop, name=name, relation=direction)
        if not exact:
            word = draft.low(start)
            choice = next(
                (text for key, text in CHOICES.items() if word.startswith(key) and name != "hardness"), ""
            )
            side = "high" if direction is Relation.MAXIMISE else "low"
            draft.ask(
                f"{draft.words(begin, stop)!r} names no number: it is read as {choice or f'a {side} {PROPERTIES[name].title}'}, "
                f"and orders candidates without a limit."
            )


def _direction(draft: Draft, mention: Mention) -> tuple[Relation | None, int, int, bool]:
    """Direction, span, and whether the words ask for an optimum outright ("highest") or only praise ("high")."""
    start, end = mention.start, mention.end
    if (
        draft.low(start - 1) == "as"
        and draft.low(end) == "as"
        and draft.low(end + 1) == "possible"
        and mention.is_adjective
    ):
        return mention.direction, start - 1, end + 2, True
    place = end
    while draft.low(place) in ("that", "is", "be", "should", "must", "to", "which", "are"):
        place += 1
    if (
        draft.low(place) == "as"
        and draft.low(place + 2) == "as"
        and draft.low(place + 3) in ("possible", "you", "can")
    ):
        word = draft.low(place + 1)
        if word in HIGH_WORDS | LOW_WORDS and draft.open(place + 1):
            return _sense(word), start, place + 4, True
    if draft.low(place) in ("maximised", "maximized", "minimised", "minimized") and draft.open(place):
        return _sense(draft.low(place)), start, place + 1, True
    place, skipped = start - 1, False
    while draft.open(place) and (
        draft.low(place) in INTENSIFIERS or draft.low(place) in ("the", "a", "an", "its", "in", "-")
    ):
        skipped = skipped or draft.low(place) in ("as", "possible")
        place -= 1
    word = draft.low(place) if draft.open(place) else ""
    if mention.is_adjective:
        if word in ("most", "maximally"):
            return mention.direction, place, end, True
        if word == "least" and mention.direction in (Relation.MAXIMISE, Relation.MINIMISE):
            return _reverse(mention.direction), place, end, True
        superlative = draft.low(start).endswith("est") or skipped
        place += 1
        return mention.direction, start, end, superlative
    sense = _sense(word)
    if sense is None:
        return None, start, end, False
    stop = end
    if draft.low(place - 1) == "as" and draft.low(stop) == "as" and draft.low(stop + 1) == "possible":
        return sense, place - 1, stop + 2, True
    exact = word in MAXIMISE_WORDS | MINIMISE_WORDS
    if draft.low(stop) == "possible":
        stop, exact = stop + 1, True
    return sense, place, stop, exact


def _sense(word: str) -> Relation | None:
    if word in HIGH_WORDS | MAXIMISE_WORDS or word in ("maximised", "maximized"):
        return Relation.MAXIMISE if word not in MINIMISE_WORDS else Relation.MINIMISE
    if word in LOW_WORDS | MINIMISE_WORDS or word in ("minimised", "minimized"):
        return Relation.MINIMISE
    return None


def _reverse(relation: Relation | None) -> Relation:
    return Relation.MINIMISE if relation is Relation.MAXIMISE else Relation.MAXIMISE
