"""The text-mined reactions: files, citations, and how a raw reaction becomes a clean one, with what is left out counted.

A raw reaction has a target with variables (a doped series) and the compositions that these stand for, precursors and operations
(Kononova et al. 2019, Sci. Data 6, 203; https://doi.org/10.1038/s41597-019-0224-1).
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from matsmith.core.elements import parse_formula
from matsmith.core.errors import DataError, SpecError
from matsmith.core.reactions import PublishedReaction, Route
from matsmith.knowledge.synthesis.steps import read_step
from matsmith.knowledge.synthesis.years import year_of

FILES: dict[Route, str] = {
    "solid state": "solid_state_synthesis.json.xz",
    "sol-gel": "sol_gel_synthesis.json.xz",
}
CITATION = (
    "Kononova et al. 2019, Sci. Data 6, 203 (text-mined reactions of inorganic synthesis; doi:10.1038/s41597-019-0224-1), "
    "with the 2020 release of both routes by the same group"
)
_AGAIN = "Copy it again."
MOST_ATOMS = 1000


@dataclass(frozen=True)
class Cleaned:
    """Clean reactions, and why and how many others were left out."""

    reactions: list[PublishedReaction]
    dropped: Mapping[str, int]


def read_mined(path: Path, *, route: Route) -> Cleaned:
    """Read one file and clean it. Raises `DataError` when it is missing, damaged or something else."""
    try:
        raw: Any = json.loads(lzma.decompress(path.read_bytes()))
    except FileNotFoundError as error:
        raise DataError(
            f"The reactions {path} are not there.", hint="`matsmith data get synthesis` fetches them."
        ) from error
    except (OSError, lzma.LZMAError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is damaged or no compressed JSON file.", hint=_AGAIN) from error
    if isinstance(raw, dict):
        # The public release wraps its list once.
        raw = cast("dict[str, Any]", raw).get("reactions")
    if not isinstance(raw, list):
        raise DataError(f"{path} holds no list of reactions.", hint=_AGAIN)
    return clean(cast("list[Any]", raw), route=route)


def clean(raw: Iterable[Any], *, route: Route) -> Cleaned:
    """Clean raw reactions; the same reaction told twice counts once."""
    found: dict[PublishedReaction, None] = {}
    dropped: Counter[str] = Counter()
    for one in raw:
        made = _reaction(cast("dict[str, Any]", one), route=route) if isinstance(one, dict) else "no reaction"
        if isinstance(made, str):
            dropped[made] += 1
        elif made in found:
            dropped["told twice"] += 1
        else:
            found[made] = None
    return Cleaned(list(found), dict(dropped))


def _reaction(raw: Mapping[str, Any], *, route: Route) -> PublishedReaction | str:
    """A clean reaction, or in words why it is left out."""
    doi = str(raw.get("doi") or "")
    if not doi.startswith("10."):
        return "no DOI"
    told = cast("list[Any]", raw.get("targets_string") or [])
    targets = tuple(dict.fromkeys(text for text in (_target(one) for one in told) if text))
    if not targets:
        return "target is no composition"
    precursors = tuple(
        dict.fromkeys(
            str(one.get("material_formula") or "").strip()
            for one in cast("list[dict[str, Any]]", raw.get("precursors") or [])
        )
    )
    if not precursors or "" in precursors:
        return "precursors without a formula"
    steps = (read_step(one) for one in cast("list[dict[str, Any]]", raw.get("operations") or []))
    return PublishedReaction(
        doi=doi,
        year=year_of(doi),
        route=route,
        targets=targets,
        precursors=precursors,
        steps=tuple(step for step in steps if step is not None),
    )


def _target(text: object) -> str:
    """A target as a formula without spaces, or nothing for what is none or is an element."""
    formula = "".join(str(text).split())
    try:
        amounts = parse_formula(formula)
    except SpecError:
        return ""
    return formula if len(amounts) > 1 and sum(amounts.values()) <= MOST_ATOMS else ""


def files_identity(data_dir: Path) -> str:
    """Hash of the files that are here; empty when none is."""
    digest = hashlib.sha256()
    here = [data_dir / name for name in FILES.values() if (data_dir / name).is_file()]
    for path in here:
        state = path.stat()
        digest.update(f"{path.name}:{state.st_size}:{state.st_mtime_ns};".encode())
    return digest.hexdigest()[:16] if here else ""
