"""Classes of materials, and errors printed class by class."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import reference_statistics as statistics
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_HALOGENS = frozenset({"F", "Cl", "Br", "I"})
_CHALCOGENS, _PNICTOGENS = frozenset({"S", "Se", "Te"}), frozenset({"P", "As", "Sb"})


def class_of(elements: Collection[str]) -> str:
    """Element, oxide, halide, nitride, carbide, boride, chalcogenide, pnictide, hydride or intermetallic, the first that fits.

    >>> class_of({"Mg", "Si", "O"}), class_of({"Ni", "Al"}), class_of({"B", "P"})
    ('oxide', 'intermetallic', 'pnictide')
    """
    held = set(elements)
    if len(held) == 1:
        return "element"
    for name, members in (
        ("oxide", {"O"}),
        ("halide", _HALOGENS),
        ("nitride", {"N"}),
        ("carbide", {"C"}),
        ("chalcogenide", _CHALCOGENS),
        ("pnictide", _PNICTOGENS),
        ("boride", {"B"}),
        ("hydride", {"H"}),
    ):
        if held & members:
            return name
    return "intermetallic"


def print_by_class(title: str, classes: Sequence[str], *, raw: FloatArray, corrected: FloatArray) -> None:
    """Median and 90th percentile of |error| by class, for residuals (repeats, n) of one factor and of the law."""
    print(f"  {title:22s}   n    one factor: median, 90th %     corrected: median, 90th %")
    for name in [*sorted(set(classes)), "all"]:
        mask = np.array([name in (each, "all") for each in classes])
        figures = [
            np.percentile(100 * statistics.relative_errors(part[:, mask]), (50, 90))
            for part in (raw, corrected)
        ]
        print(
            f"    {name:20s} {mask.sum():3d}    {figures[0][0]:12.2f} {figures[0][1]:8.2f}      "
            f"{figures[1][0]:12.2f} {figures[1][1]:8.2f}"
        )
