"""Crystal databases through OPTIMADE: a typed query becomes a filter, pages are read to the limit, rows are checked again here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, cast

from matsmith.core.errors import SpecError, UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.knowledge.database_query import DatabaseAnswer, DatabaseQuery, DatabaseRow
from matsmith.knowledge.exchange import Exchange, ServiceAnswer, ServiceError
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.optimade_providers import Provider

_PAGE = 100
_MOST_PAGES = 10
_STANDARD_FIELDS = ("chemical_formula_reduced", "elements", "nelements", "nsites")


def exchange_for(provider: Provider, *, cache_dir: Path | None, contact: str = "") -> Exchange:
    """How a provider is asked."""
    return Exchange(
        service=provider.title,
        base_url=provider.base_url,
        licence=provider.licence,
        cache_dir=cache_dir,
        min_interval_s=0.5,
        timeout_s=30.0,
        total_s=120.0,
        contact=contact,
    )


def optimade_filter(query: DatabaseQuery, provider: Provider) -> str:
    """The query in OPTIMADE's filter language, as far as the provider can be asked; the rest is checked on the rows.

    Raises `UsageError` when it asks for a property that the provider does not hold.

    >>> from matsmith.knowledge.optimade_providers import get_provider
    >>> optimade_filter(DatabaseQuery(elements=("Si", "O"), only=True, stable=True), get_provider("oqmd"))
    'elements HAS ALL "O","Si" AND nelements=2 AND _oqmd_stability<=0.000001'
    """
    parts: list[str] = []
    if query.formula:
        parts.append(f'chemical_formula_reduced="{optimade_formula(query.formula)}"')
    if query.elements:
        parts.append(f"elements HAS ALL {_quoted(query.elements)}")
    parts.extend(f"elements HAS ANY {_quoted(group)}" for group in query.any_of)
    if query.excluded:
        parts.append(f"NOT elements HAS ANY {_quoted(query.excluded)}")
    low, high = query.elements_min, query.elements_max
    if query.only and query.elements:
        low = high = len(query.elements)
    if low == high:
        parts.append(f"nelements={low}")
    else:
        parts.extend([f"nelements>={low}"] * (low > 1) + [f"nelements<={high}"] * (high < 20))
    if query.space_groups and not provider.space_group_field:
        raise UsageError(
            f"{provider.title} does not tell space groups.", hint="Ask another database with --database."
        )
    bounds = dict(query.bounds)
    if query.stable:
        field = _field(provider, "energy_above_hull")
        if field.filterable:
            parts.append(f"{field.path[0]}<=0.000001")
    for name, bound in bounds.items():
        field = _field(provider, name)
        if not field.filterable:
            continue
        if not math.isinf(bound.low):
            parts.append(f"{field.path[0]}>={_number(bound.low / field.factor)}")
        if not math.isinf(bound.high):
            parts.append(f"{field.path[0]}<={_number(bound.high / field.factor)}")
    if not parts:
        raise UsageError("The query asks for everything.", hint="Name elements, a formula or a bound.")
    return " AND ".join(parts)


def optimade_formula(formula: str) -> str:
    """A formula as OPTIMADE writes reduced ones: elements in alphabetical order, whole amounts without common factor.

    >>> optimade_formula("Fe4O6")
    'Fe2O3'
    """
    amounts = key_amounts(reduced_key(formula))
    return "".join(f"{symbol}{amount if amount > 1 else ''}" for symbol, amount in sorted(amounts.items()))


def ask(query: DatabaseQuery, provider: Provider, *, exchange: Exchange) -> DatabaseAnswer:
    """Ask a provider. Raises `ServiceError` when it fails or its answer is none of OPTIMADE, `UsageError` for what it does not hold."""
    wanted = optimade_filter(query, provider)
    fields = [*_STANDARD_FIELDS, *sorted({field.path[0] for field in provider.fields.values()})]
    if provider.space_group_field:
        fields.append(provider.space_group_field)
    params = {
        "filter": wanted,
        "response_fields": ",".join(fields),
        "page_limit": str(min(_PAGE, max(query.limit, 10))),
    }
    answer = exchange.get("v1/structures", params)
    first, rows, available, dropped = answer, list[DatabaseRow](), None, 0
    for _ in range(_MOST_PAGES):
        data = answer.json()
        if not isinstance(data, dict) or not isinstance(cast("dict[str, Any]", data).get("data"), list):
            raise ServiceError(
                f"{provider.title} answered in another form than OPTIMADE's.",
                hint="Ask another database, or try later.",
                retryable=True,
            )
        page = cast("dict[str, Any]", data)
        available = available if available is not None else _available(page)
        for entry in page["data"]:
            row = _row(entry, provider)
            if row is None or not query.admits(row):
                dropped += 1
                continue
            rows.append(row)
        following = _next_link(page)
        if len(rows) >= query.limit or following is None or not page["data"]:
            break
        answer = exchange.get(following)
    return DatabaseAnswer(
        database=provider.title,
        rows=tuple(rows[: query.limit]),
        available=available,
        date=first.date,
        licence=provider.licence,
        citation=provider.citation,
        request=f"{first.url}?filter={wanted}",
        notes=_notes(query, provider, dropped=dropped, answer=first),
        stale=first.stale,
    )


def _notes(
    query: DatabaseQuery, provider: Provider, *, dropped: int, answer: ServiceAnswer
) -> tuple[str, ...]:
    notes: list[str] = []
    missing = [PROPERTIES[name].title for name in query.properties if name not in provider.fields]
    if missing:
        notes.append(f"{provider.title} does not tell {', '.join(missing)}.")
    if provider.experimental:
        notes.append("Entries are measured structures.")
    if dropped:
        notes.append(
            f"{dropped} entries of the answer did not fulfil the query or lacked a value, and were left out."
        )
    if answer.stale:
        notes.append(f"{provider.title} could not be asked now; this is its answer of {answer.date[:10]}.")
    return tuple(notes)


def _field(provider: Provider, name: str) -> Any:
    field = provider.fields.get(name)
    if field is None:
        held = ", ".join(PROPERTIES[each].title for each in provider.fields) or "structures alone"
        raise UsageError(
            f"{provider.title} cannot be asked for {PROPERTIES[name].title}: it holds {held}.",
            hint="Ask another database with --database.",
        )
    return field


def _row(entry: Any, provider: Provider) -> DatabaseRow | None:
    """An entry as a row; None when it lacks what every entry must have."""
    held = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    attributes = cast("dict[str, Any]", held.get("attributes") or {})
    elements, formula = attributes.get("elements"), attributes.get("chemical_formula_reduced")
    if held.get("id") is None or not isinstance(elements, list) or not isinstance(formula, str):
        return None
    try:
        reduced_key(formula)
    except SpecError:
        return None
    values: dict[str, float] = {}
    labels: dict[str, str] = {}
    for name, field in provider.fields.items():
        value = reduce(_inner, field.path, cast("Any", attributes))
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            values[name] = value * field.factor
            labels[name] = field.label
    group = attributes.get(provider.space_group_field) if provider.space_group_field else None
    number = group if isinstance(group, int) else _group_number(group) if isinstance(group, str) else None
    return DatabaseRow(
        database=provider.title,
        id=str(held["id"]),
        formula=formula,
        elements=tuple(sorted(str(symbol) for symbol in cast("list[Any]", elements))),
        values=values,
        labels=labels,
        space_group=number,
        space_group_symbol=group if isinstance(group, str) else "",
    )


@lru_cache(maxsize=512)
def _group_number(symbol: str) -> int | None:
    """The number of a space group from its Hermann-Mauguin symbol; None when the symbol is none."""
    from pymatgen.symmetry.groups import SpaceGroup

    try:
        return int(SpaceGroup(symbol.replace(" ", "")).int_number)
    except ValueError:
        return None


def _inner(value: Any, key: str) -> Any:
    return cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None


def _available(page: Mapping[str, Any]) -> int | None:
    meta = page.get("meta")
    count = cast("Mapping[str, Any]", meta).get("data_available") if isinstance(meta, Mapping) else None
    returned = cast("Mapping[str, Any]", meta).get("data_returned") if isinstance(meta, Mapping) else None
    found = returned if isinstance(returned, int) else count
    return found if isinstance(found, int) else None


def _next_link(page: Mapping[str, Any]) -> str | None:
    links = page.get("links")
    following = cast("Mapping[str, Any]", links).get("next") if isinstance(links, Mapping) else None
    if isinstance(following, Mapping):
        following = cast("Mapping[str, Any]", following).get("href")
    return following if isinstance(following, str) and following else None


def _quoted(symbols: tuple[str, ...]) -> str:
    return ",".join(f'"{symbol}"' for symbol in symbols)


def _number(value: float) -> str:
    return f"{value:.10g}" if value else "0"
