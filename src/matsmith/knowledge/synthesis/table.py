"""Published reactions by composition: those of a formula itself, and the nearest to one.

Distance is the work of turning one composition into the other along the modified Pettifor scale, on which neighbours replace each
other (Pettifor 1984, Solid State Commun. 51, 31; the distance of Hargreaves et al. 2020, Chem. Mater. 32, 10610).
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import parse_formula
from matsmith.core.reactions import HeatingStep, PublishedReaction, StepKind, precursor_amounts
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.synthesis.mined import FILES, Cleaned, files_identity, read_mined

_CACHE_VERSION = 2
# Symbols along the scale: from the inert gases over metals by their bonding to the halogens and hydrogen.
_TEXT = (
    "He Ne Ar Kr Xe Rn Fr Cs Rb K Na Li Ra Ba Sr Ca Eu Yb Lu Tm Y Er Ho Dy Tb Gd Sm Pm Nd Pr Ce La Ac Th Pa U Np Pu Am Cm Bk Cf Es "
    "Fm Md No Lr Sc Zr Hf Ti Nb Ta V Mo W Cr Tc Re Mn Fe Os Ru Co Ir Rh Ni Pt Pd Au Ag Cu Mg Hg Cd Zn Be Tl In Al Ga Pb Sn Ge Si B "
    "Bi Sb As P Po Te Se S C At I Br Cl N O F H"
)
_SCALE = tuple(_TEXT.split())
_PART = re.compile(r"([A-Z][a-z]?)([0-9.]*)")
_PLACE = {symbol: place for place, symbol in enumerate(_SCALE)}


# What gases, water and organic ligands take away or bring.
_PASSING = frozenset(("H", "C", "N", "O", "S", "Cl", "F"))


@dataclass(frozen=True)
class Near:
    """A published reaction near a composition; `formula` is the target meant, `distance` 0 for the composition itself."""

    formula: str
    distance: float
    reaction: PublishedReaction


class SynthesisTable:
    """Reactions by the reduced formula of their targets."""

    def __init__(self, cleaned: Cleaned, *, keys: Sequence[Sequence[str]] | None = None) -> None:
        """`keys` are the reduced formulas of each reaction's targets, where they are known already."""
        self.reactions = cleaned.reactions
        self.dropped = dict(cleaned.dropped)
        self.keys = keys or [[reduced_key(formula) for formula in one.targets] for one in self.reactions]
        self._by_key: dict[str, list[tuple[int, str]]] = {}
        for place, (reaction, own) in enumerate(zip(self.reactions, self.keys, strict=True)):
            for formula, key in zip(reaction.targets, own, strict=True):
                rows = self._by_key.setdefault(key, [])
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
        """Reactions of the nearest compositions, one a composition and paper, nearest first; of one composition those that tell most.

        Raises `SpecError`.
        """
        if not self._keys:
            return []
        if self._sums is None:
            self._sums = _running_sums(self._keys)
        distance = np.abs(self._sums - _running_sums([reduced_key(formula)])).sum(axis=1)
        found: list[Near] = []
        papers: set[str] = set()
        for place in np.argsort(distance, kind="stable").tolist():
            rows = self._by_key[self._keys[place]]
            for row, written in sorted(rows, key=lambda one: _untold(self.reactions[one[0]], one[1])):
                reaction = self.reactions[row]
                if reaction.doi in papers:
                    continue
                papers.add(reaction.doi)
                found.append(Near(formula=written, distance=float(distance[place]), reaction=reaction))
                if len(found) == count:
                    return found
        return found


def _untold(reaction: PublishedReaction, target: str) -> int:
    """How much a reaction leaves open: no temperature, no precursor of one element, one that brings another metal (a doped variant)."""
    wanted = set(parse_formula(target))
    brought = set[str]().union(*(precursor_amounts(one) or () for one in reaction.precursors))
    heated = any(reaction.highest_c(kind) is not None for kind in SCATTER_C)
    return 4 * bool(brought - wanted - _PASSING) + 2 * bool(wanted - brought - _PASSING) + (not heated)


def _running_sums(keys: Sequence[str]) -> NDArray[np.float32]:
    """Atom fractions of reduced formulas summed up along the scale, (n, symbols of the scale)."""
    found = np.zeros((len(keys), len(_SCALE)), dtype=np.float32)
    for row, key in enumerate(keys):
        for symbol, amount in _PART.findall(key):
            found[row, _PLACE.get(symbol, 0)] += float(amount or 1)
    return np.cumsum(found / found.sum(axis=1, keepdims=True), axis=1, dtype=np.float32)


def synthesis_table(data_dir: Path, *, cache_dir: Path | None = None) -> SynthesisTable | None:
    """The table of the files that are in the data folder, read once; None when none is there.

    `cache_dir` keeps the clean reactions for the next start. Raises `DataError` for a damaged file.
    """
    identity = files_identity(data_dir)
    return _loaded(data_dir, cache_dir, identity) if identity else None


def is_first_reading(data_dir: Path, *, cache_dir: Path) -> bool:
    """Whether the files are here and were never read: that takes many seconds, and later readings few."""
    identity = files_identity(data_dir)
    return bool(identity) and not _cache_file(cache_dir, identity).is_file()


def _cache_file(cache_dir: Path, identity: str) -> Path:
    return cache_dir / f"synthesis-{identity}-v{_CACHE_VERSION}.json.gz"


@lru_cache(maxsize=2)
def _loaded(data_dir: Path, cache_dir: Path | None, identity: str) -> SynthesisTable:
    cached = None if cache_dir is None else _cache_file(cache_dir, identity)
    if cached is not None and (kept := _read_cache(cached)) is not None:
        return kept
    reactions: list[PublishedReaction] = []
    dropped: dict[str, int] = {}
    for route, name in FILES.items():
        path = data_dir / name
        if not path.is_file():
            continue
        one = read_mined(path, route=route)
        reactions += one.reactions
        dropped |= {why: dropped.get(why, 0) + count for why, count in one.dropped.items()}
    table = SynthesisTable(Cleaned(reactions, dropped))
    if cached is not None:
        _write_cache(cached, table)
    return table


def _write_cache(path: Path, table: SynthesisTable) -> None:
    """Keep clean reactions; where the folder cannot be written they are cleaned again next time."""
    rows = [
        [one.doi, one.year, one.route, one.targets, one.precursors,
         [[step.kind, step.word, step.temperature_c, step.time_h, step.atmosphere] for step in one.steps]]
        for one in table.reactions
    ]  # fmt: skip
    text = json.dumps(
        {"reactions": rows, "keys": table.keys, "dropped": table.dropped}, separators=(",", ":")
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            part.write(gzip.compress(text.encode(), compresslevel=4, mtime=0))
        Path(part.name).replace(path)
    except OSError:
        return


def _read_cache(path: Path) -> SynthesisTable | None:
    """The table of clean reactions that were kept; None when there are none or they cannot be read, so that they are made again."""
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
        return SynthesisTable(Cleaned(reactions, dict(kept["dropped"])), keys=kept["keys"])
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
