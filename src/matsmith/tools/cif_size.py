"""How many atoms a CIF describes, counted from its text: the parser's time grows with their square, so it is known before.

A row of the loop of atoms is a site, and every operation of symmetry puts it on another place, or on one that it had already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_ENDS_LOOP = re.compile(r"\s*(?:loop_|_|data_|#END|save_)", re.IGNORECASE)
_FRACTIONS = "_atom_site_fract_x"
# Images nearer than a thousandth of the cell are one; the shift keeps the fractions of crystallography from the edges of the bins.
_BINS, _SHIFT = 1000, 0.42
_ROWS_AT_ONCE = 500


def rows_of_atoms(text: str) -> int:
    r"""Rows of the first loop of fractional coordinates, a line each, at the speed of reading; 0 where there is none.

    >>> rows_of_atoms("loop_\n_atom_site_label\n_atom_site_fract_x\nMg 0.0\nO 0.5\n\nloop_\n_a\n1\n")
    2
    """
    start = text.find(_FRACTIONS)
    if start < 0:
        return 0
    lines = iter(text[start:].splitlines())
    rows, in_header = 0, True
    for line in lines:
        word = line.strip()
        if in_header and word.startswith("_"):
            continue
        in_header = False
        if not word or word.startswith("#"):
            continue
        if _ENDS_LOOP.match(line):
            break
        rows += 1
    return rows


def atoms_described(fractions: FloatArray, operations: Sequence[FloatArray]) -> int:
    """Atoms of sites at fractions (n, 3) under operations of symmetry, each (4, 4); sites on one place count once."""
    if not len(fractions) or not operations:
        return len(fractions)
    sites = np.unique(np.round(fractions, 4), axis=0)
    rotations = np.stack([each[:3, :3] for each in operations])
    shifts = np.stack([each[:3, 3] for each in operations])
    count = 0
    for start in range(0, len(sites), _ROWS_AT_ONCE):
        images = np.einsum("oij,nj->noi", rotations, sites[start : start + _ROWS_AT_ONCE]) + shifts
        bins = np.floor((images % 1.0) * _BINS + _SHIFT).astype(np.int64) % _BINS
        keys = np.sort((bins[..., 0] * _BINS + bins[..., 1]) * _BINS + bins[..., 2], axis=1)
        count += len(keys) + int(np.count_nonzero(np.diff(keys, axis=1)))
    return count
