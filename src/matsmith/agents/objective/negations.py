"""Negations: elements to leave out, wishes that are the opposite of something, and what must never be read as its opposite."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_lists import ElementList, list_at, single_element
from matsmith.agents.objective.element_words import GROUPS
from matsmith.agents.objective.formulas import anion_class_at
from matsmith.agents.objective.prototypes import PROTOTYPE_WORDS
from matsmith.agents.objective.targets import add_target
from matsmith.agents.objective.vocabulary import NEGATIONS
from matsmith.agents.objective.word_sets import words
from matsmith.core.elements import SYMBOLS
from matsmith.core.quantity import Relation

_FLAGS = index_phrases(
    {
        **dict.fromkeys(("known or new", "new or known", "known and new", "new and known"), "known_too"),
        **dict.fromkeys(("non toxic", "nontoxic", "not toxic", "no toxic elements", "without toxic elements", "non poisonous",
                         "not poisonous", "non hazardous", "toxicity free", "free of toxic elements", "low toxicity",
                         "not be toxic", "environmentally benign", "environmentally friendly"), "non_toxic"),
        **dict.fromkeys(("earth abundant", "abundant", "common elements", "widely available"), "earth_abundant"),
        **dict.fromkeys(("charge neutral", "charge balanced", "electrically neutral", "electroneutral", "charge neutrality",
                         "charge balance"), "charge_neutral"),
        **dict.fromkeys(("not expensive", "not too expensive", "not be expensive", "without expensive elements",
                         "no expensive elements", "not costly", "non expensive"), "cheap"),
        **dict.fromkeys(("new", "novel", "undiscovered", "not yet known", "unknown", "unreported", "not known", "not reported",
                         "never reported", "not yet reported", "not yet discovered", "not in any database", "never made",
                         "hitherto unknown", "unexplored", "never been made", "never been reported", "never synthesised",
                         "never synthesized", "not yet been made", "not previously known", "not previously reported",
                         "previously unknown", "not already known", "brand new"), "new_only"),
    }
)  # fmt: skip
_FLAG_MEANINGS = {
    "known_too": "known ones too, which is the default",
    "non_toxic": "only elements that are not toxic",
    "earth_abundant": "only elements abundant in the earth's crust",
    "charge_neutral": "only charge-balanced compositions",
    "new_only": "only formulas that stand in no named list",
}
_NOT_ALLOWED = index_phrases(
    dict.fromkeys(
        ("not allowed", "not permitted", "not wanted", "not used", "not be used", "not be present", "not included",
         "not be included", "not acceptable", "not contained", "not be contained", "not occur", "not be part", "forbidden",
         "excluded", "prohibited", "banned", "unwanted", "undesired", "absent", "avoided", "be avoided", "taboo",
         "cannot be used", "not an option", "not desired"),
        True,
    )
)  # fmt: skip
_EXCEPT = index_phrases(
    dict.fromkeys(("except", "except for", "other than", "apart from", "but", "besides"), True)
)
_LEADS = frozenset(["free", "devoid"])
_VERBS = words(
    """
    contain contains containing include includes including have has having use uses using involve
    involving be any with based on made of from made need require requires requiring add added want
    like allow permit accept tolerate
    """
)  # fmt: skip
_ONLY_LEADS = ("other", "others")
_BREAKS_OF_REFUSAL = (
    "and",
    "with",
    "that",
    "which",
    "at",
    "having",
    "without",
    "no",
    "but",
)


def read_flags(draft: Draft) -> None:
    """Take "non-toxic", "earth-abundant", "new", "charge-neutral" and "not expensive"."""
    for index in range(len(draft)):
        found = _FLAGS.at(draft, index) if draft.open(index) else None
        if found is None or draft.reserved[found[1] - 1]:
            continue
        flag, end = found
        if draft.low(index - 1) in NEGATIONS or (
            draft.low(index - 1) == "be" and draft.low(index - 2) in NEGATIONS
        ):
            continue
        if draft.low(end) in ("elements", "element") and draft.free(end):
            end += 1
        set_flag(draft, flag, index, end)


def set_flag(draft: Draft, flag: str, start: int, end: int) -> None:
    """Set a flag for a span of words; "cheap" is a price to be minimised."""
    if flag == "cheap":
        add_target(draft, start, end, name="price", relation=Relation.MINIMISE)
        return
    draft.flags.add(flag)
    draft.use(start, end, _FLAG_MEANINGS[flag])


def read_negations(draft: Draft) -> None:
    """Exclude elements, and set aside every other phrase with a negation."""
    for index in range(len(draft)):
        if not draft.open(index):
            continue
        word = draft.low(index)
        if (word == "free" and draft.low(index - 1) == "-") or (
            draft.low(index) == "free" and _suffix_free(draft, index)
        ):
            _x_free(draft, index)
        elif word in _LEADS and draft.low(index + 1) in ("of", "from"):
            _exclude(draft, index, index + 2)
        elif word in ("other", "else") and draft.low(index + 1) in ("than",):
            continue
        elif word in ("anything", "everything", "all") and draft.low(index + 1) in ("but", "except"):
            _exclude(draft, index, index + 2)
        elif word == "nothing" and draft.low(index + 1) == "else":
            draft.flags.add("closed")
            draft.use(index, index + 2, "no element besides those named")
        elif word == "nothing" and draft.low(index + 1) in ("but", "except"):
            _only(draft, index, index + 2)
        elif _not_allowed(draft, index):
            continue
        elif word in NEGATIONS:
            _negation(draft, index)


def _suffix_free(draft: Draft, index: int) -> bool:
    return single_element(draft, index - 1, in_list=True) is not None and draft.low(index + 1) not in (
        "of",
        "from",
    )


def _x_free(draft: Draft, index: int) -> None:
    """Read "cobalt-free", "Pb- and Cd-free", "rare-earth-free"."""
    hyphen = index - 1 if draft.low(index - 1) == "-" else index
    for start in range(max(0, hyphen - 4), hyphen):
        phrase = " ".join(draft.low(at) for at in range(start, hyphen) if draft.low(at) != "-")
        group = GROUPS.get(phrase)
        if group and draft.free(start, index + 1):
            draft.excluded += group
            draft.use(start, index + 1, f"without {_short(list(group))}")
            return
    if draft.low(hyphen - 1) in ("toxin", "toxic") and draft.free(hyphen - 1):
        set_flag(draft, "non_toxic", hyphen - 1, index + 1)
        return
    symbol = single_element(draft, hyphen - 1, in_list=True)
    if symbol is None:
        text = draft.raw(hyphen - 1)
        if len(text) == 2 and text[0].isupper() and text not in SYMBOLS:
            list_at(draft, hyphen - 1, anions=False, strict=True)
        if hyphen >= 1 and draft.free(hyphen - 1):
            draft.refuse(hyphen - 1, index + 1)
        return
    start, symbols = hyphen - 1, [symbol]
    while draft.low(start - 1) in ("and", "/", ",", "or", "&"):
        place = start - 2 if draft.low(start - 2) != "-" else start - 3
        if place < 0 or (draft.low(start - 2) != "-" and draft.low(start - 1) != "/"):
            break
        earlier = single_element(draft, place, in_list=True)
        if earlier is None:
            break
        symbols.append(earlier)
        start = place
    draft.excluded += symbols
    draft.use(start, index + 1, f"without {', '.join(reversed(symbols))}")


def _negation(draft: Draft, index: int) -> None:
    place = index + 1
    while (
        draft.open(place)
        and draft.raw(place) != "Be"
        and (draft.low(place) in _VERBS or draft.low(place) in ("not", "the", "a", "an", "all", "-"))
    ):
        place += 1
    other = place + 1 if draft.low(place) in ("element", "elements") else place
    if draft.low(other) in _ONLY_LEADS and draft.open(other):
        than = other + 1
        while draft.low(than) in ("element", "elements", "than", "but", "except"):
            than += 1
        if than > other + 1 and draft.low(than - 1) in ("than", "but", "except"):
            _only(draft, index, than)
            return
        if draft.low(than - 1) in ("element", "elements"):
            draft.flags.add("closed")
            draft.use(index, than, "no element besides those named")
            return
    if _exclude(draft, index, place):
        return
    end = place
    while end < len(draft) and end < place + 6:
        word = draft.low(end)
        joined = word == "and" and draft.low(end + 1).removesuffix("s") in PROTOTYPE_WORDS
        if (
            (word in _BREAKS_OF_REFUSAL and not joined)
            or word in (",", ";", ".", "(", ")", ":")
            or draft.used[end]
        ):
            break
        end += 1
    if draft.low(index) == "neither" and draft.low(end) in ("nor", "or"):
        end = min(draft.clause_end(end), end + 5)
    stop = index
    while stop < max(end, index + 1) and draft.free(stop):
        stop += 1
    draft.refuse(index, stop)


def _not_allowed(draft: Draft, index: int) -> bool:
    """Read "cobalt and nickel are not allowed", "lead is forbidden"."""
    found = _NOT_ALLOWED.at(draft, index)
    if found is None:
        return False
    last = index
    while draft.low(last - 1) in (
        "is",
        "are",
        "be",
        "must",
        "should",
        "to",
        "may",
        "can",
        "shall",
        "strictly",
        "completely",
    ):
        last -= 1
    for start in range(max(0, last - 9), last):
        if not draft.free(start, last) or draft.low(start) in ("and", "or", ",", "/", "-"):
            continue
        listed = list_at(draft, start, anions=True, strict=False)
        if listed and listed.items and listed.end == last:
            draft.excluded += listed.symbols
            draft.use(start, found[1], f"without {', '.join(listed.symbols)}")
            return True
    return False


def _exclude(draft: Draft, start: int, place: int) -> bool:
    found = list_at(draft, place, anions=True, strict=True)
    if found is None or _is_something_else(draft, found):
        return False
    for quality in found.qualities:
        if quality != "cheap":
            draft.flags.add(quality)
    spared: list[str] = []
    exception = _EXCEPT.at(draft, found.end)
    kept = list_at(draft, exception[1], anions=False, strict=False) if exception else None
    if kept and set(kept.symbols) & set(found.symbols):
        spared, found.end = kept.symbols, kept.end
        found.items = [tuple(symbol for symbol in item if symbol not in spared) for item in found.items]
    draft.excluded += found.symbols
    said = [_short(list(item)) for item in found.items]
    said += [_FLAG_MEANINGS.get(quality, "as cheap as possible") for quality in found.qualities]
    if "cheap" in found.qualities:
        add_target(draft, start, found.end, name="price", relation=Relation.MINIMISE)
    draft.use(start, found.end, f"without {', '.join(said)}" if found.items else "; ".join(said))
    return True


def _is_something_else(draft: Draft, found: ElementList) -> bool:
    """Whether more follows: "no lithium conductivity", "no hydrogen bonds" and "no lithium oxide" do not exclude the element."""
    follows = draft.low(found.end + (draft.low(found.end) == "-"))
    if not found.anions and anion_class_at(draft, found.end) is not None:
        return True
    return follows in (
        "conductivity",
        "bonds",
        "bonding",
        "vacancies",
        "diffusion",
        "migration",
        "batteries",
        "battery",
        "loss",
    )


def _only(draft: Draft, start: int, place: int) -> None:
    found = list_at(draft, place, anions=False, strict=True)
    if found is None:
        draft.refuse(start, min(place, len(draft)))
        return
    draft.allowed += found.symbols
    draft.use(start, found.end, f"only {', '.join(found.symbols)}")


def _short(symbols: list[str]) -> str:
    return (
        ", ".join(symbols)
        if len(symbols) <= 12
        else f"{', '.join(symbols[:10])} ... ({len(symbols)} elements)"
    )
