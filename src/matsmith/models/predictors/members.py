"""The members of an ensemble, one after the other or, where it is worth it, several at once: numpy lets other threads go on while it computes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from matsmith.models.predictors.compositions import FloatArray

_WORTH = 1_000
"""Fewer rows are done before threads are."""


def of_each(work: Callable[[int], FloatArray], members: Sequence[int], *, rows: int) -> list[FloatArray]:
    """What `work` finds for each member, in their order; in as many threads as there are processors for many `rows`."""
    threads = min(
        len(members),
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )
    if rows < _WORTH or threads < 2:
        return [work(member) for member in members]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, members))
