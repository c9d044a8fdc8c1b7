"""Published reactions by composition: those of a formula itself, and the nearest to one.

Distance is the work of turning one composition into the other along the modified Pettifor scale, on which neighbours replace each
other (Pettifor 1984, Solid State Commun. 51, 31; the distance of Hargreaves et al. 2020, Chem. Mater. 32, 10610).
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import parse_formula
from matsmith.core.reactions import HeatingStep, PublishedReaction, StepKind
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.synthesis.mined import FILES, Cleaned, files_identity, read_mined

FloatArray = NDArray[np.float64]
_CACHE_VERSION = 1
# Symbols along the scale: from the inert gases over metals by their bonding to the halogens and hydrogen.
_TEXT = (
    "He Ne Ar Kr Xe Rn Fr Cs Rb K Na Li Ra Ba Sr Ca Eu Yb Lu Tm Y Er Ho Dy Tb Gd Sm Pm Nd Pr Ce La Ac Th Pa U Np Pu Am Cm Bk Cf Es "
    "Fm Md No Lr Sc Zr Hf Ti Nb Ta V Mo W Cr Tc Re Mn Fe Os Ru Co Ir Rh Ni Pt Pd Au Ag Cu Mg Hg Cd Zn Be Tl In Al Ga Pb Sn Ge Si B "
    "Bi Sb As P Po Te Se S C At I Br Cl N O F H"
)
_SCALE = tuple(_TEXT.split())
_PLACE = {symbol: place for place, symbol in enumerate(_SCALE)}


@dataclass(frozen=True)
class Near:
    """A published reaction near a composition; `formula` is the target meant, `distance` 0 for the composition itself."""

    formula: str
    distance: float
    reaction: PublishedReaction


class SynthesisTable:
    """Reactions by the reduced formula of their targets."""

    def __init__(self, cleaned: Cleaned) -> None:
        self.reactions = cleaned.reactions
        self.dropped = dict(cleaned.dropped)
        self._by_key: dict[str, list[tuple[int, str]]] = {}
        for place, reaction in enumerate(self.reactions):
            for formula in reaction.targets:
                rows = self._by_key.setdefault(reduced_key(formula), [])
                if not rows or rows[-1][0] != place:
                    rows.append((place, formula))
        self._keys = list(self._by_key)
        self._sums: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.reactions)

    def of(self, formula: str) -> list[Near]:
        """The published reactions of this very composition, in the order of the files. Raises `SpecError`."""
        return [
            Near(formula=written, distance=0.0, reaction=self.reactions[place])
            for place, written in self._by_key.get(reduced_key(formula), ())
        ]

    def nearest(self, formula: str, *, count: int = 5) -> list[Near]:
        """Reactions of the nearest compositions, one a composition and paper, nearest first. Raises `SpecError`."""
        if not self._keys:
            return []
        if self._sums is None:
            self._sums = np.array(
                [_running_sum(parse_formula(self._by_key[key][0][1])) for key in self._keys], dtype=np.float32
            )
        own = _running_sum(parse_formula(formula)).astype(np.float32)
        distance = np.abs(self._sums - own).sum(axis=1)
        found: list[Near] = []
        papers: set[str] = set()
        for place in np.argsort(distance, kind="stable").tolist():
            for row, written in self._by_key[self._keys[place]]:
                reaction = self.reactions[row]
                if reaction.doi in papers:
                    continue
                papers.add(reaction.doi)
                found.append(Near(formula=written, distance=float(distance[place]), reaction=reaction))
                if len(found) == count:
                    return found
        return found


def _running_sum(amounts: Mapping[str, float]) -> FloatArray:
    """Atom fractions summed up along the scale, shape (symbols of the scale,)."""
    found = np.zeros(len(_SCALE))
    total = sum(amounts.values())
    for symbol, amount in amounts.items():
        found[_PLACE.get(symbol, 0)] += amount / total
    return np.cumsum(found)


def synthesis_table(data_dir: Path, *, cache_dir: Path | None = None) -> SynthesisTable | None:
    """The table of the files that are in the data folder, read once; None when none is there.

    `cache_dir` keeps the clean reactions for the next start. Raises `DataError` for a damaged file.
    """
    identity = files_identity(data_dir)
    return _loaded(data_dir, cache_dir, identity) if identity else None


@lru_cache(maxsize=2)
def _loaded(data_dir: Path, cache_dir: Path | None, identity: str) -> SynthesisTable:
    cached = None if cache_dir is None else cache_dir / f"synthesis-{identity}-v{_CACHE_VERSION}.json.gz"
    if cached is not None and (kept := _read_cache(cached)) is not None:
        return SynthesisTable(kept)
    reactions: list[PublishedReaction] = []
    dropped: dict[str, int] = {}
    for route, name in FILES.items():
        path = data_dir / name
        if not path.is_file():
            continue
        one = read_mined(path, route=route)
        reactions += one.reactions
        dropped |= {why: dropped.get(why, 0) + count for why, count in one.dropped.items()}
    cleaned = Cleaned(reactions, dropped)
    if cached is not None:
        _write_cache(cached, cleaned)
    return SynthesisTable(cleaned)


def _write_cache(path: Path, cleaned: Cleaned) -> None:
    """Keep clean reactions; where the folder cannot be written they are cleaned again next time."""
    rows = [
        [one.doi, one.year, one.route, one.targets, one.precursors,
         [[step.kind, step.word, step.temperature_c, step.time_h, step.atmosphere] for step in one.steps]]
        for one in cleaned.reactions
    ]  # fmt: skip
    text = json.dumps({"reactions": rows, "dropped": dict(cleaned.dropped)}, separators=(",", ":"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            part.write(gzip.compress(text.encode(), compresslevel=4, mtime=0))
        Path(part.name).replace(path)
    except OSError:
        return


def _read_cache(path: Path) -> Cleaned | None:
    """Clean reactions that were kept; None when there are none or they cannot be read, so that they are made again."""
    try:
        kept = cast("dict[str, Any]", json.loads(gzip.decompress(path.read_bytes())))
        reactions = [
            PublishedReaction(
                doi=doi,
                year=year,
                route=route,
                targets=tuple(targets),
                precursors=tuple(precursors),
                steps=tuple(HeatingStep(*step) for step in steps),
            )
            for doi, year, route, targets, precursors, steps in kept["reactions"]
        ]
        return Cleaned(reactions, dict(kept["dropped"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What papers report of a composition: the median temperature (C) with its one-sigma error, and of how many papers."""

    temperature_c: float
    sigma_c: float
    papers: int
    lowest_c: float
    highest_c: float
    dois: tuple[str, ...]


