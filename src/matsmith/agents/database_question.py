"""From a plain question to a typed query: "stable Si-O compounds with their bulk moduli on the Materials Project".

The chemistry, the bounds and the space groups are read by the same rules that read a design objective; what is particular to databases
(which one, which properties to return, that "stable" means on its hull) is read here. Nothing is asked: a person sees the query first.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from matsmith.agents.objective import parse_objective
from matsmith.core.errors import SpecError, UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Interval, Relation
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.database_query import LARGEST_LIMIT, DatabaseQuery, bound_in_words
from matsmith.knowledge.optimade_providers import PROVIDERS

MATERIALS_PROJECT = "materials_project"
DATABASES: tuple[str, ...] = (MATERIALS_PROJECT, *PROVIDERS)
_NAMES = {
    "materials project": MATERIALS_PROJECT,
    "mp": MATERIALS_PROJECT,
    **{name: name for name in PROVIDERS if name != "mp"},
    **{spoken: provider.name for provider in PROVIDERS.values() for spoken in provider.names},
    "jarvis-dft": "jarvis",
}
_NAME = "|".join(sorted((re.escape(name) for name in _NAMES), key=len, reverse=True))
_ONE = rf"(?:the\s+)?(?:{_NAME})(?:\s+(?:database|db))?"
_PLACE = re.compile(
    rf"[\s,]*(?:\b(?:listed\s+|found\s+)?(?:on|in|from|at|via|using|by|according to)\s+)?(?<![\w-])({_ONE}(?:\s*(?:,|and|or)\s*{_ONE})*)(?![\w-])",
    re.IGNORECASE,
)
_WITH = re.compile(
    r"[\s,]*\b(?:with|and|including|plus|showing|together with|along with)\s+(?:their|its|all their)\s+([^;?.]+)$",
    re.IGNORECASE,
)
_OF = re.compile(
    r"^\s*(?:(?:please\s+)?(?:what\s+(?:is|are)|give(?:\s+me)?|list|show(?:\s+me)?|find|get|look\s+up|tell\s+me)\s+)?(?:the\s+)?"
    r"([A-Za-z'’ ,-]+?)\s+(?:of|for)\s+(.+)$",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"\b(?:the\s+)?(?:first|top|at most|up to|limit(?:ed)? to)\s+(\d{1,4})\b(?!\s*(?:elements|[a-zA-Z]*eV|GPa|K\b))",
    re.IGNORECASE,
)
# Databases compute: a gap asked of them is the computed one, whatever it would be called elsewhere.
_COMPUTED = {"measured_band_gap": "computed_band_gap"}
# What every row shows anyway.
_ALWAYS = re.compile(
    r"(?:formulas?|formulae|space groups?|ids?|identifiers?|(?:chemical )?compositions?|symmetry|symmetries)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class DatabaseQuestion:
    """What was made of a question: the databases, the query, and words that changed nothing."""

    question: str
    databases: tuple[str, ...]
    query: DatabaseQuery
    understood: tuple[tuple[str, str], ...] = ()
    not_understood: tuple[str, ...] = field(default=())


def read_question(
    question: str, *, databases: tuple[str, ...] = (), limit: int | None = None
) -> DatabaseQuestion:
    """Read a plain question. `databases` and `limit`, when given, outrank the words. Raises `UsageError` or `SpecError`.

    >>> asked = read_question("stable Si-O compounds with their bulk moduli on the Materials Project")
    >>> asked.databases, asked.query.stable, asked.query.elements, asked.query.properties
    (('materials_project',), True, ('O', 'Si'), ('bulk_modulus',))
    """
    text = " ".join(question.split())
    if not text:
        raise UsageError("There is no question.", hint='Ask like: matsmith database "stable Si-O compounds".')
    unknown = [name for name in databases if name not in DATABASES]
    if unknown:
        raise UsageError(f"There is no database {unknown[0]!r}.", hint=f"Choose from {', '.join(DATABASES)}.")
    understood: list[tuple[str, str]] = []
    text, named = _take_databases(text, understood)
    text, most = _take_limit(text, understood)
    text, properties, left = _take_properties(text, understood)
    spec = _specification(text)
    plan_left = parse_objective(text).not_understood if text.strip(" ,.?") else []
    query = _query(spec, properties=properties, limit=limit or most or 20, understood=understood, left=left)
    return DatabaseQuestion(
        question=question,
        databases=databases or named or (MATERIALS_PROJECT,),
        query=query,
        understood=tuple(understood),
        not_understood=tuple(dict.fromkeys([*left, *plan_left])),
    )


def _specification(text: str) -> DesignSpec:
    if not text.strip(" ,.?"):
        raise UsageError(
            "The question names no material.",
            hint="Name elements, a formula or a class: Si-O compounds, Fe2O3, nitrides.",
        )
    return parse_objective(text).spec


def _take_databases(text: str, understood: list[tuple[str, str]]) -> tuple[str, tuple[str, ...]]:
    found: list[str] = []
    for match in _PLACE.finditer(text):
        names = [
            _NAMES[name.casefold()]
            for name in re.findall(rf"(?<![\w-])(?:{_NAME})(?![\w-])", match[1], re.IGNORECASE)
        ]
        found.extend(names)
        understood.append((match.group().strip(" ,"), f"asked of {', '.join(names)}"))
    return _PLACE.sub(" ", text).strip(), tuple(dict.fromkeys(found))


def _take_limit(text: str, understood: list[tuple[str, str]]) -> tuple[str, int | None]:
    match = _LIMIT.search(text)
    if match is None or not 1 <= int(match[1]) <= LARGEST_LIMIT:
        return text, None
    understood.append((match.group(), f"at most {match[1]} entries"))
    return f"{text[: match.start()]} {text[match.end() :]}".strip(), int(match[1])


def _take_properties(text: str, understood: list[tuple[str, str]]) -> tuple[str, tuple[str, ...], list[str]]:
    """The properties to return, and the question without them: `with their X and Y`, `X and Y of ...`."""
    match = _WITH.search(text)
    if match is not None and not re.search(r"\d", match[1]):
        names, left = _properties_in(match[1])
        if names or left:
            understood.append((match.group().strip(" ,"), _meaning(names)))
            return text[: match.start()].strip(), names, left
    match = _OF.match(text)
    if match is not None:
        names, left = _properties_in(match[1])
        if names and not left:
            understood.append((match[1].strip(), _meaning(names)))
            return match[2].strip(), names, []
    return text, (), []


def _meaning(names: tuple[str, ...]) -> str:
    return (
        f"returned: {', '.join(PROPERTIES[name].title for name in names)}"
        if names
        else "no property of a database"
    )


def _properties_in(words: str) -> tuple[tuple[str, ...], list[str]]:
    spoken = {synonym: name for name, entry in PROPERTIES.items() for synonym in entry.synonyms}
    names: list[str] = []
    left: list[str] = []
    for part in re.split(r"\s*(?:,|\band\b|&)\s*", words):
        word = part.strip(" .?").casefold().removeprefix("the ")
        if not word or _ALWAYS.fullmatch(word):
            continue
        candidates = (
            word,
            word.removesuffix("s"),
            word.removesuffix("ies") + "y",
            word.replace("indices", "index"),
        )
        name = next((spoken[each] for each in candidates if each in spoken), None)
        if name is None and re.fullmatch(r"stabilit(?:y|ies)|hull", word):
            name = "energy_above_hull"
        if name is None:
            left.append(part.strip())
        else:
            names.append(_COMPUTED.get(name, name))
    return tuple(dict.fromkeys(names)), left


def _query(
    spec: DesignSpec,
    *,
    properties: tuple[str, ...],
    limit: int,
    understood: list[tuple[str, str]],
    left: list[str],
) -> DatabaseQuery:
    chemistry, structure = spec.chemistry, spec.structure
    bounds: dict[str, Interval] = {}
    stable = False
    for target in spec.targets:
        if target.property == "energy_above_hull" and re.fullmatch(
            r"\W*(?:thermodynamically )?stable\W*", target.words
        ):
            stable = True
            understood.append((target.words, "on the database's convex hull"))
            continue
        name = _COMPUTED.get(target.property, target.property)
        interval = _interval(target)
        if interval is None:
            left.append(
                f"{target.words} (a database cannot be asked for the best; its entries can be sorted)"
            )
            continue
        bounds[name] = interval
        understood.append((target.words, bound_in_words(name, interval)))
    if structure.prototype:
        left.append(f"{structure.prototype} (databases are not asked for a structure type)")
    only = bool(chemistry.allowed) and set(chemistry.allowed) == set(chemistry.required)
    if chemistry.allowed and not only and not chemistry.formula:
        left.append(f"nothing but {', '.join(chemistry.allowed[:6])} (a list longer than what must occur)")
    low, high = chemistry.elements_min, chemistry.elements_max
    if high == DesignSpec().chemistry.elements_max:  # what a design takes when nothing is said
        high = 20
    if only:  # the elements themselves say how many
        low, high = 1, 20
    try:
        return DatabaseQuery(
            formula=chemistry.formula or "",
            elements=() if chemistry.formula else tuple(chemistry.required),
            only=only and not chemistry.formula,
            excluded=tuple(chemistry.excluded),
            any_of=tuple(tuple(group) for group in chemistry.any_of),
            elements_min=1 if chemistry.formula else low,
            elements_max=20 if chemistry.formula else high,
            stable=stable,
            bounds=bounds,
            space_groups=tuple(structure.space_groups),
            properties=tuple(dict.fromkeys([*properties, *bounds])),
            limit=limit,
        )
    except ValueError as error:
        raise SpecError(
            f"The question contradicts itself: {error}.", hint="Ask it in another way."
        ) from error


def _interval(target: Target) -> Interval | None:
    """The bound that a target sets; None for the best of something."""
    if target.value is None or target.reference is not None:
        return None
    if target.relation is Relation.BETWEEN and target.upper is not None:
        return Interval(low=target.value, high=target.upper)
    if target.relation is Relation.ABOVE:
        return Interval(low=target.value)
    if target.relation is Relation.BELOW:
        return Interval(high=target.value)
    if target.relation is Relation.AROUND:
        width = 0.1 * abs(target.value) or math.inf
        return Interval(low=target.value - width, high=target.value + width)
    return None
