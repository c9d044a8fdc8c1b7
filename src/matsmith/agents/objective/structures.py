"""Structure types, crystal systems and space groups."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.prototypes import PROTOTYPE_WORDS
from matsmith.agents.objective.quantities import number_at
from matsmith.agents.objective.space_groups import RHOMBOHEDRAL, space_group_number
from matsmith.agents.objective.tokens import Kind
from matsmith.core.errors import ImpossibleObjective, SpecError
from matsmith.core.space_group import CRYSTAL_SYSTEMS, crystal_system
from matsmith.core.spec import FLAT_MOTIFS

_PROTOTYPES = index_phrases(PROTOTYPE_WORDS)
_SYSTEM_WORDS = index_phrases(
    {
        **{name: tuple(range(low, high + 1)) for name, (low, high) in CRYSTAL_SYSTEMS.items()},
        "rhombohedral": RHOMBOHEDRAL,
        "isometric": tuple(range(195, 231)),
        "noncentrosymmetric": (),
    }
)
_NAMED_GROUP = (("space", "group", "number"), ("space", "group", "no"), ("space", "group"), ("spacegroup", "number"),
                ("spacegroup",), ("sg",))  # fmt: skip
_QUALIFIERS = frozenset(("double", "layered", "hybrid", "inverse", "distorted", "defect", "halide-like", "disordered", "anti", "li",
                         "vacancy", "ruddlesden", "quasi", "pseudo", "nearly", "almost"))  # fmt: skip
_TAILS = (
    "structure",
    "structures",
    "type",
    "lattice",
    "phase",
    "crystal",
    "prototype",
    "system",
    "symmetry",
    "family",
)
# "A square lattice" is a net; a square alone may be anything.
_NETS = ("lattice", "lattices", "net", "nets", "layer", "layers", "plane", "planes", "sublattice", "network")
_CLEAR_MOTIFS = frozenset(("kagome", "lieb", "honeycomb"))


def read_structure(draft: Draft) -> None:
    """Take space groups, flat nets, structure types and crystal systems. Raises `ImpossibleObjective` where they exclude each other."""
    for index in range(len(draft)):
        if draft.open(index):
            _space_group(draft, index)
    for index in range(len(draft)):
        if draft.open(index):
            _motif(draft, index)
    for index in range(len(draft)):
        if draft.open(index):
            _prototype(draft, index)
    index = 0
    while index < len(draft):
        index = max(_system(draft, index), index + 1) if draft.open(index) else index + 1


def _space_group(draft: Draft, index: int) -> None:
    end, certain = index, False
    for words in _NAMED_GROUP:
        found = draft.phrase(index, words)
        if found:
            end, certain = found, True
            while draft.low(end) in (".", "#", "is", ":", "=", "(", "of", "number", "no"):
                end += 1
            break
    token = draft.tokens[end] if end < len(draft) else None
    if token is None:
        return
    if certain and (number := number_at(draft, end)):
        value = number[0]
        if value != int(value) or not 1 <= value <= 230:
            raise SpecError(f"There is no space group {value:g}.", hint="They are numbered from 1 to 230.")
        _restrict(draft, (int(value),), start=index, end=number[1], meaning=f"space group {int(value)}")
        return
    symbol = space_group_number(token.text, certain=certain)
    if symbol is not None and (certain or token.kind is Kind.SYMMETRY):
        stop = end + 1
        if not certain and draft.phrase(stop, ("space", "group")):
            stop += 2
        elif draft.low(stop) in ("symmetry", "structure"):
            stop += 1
        _restrict(
            draft,
            (symbol,),
            start=index,
            end=stop,
            meaning=f"space group {symbol} ({crystal_system(symbol)})",
        )
    elif certain and token.kind is not Kind.SIGN and token.low not in ("and", "or", "of", "with", "symmetry"):
        raise SpecError(
            f"There is no space group {token.text!r}.",
            hint="Give its number (1 to 230) or its symbol, such as Fm-3m.",
        )


def _system(draft: Draft, index: int) -> int:
    found = _SYSTEM_WORDS.at(draft, index)
    if found is None or not found[0]:
        return index
    groups, end = set(found[0]), found[1]
    if draft.low(index - 1) in ("pseudo", "nearly") or (
        draft.low(index - 1) == "-" and draft.low(index - 2) == "pseudo"
    ):
        return index
    if draft.phrase(end, ("centimeter",)) or draft.low(end) in (
        "angstrom",
        "angstroms",
        "centimetre",
        "centimeter",
        "meter",
    ):
        return index
    last, either, together = end, False, set(groups)
    while draft.low(last) in ("or", "/", ",") and (other := _SYSTEM_WORDS.at(draft, last + 1)) and other[0]:
        either = either or draft.low(last) != ","
        together |= set(other[0])
        last = other[1]
    if either:
        groups, end = together, last
    names = draft.words(index, end)
    if draft.low(end) in _TAILS and draft.free(end):
        end += 1
    _restrict(draft, tuple(groups), start=index, end=end, meaning=f"space groups of {names}")
    return end


def _motif(draft: Draft, index: int) -> None:
    name = draft.low(index)
    if name not in FLAT_MOTIFS:
        return
    end = index + 2 if draft.low(index + 1) == "-" and draft.low(index + 2) in _NETS else index + 1
    while draft.low(end) in _NETS and draft.free(end):
        end += 1
    if end == index + 1 and name not in _CLEAR_MOTIFS:
        return
    before = index - 1 if draft.low(index - 1) != "-" else index - 2
    if draft.low(before) in _QUALIFIERS and draft.free(before):
        draft.refuse(before, end)
        return
    if draft.motif not in (None, name):
        draft.refuse(index, end)
        draft.ask(f"Several nets are named; {draft.motif} was taken.")
        return
    draft.motif = name
    draft.use(index, end, f"holds a flat {name} net of one element")


def _prototype(draft: Draft, index: int) -> None:
    found = _PROTOTYPES.at(draft, index)
    if found is None:
        return
    name, end = found
    before = index - 1 if draft.low(index - 1) != "-" else index - 2
    if draft.low(before) in _QUALIFIERS and draft.free(before):
        draft.refuse(before, end)
        return
    if draft.low(end) in ("or", "and", "/") and (other := _after_article(draft, end + 1)):
        draft.refuse(index, other)
        draft.ask("Several structure types are named; one can be held, so none was taken.")
        return
    while draft.low(end) in (*_TAILS, "-") and draft.free(end):
        end += 1
    if draft.prototype is not None and draft.prototype != name:
        draft.refuse(index, end)
        draft.ask(f"Several structure types are named; {draft.prototype} was taken.")
        return
    draft.prototype = name
    draft.use(index, end, f"structure type {name}")


def _after_article(draft: Draft, index: int) -> int | None:
    place = index + 1 if draft.low(index) in ("a", "an", "the") else index
    found = _PROTOTYPES.at(draft, place)
    return found[1] if found else None


def _restrict(draft: Draft, groups: tuple[int, ...], *, start: int, end: int, meaning: str) -> None:
    chosen = sorted(set(groups) & set(draft.space_groups)) if draft.space_groups else sorted(set(groups))
    if not chosen:
        earlier = (
            "space group " + str(draft.space_groups[0])
            if len(draft.space_groups) == 1
            else "the other symmetry named"
        )
        raise ImpossibleObjective(
            f"{draft.words(start, end)!r} contradicts {earlier}: no space group belongs to both.",
            hint="Keep one of the two.",
        )
    draft.space_groups = chosen
    draft.use(start, end, meaning)
