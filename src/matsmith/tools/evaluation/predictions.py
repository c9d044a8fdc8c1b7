"""Structure prediction: samples against the known crystals that they were drawn for, at 1 and at 20 samples a crystal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.errors import UsageError
from matsmith.knowledge.formulas import reduced_key
from matsmith.models.diffusion.matching import MISS, Score, distances, score
from matsmith.tools.evaluation.figures import Figure, drawn, share
from matsmith.tools.evaluation.measures import FloatArray
from matsmith.tools.evaluation.samples import Sample

if TYPE_CHECKING:
    from pymatgen.core import Structure

KS = (1, 20)
_METHOD = (
    "pymatgen StructureMatcher, stol 0.5, ltol 0.3, angle_tol 10; RMSE in cube roots of the volume per atom"
)


def prediction_figures(
    samples: Sequence[Sample], reference: Sequence[Sample], *, quiet: bool = False
) -> list[Figure]:
    """Match rate, RMSE, cRMSE (a miss counts 0.5) and METRe at 1 and 20 samples a crystal, over the crystals that were sampled.

    Samples say which crystal they were drawn for (`reference`), or all samples of a formula count for each crystal of it. Raises
    `UsageError` where no sample has a formula of the reference.
    """
    known = [(one, one.crystal) for one in reference if one.crystal is not None]
    told = any(sample.reference for sample in samples)
    own: list[list[Sample]] = [
        [sample for sample in samples if _answers(sample, one, told=told)] for one, _ in known
    ]
    sampled = [index for index, made in enumerate(own) if made]
    if not sampled:
        raise UsageError(
            "No sample predicts a crystal of the reference.",
            hint="Their formulas differ: give the reference that the samples were drawn for.",
        )
    crystals = [known[index][1] for index in sampled]
    formulas = [reduced_key(crystal.amounts) for crystal in crystals]
    # Samples that are shared by the crystals of a formula must not be compared twice.
    keys = formulas if told else [f"{formula} {place}" for place, formula in enumerate(formulas)]
    chosen = [own[index][: max(KS)] for index in sampled]
    uneven = len({len(made) for made in chosen}) > 1
    if told and (uneven or any(sample.crystal is None for made in chosen for sample in made)):
        # METRe pools equal numbers of readable samples; where they differ each crystal stands for itself.
        keys = [f"{formula} {place}" for place, formula in enumerate(formulas)]
    made: list[list[Structure]] = [
        [sample.crystal.to_pymatgen() for sample in some if sample.crystal is not None] for some in chosen
    ]
    placed = distances([crystal.to_pymatgen() for crystal in crystals], keys, made, quiet=quiet)
    found = [
        _with_misses(values, readable=len(readable), drawn_for=some)
        for values, readable, some in zip(placed, made, chosen, strict=True)
    ]
    counts = [len(some) for some in chosen]
    figures = [
        share(
            "reference_sampled",
            "known crystals that were sampled",
            len(sampled),
            len(known),
            method="the figures below are over these",
        )
    ]
    for k in sorted({1, min(max(KS), max(counts))}):
        figures += _figures(found, counts, k=k)
    return figures


def _answers(sample: Sample, known: Sample, *, told: bool) -> bool:
    if told:
        return bool(sample.reference) and (
            sample.reference == known.name or known.name.endswith(f"#{sample.reference}")
        )
    if sample.crystal is None or known.crystal is None:
        return False
    return reduced_key(sample.crystal.amounts) == reduced_key(known.crystal.amounts)


def _with_misses(values: FloatArray, *, readable: int, drawn_for: Sequence[Sample]) -> FloatArray:
    """Distances with a miss in the place of every sample that could not be read; `values` holds the readable ones, then those of others."""
    own = np.full(len(drawn_for), np.inf)
    own[[place for place, sample in enumerate(drawn_for) if sample.crystal is not None]] = values[:readable]
    return np.concatenate([own, values[readable:]])


def _figures(found: list[FloatArray], own: list[int], *, k: int) -> list[Figure]:
    at = score(found, own=own, k=k)
    rows = np.arange(len(found), dtype=np.float64)

    def again(places: FloatArray) -> Score:
        chosen = places.astype(int).tolist()
        return score([found[place] for place in chosen], own=[own[place] for place in chosen], k=k)

    def bounded(name: str, title: str, pick: str) -> Figure:
        if not np.isfinite(getattr(at, pick)):
            return Figure(name=f"{name}_at_{k}", title=f"{title} at {k}", value=None, method=_METHOD)
        return drawn(
            f"{name}_at_{k}",
            f"{title} at {k}",
            rows,
            of=lambda places: float(np.nan_to_num(getattr(again(places), pick), nan=MISS)),
            unit="",
            method=_METHOD,
        )

    return [
        share(f"match_at_{k}", f"match at {k}", round(at.match * at.crystals), at.crystals, method=_METHOD),
        bounded("rmse", "RMSE of matches", "rmse"),
        bounded("crmse", "cRMSE, a miss counts 0.5,", "crmse"),
        share(f"metre_at_{k}", f"METRe at {k}", round(at.metre * at.crystals), at.crystals, method=_METHOD),
    ]
