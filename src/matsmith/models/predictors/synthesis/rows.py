"""Training rows from published reactions: one a composition made, with the fold that keeps formula and series together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matsmith.core.errors import SpecError
from matsmith.core.reactions import PublishedReaction
from matsmith.models.predictors.compositions import FOLDS, IntArray, composition_key, fold_of, read_formula
from matsmith.models.predictors.descriptors import element_table


@dataclass(frozen=True)
class Row:
    """A composition that a reaction made: its atom fractions, and the reaction."""

    key: str
    fractions: Mapping[str, float]
    reaction: PublishedReaction


@dataclass(frozen=True)
class Rows:
    """Rows with their `folds` (n,), and why and how many targets were left out."""

    rows: list[Row]
    folds: IntArray
    dropped: Mapping[str, int]

    def part(self, places: Sequence[int]) -> Rows:
        """Some of the rows."""
        return Rows(
            [self.rows[place] for place in places], self.folds[np.array(places, dtype=np.int64)], self.dropped
        )


def rows_of(reactions: Sequence[PublishedReaction]) -> Rows:
    """Rows of all targets whose elements the descriptors cover."""
    covered = element_table().covered
    found: list[Row] = []
    dropped: Counter[str] = Counter()
    for reaction in reactions:
        kept: set[str] = set()
        for formula in reaction.targets:
            try:
                fractions = read_formula(formula)
            except SpecError:
                dropped["no composition that is predicted"] += 1
                continue
            if not covered.issuperset(fractions):
                dropped["an element without descriptors"] += 1
                continue
            key = composition_key(fractions)
            if key not in kept:
                kept.add(key)
                found.append(Row(key, fractions, reaction))
    return Rows(found, series_folds(found), dict(dropped))


def series_folds(rows: Sequence[Row]) -> IntArray:
    """Folds (n,) such that a formula is in one fold, and a paper's formulas that no other paper made are in one as well.

    A doped series differs by a few percent from member to member: by formula alone, its neighbours would be trained on.
    """
    papers: dict[str, set[str]] = {}
    for row in rows:
        papers.setdefault(row.key, set()).add(row.reaction.doi)
    folds = {
        key: fold_of_text(next(iter(dois))) if len(dois) == 1 else fold_of(key)
        for key, dois in papers.items()
    }
    return np.array([folds[row.key] for row in rows], dtype=np.int64)


def fold_of_text(text: str) -> int:
    """A fold by hash."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % FOLDS
