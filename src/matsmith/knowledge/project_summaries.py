"""The Materials Project's summaries: stability, gaps, moduli and density of its materials, by typed query.

The service's REST interface is asked directly (https://api.materialsproject.org/redoc, materials/summary): its Python client has no limit on time,
asks two more addresses before each session and fails on any field that it does not know. Values are PBE and PBE+U unless the entry says otherwise.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

from matsmith.core.errors import UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.knowledge.database_query import DatabaseAnswer, DatabaseQuery, DatabaseRow
from matsmith.knowledge.exchange import Exchange, ServiceAnswer, ServiceError
from matsmith.knowledge.optimade import optimade_formula

BASE_URL = "https://api.materialsproject.org"
TITLE = "Materials Project"
CITATION = "Jain et al. 2013, doi:10.1063/1.4812323"
LICENCE = "CC BY 4.0"
_PAGE = 100
_MOST_PAGES = 10
# The registry's name -> the parameter's stem, the field that returns it, what it rests on.
_FIELDS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "energy_above_hull": ("energy_above_hull", ("energy_above_hull",), "PBE, PBE+U, the project's corrections"),
    "formation_energy": (
        "formation_energy_per_atom",
        ("formation_energy_per_atom",),
        "PBE, PBE+U, the project's corrections",
    ),
    "computed_band_gap": ("band_gap", ("band_gap",), "PBE"),
    "bulk_modulus": ("k_vrh", ("bulk_modulus", "vrh"), "PBE, Voigt-Reuss-Hill"),
    "shear_modulus": ("g_vrh", ("shear_modulus", "vrh"), "PBE, Voigt-Reuss-Hill"),
    "poisson_ratio": ("homogeneous_poisson", ("homogeneous_poisson",), "PBE"),
    "density": ("density", ("density",), "PBE cell"),
    "refractive_index": ("n", ("n",), "PBE, density-functional perturbation theory"),
    "dielectric_constant": ("e_total", ("e_total",), "PBE, density-functional perturbation theory"),
}  # fmt: skip
HELD: tuple[str, ...] = tuple(_FIELDS)


def exchange_for(api_key: str, *, cache_dir: Path | None, base_url: str = BASE_URL) -> Exchange:
    """How the project is asked; the key goes into a header and is kept nowhere."""
    return Exchange(
        service=TITLE,
        base_url=base_url,
        licence=LICENCE,
        cache_dir=cache_dir,
        min_interval_s=0.2,
        timeout_s=30.0,
        total_s=120.0,
        headers={"X-API-KEY": api_key},
    )


def summary_parameters(query: DatabaseQuery) -> dict[str, str]:
    """The query as parameters of the summary endpoint. Raises `UsageError` for a property that the project does not hold.

    >>> summary_parameters(DatabaseQuery(elements=("Si", "O"), only=True, stable=True))["chemsys"]
    'O-Si'
    """
    params: dict[str, str] = {"deprecated": "false"}
    if query.formula:
        params["formula"] = optimade_formula(query.formula)
    elif query.only and query.elements:
        params["chemsys"] = "-".join(sorted(query.elements))
    elif query.elements:
        params["elements"] = ",".join(query.elements)
    if query.excluded:
        params["exclude_elements"] = ",".join(query.excluded)
    if query.elements_min > 1:
        params["nelements_min"] = str(query.elements_min)
    if query.elements_max < 20:
        params["nelements_max"] = str(query.elements_max)
    if query.stable:
        params["is_stable"] = "true"
    for name, bound in query.bounds.items():
        stem = _held(name)[0]
        if not math.isinf(bound.low):
            params[f"{stem}_min"] = f"{bound.low:.10g}"
        if not math.isinf(bound.high):
            params[f"{stem}_max"] = f"{bound.high:.10g}"
    if len(query.space_groups) == 1:
        params["spacegroup_number"] = str(query.space_groups[0])
    if len(params) == 1 and not query.any_of and not query.space_groups:
        raise UsageError("The query asks for everything.", hint="Name elements, a formula or a bound.")
    wanted = dict.fromkeys([*query.properties, *query.bounds, "energy_above_hull", "formation_energy"])
    fields = dict.fromkeys(_held(name)[1][0] for name in wanted)
    params["_fields"] = ",".join(
        ["material_id", "formula_pretty", "elements", "symmetry", "theoretical", *fields]
    )
    return params


def ask_project(query: DatabaseQuery, *, exchange: Exchange) -> DatabaseAnswer:
    """Ask for summaries. Raises `ServiceError` when the project refuses, fails or answers in another form, `UsageError` as above."""
    params = summary_parameters(query)
    rows: list[DatabaseRow] = []
    dropped, available, first = 0, None, None
    page = min(_PAGE, max(query.limit, 10))
    for number in range(_MOST_PAGES):
        answer = exchange.get(
            "materials/summary/", {**params, "_limit": str(page), "_skip": str(number * page)}
        )
        first = first or answer
        entries, available = _entries(answer)
        for entry in entries:
            row = _row(entry)
            if row is None or not query.admits(row):
                dropped += 1
                continue
            rows.append(row)
        if len(rows) >= query.limit or len(entries) < page:
            break
    assert first is not None
    notes: list[str] = []
    if dropped:
        notes.append(
            f"{dropped} entries of the answer did not fulfil the query or lacked a value, and were left out."
        )
    if first.stale:
        notes.append(f"{TITLE} could not be asked now; this is its answer of {first.date[:10]}.")
    return DatabaseAnswer(
        database=TITLE,
        rows=tuple(rows[: query.limit]),
        available=available,
        date=first.date,
        licence=LICENCE,
        citation=CITATION,
        request=f"{first.url}?" + "&".join(f"{key}={value}" for key, value in params.items()),
        notes=tuple(notes),
        stale=first.stale,
    )


def _held(name: str) -> tuple[str, tuple[str, ...], str]:
    found = _FIELDS.get(name)
    if found is None:
        raise UsageError(
            f"The Materials Project cannot be asked for {PROPERTIES[name].title} here.",
            hint=f"It tells {', '.join(PROPERTIES[each].title for each in _FIELDS)}.",
        )
    return found


def _entries(answer: ServiceAnswer) -> tuple[list[Any], int | None]:
    data = answer.json()
    held = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if not isinstance(held.get("data"), list):
        raise ServiceError(
            "The Materials Project answered in another form than it documents: data is missing.",
            hint="Try again later; if it stays so, report it.",
            retryable=True,
        )
    meta = held.get("meta")
    total = cast("dict[str, Any]", meta).get("total_doc") if isinstance(meta, dict) else None
    return held["data"], total if isinstance(total, int) else None


def _row(entry: Any) -> DatabaseRow | None:
    held = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    elements = held.get("elements")
    if not held.get("material_id") or not isinstance(elements, list):
        return None
    values: dict[str, float] = {}
    labels: dict[str, str] = {}
    for name, (_, path, label) in _FIELDS.items():
        value: Any = held
        for key in path:
            value = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            values[name] = float(value)
            labels[name] = label
    symmetry = held.get("symmetry")
    group = cast("dict[str, Any]", symmetry) if isinstance(symmetry, dict) else {}
    number = group.get("number")
    return DatabaseRow(
        database=TITLE,
        id=str(held["material_id"]),
        formula=str(held.get("formula_pretty") or ""),
        elements=tuple(sorted(str(symbol) for symbol in cast("list[Any]", elements))),
        values=values,
        labels=labels,
        space_group=number if isinstance(number, int) else None,
        space_group_symbol=str(group.get("symbol") or ""),
    )