SCATTER_C: Mapping[StepKind, float] = {"calcination": 91.0, "sintering": 73.0}
"""Robust one-sigma scatter of papers about the median of their composition; `benchmarks/synthesis.py` measures it."""
_LEAST_SIGMA_C = 20.0


def reported_temperature(table: SynthesisTable, formula: str, kind: StepKind) -> Reported | None:
    """The temperature at which papers calcine or sinter this very composition; None when no paper tells it.

    Each paper counts once. Sigma is the scatter between papers over the root of their number: the typical temperature is what is
    known, and a paper may have been read wrongly.
    """
    by_paper: dict[str, list[float]] = {}
    for one in table.of(formula):
        told = one.reaction.highest_c(kind)
        if told is not None:
            by_paper.setdefault(one.reaction.doi, []).append(told)
    if not by_paper:
        return None
    values = np.array([float(np.median(own)) for own in by_paper.values()])
    middle = float(np.median(values))
    own = 1.4826 * float(np.median(np.abs(values - middle)))
    scatter = max(SCATTER_C[kind], own)
    return Reported(
        temperature_c=middle,
        sigma_c=max(_LEAST_SIGMA_C, scatter / float(np.sqrt(len(values)))),
        papers=len(values),
        lowest_c=float(values.min()),
        highest_c=float(values.max()),
        dois=tuple(by_paper),
    )
