"""The lower convex hull of formation energies over composition, and the energy above it.

The hull of a chemical system is found once by Qhull (Barber, Dobkin, Huhdanpaa 1996, ACM Trans. Math. Softw. 22, 469).
Each lower facet is a plane over composition: one chemical potential for each element. The planes support the hull from
below, so the hull's energy at any composition is the maximum over them, which is one matrix product for many queries.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matsmith.core.errors import DataError, UsageError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
# Facets that stand upright over composition (spanning no volume there) carry no plane.
_SMALLEST_SIMPLEX = 1e-14
# A facet's plane may pass this far above a phase before it counts as a numerical accident and is dropped.
_SUPPORT_EV = 1e-7
# Phases nearer than this below the plane of the elements cannot be told from it by Qhull.
_FLAT_EV = 1e-11
_LARGEST_PRODUCT = 20_000_000


class ConvexHull:
    """The hull of one chemical system. Made by `build`; the arrays are not to be changed.

    Phases are numbered as given to `build`; the number `n + i` stands for element `i` at formation energy 0.
    """

    def __init__(
        self,
        *,
        elements: tuple[str, ...],
        compositions: FloatArray,
        energies: FloatArray,
        removed: frozenset[int],
    ) -> None:
        self.elements = elements
        self._compositions = compositions
        self._energies = energies
        self._removed = removed
        self._facets, self._planes = _lower_facets(compositions, energies, removed=removed)

    @classmethod
    def build(
        cls, elements: Sequence[str], compositions: ArrayLike, formation_energies_ev_per_atom: ArrayLike
    ) -> ConvexHull:
        """Build the hull of phases with atomic fractions of shape (n, k) over k elements, and energies of shape (n,).

        The elements themselves stand at 0 and need not be given; n may be 0. Raises `UsageError` for shapes that do not
        fit, `DataError` for fractions or energies that are not finite, negative, or do not add up to 1.
        """
        names = tuple(elements)
        if not names or len(set(names)) != len(names):
            raise UsageError(
                "A hull needs each of its elements once.", hint="Give the symbols without repeats."
            )
        energies = np.asarray(formation_energies_ev_per_atom, dtype=np.float64).reshape(-1)
        fractions = np.asarray(compositions, dtype=np.float64).reshape(-1, len(names))
        if len(fractions) != len(energies):
            raise UsageError(
                f"{len(fractions)} compositions for {len(energies)} energies.", hint="Give one for each."
            )
        if not np.isfinite(energies).all():
            raise DataError("A formation energy is not a number.", hint="Leave out the phase that failed.")
        return cls(
            elements=names,
            compositions=_checked(fractions, len(names)),
            energies=energies,
            removed=frozenset(),
        )

    @property
    def planes(self) -> FloatArray:
        """Chemical potentials of each lower facet in eV/atom above the elements, shape (facets, k)."""
        return self._planes

    @property
    def facets(self) -> IntArray:
        """Numbers of the corners of each lower facet, in the order of `planes`, shape (facets, k)."""
        return self._facets

    @property
    def stable(self) -> list[int]:
        """Numbers of the phases that are corners of the hull, ascending; elements are not among them."""
        count = len(self._energies)
        return sorted({int(index) for index in self._facets.ravel() if index < count})

    def hull_energy(self, fractions: ArrayLike) -> FloatArray:
        """Return the hull's energy in eV/atom at atomic fractions of shape (m, k), as shape (m,)."""
        points = _checked(np.asarray(fractions, dtype=np.float64), len(self.elements))
        step = max(1, _LARGEST_PRODUCT // len(self._planes))
        parts = [(points[i : i + step] @ self._planes.T).max(axis=1) for i in range(0, len(points), step)]
        return np.concatenate(parts) if parts else np.empty(0)

    def energy_above_hull(
        self, fractions: ArrayLike, formation_energies_ev_per_atom: ArrayLike
    ) -> FloatArray:
        """Return energies above the hull in eV/atom, shape (m,); negative below it.

        Fractions have shape (m, k), energies shape (m,). Zero fractions are fine: the hull of a subsystem is part of it.
        """
        energies = np.asarray(formation_energies_ev_per_atom, dtype=np.float64)
        below = self.hull_energy(fractions)
        if energies.shape != below.shape:
            raise UsageError(
                f"{len(below)} compositions for energies of shape {energies.shape}.",
                hint="Give one for each.",
            )
        return energies - below

    def decomposition(self, fractions: ArrayLike) -> list[tuple[int, float]]:
        """Return the phases that a composition of shape (k,) falls apart into: (number, share of the atoms), largest first."""
        point = _checked(np.asarray(fractions, dtype=np.float64).reshape(1, -1), len(self.elements))[0]
        heights = self._planes @ point
        # Facets that meet at the point tie; the right one is the one that holds the point in its inside.
        tied = np.flatnonzero(heights >= heights.max() - 1e-9)
        corners = self._corner_compositions()[self._facets[tied]]
        shares = np.linalg.solve(
            np.swapaxes(corners, 1, 2), np.broadcast_to(point[:, None], (len(tied), len(point), 1))
        )
        best = int(shares[:, :, 0].min(axis=1).argmax())
        found = zip(self._facets[tied[best]].tolist(), shares[best, :, 0].tolist(), strict=True)
        return sorted(((index, share) for index, share in found if share > 1e-9), key=lambda pair: -pair[1])

    def with_phase(self, fractions: ArrayLike, formation_energy_ev_per_atom: float) -> ConvexHull:
        """Return the hull with one more phase, numbered n; the facets are found anew only when it lies below the hull."""
        point = _checked(np.asarray(fractions, dtype=np.float64).reshape(1, -1), len(self.elements))
        above = float(self.energy_above_hull(point, [formation_energy_ev_per_atom])[0])
        if not np.isfinite(above):
            raise DataError("A formation energy is not a number.", hint="Leave out the phase that failed.")
        compositions = np.vstack([self._compositions, point])
        energies = np.append(self._energies, formation_energy_ev_per_atom)
        if above >= 0:
            return self._like(compositions=compositions, energies=energies, removed=self._removed, shift=1)
        return ConvexHull(
            elements=self.elements, compositions=compositions, energies=energies, removed=self._removed
        )

    def without(self, phases: Collection[int]) -> ConvexHull:
        """Return the hull without some phases; the numbers of the others stay. Found anew only when a corner goes."""
        removed = self._removed | {int(index) for index in phases}
        if removed and not (min(removed) >= 0 and max(removed) < len(self._energies)):
            raise UsageError(
                "There is no phase of that number to leave out.", hint="Elements cannot be left out."
            )
        if removed.isdisjoint(self.stable):
            return self._like(
                compositions=self._compositions, energies=self._energies, removed=removed, shift=0
            )
        return ConvexHull(
            elements=self.elements, compositions=self._compositions, energies=self._energies, removed=removed
        )

    def _like(
        self, *, compositions: FloatArray, energies: FloatArray, removed: frozenset[int], shift: int
    ) -> ConvexHull:
        """Return a hull with these facets over other phases; the elements' numbers move up by `shift`."""
        made = object.__new__(ConvexHull)
        made.elements = self.elements
        made._compositions = compositions
        made._energies = energies
        made._removed = removed
        made._facets = self._facets + shift * (self._facets >= len(self._energies))
        made._planes = self._planes
        return made

    def _corner_compositions(self) -> FloatArray:
        return np.vstack([self._compositions, np.eye(len(self.elements))])


def _checked(fractions: FloatArray, width: int) -> FloatArray:
    if fractions.ndim != 2 or fractions.shape[1] != width:
        raise UsageError(
            f"Fractions of shape {fractions.shape} do not fit {width} elements.", hint="Give (m, k)."
        )
    if (
        not np.isfinite(fractions).all()
        or (fractions < 0).any()
        or (abs(fractions.sum(axis=1) - 1) > 1e-6).any()
    ):
        raise DataError(
            "Atomic fractions must be positive and add up to 1.", hint="Divide amounts by their sum."
        )
    return fractions / fractions.sum(axis=1, keepdims=True)


def _lower_facets(
    compositions: FloatArray, energies: FloatArray, *, removed: frozenset[int]
) -> tuple[IntArray, FloatArray]:
    """Return the corners (facets, k) and planes (facets, k) of the lower facets; elements are numbered from n."""
    count, width = compositions.shape
    points = np.vstack([compositions, np.eye(width)])
    heights = np.append(energies, np.zeros(width))
    keep = _candidates(points, heights, count=count, removed=removed)
    if len(keep) == width:
        plane: FloatArray = np.asarray(np.linalg.solve(points[keep], heights[keep]), dtype=np.float64)
        return keep[None, :], plane[None, :]

    from scipy.spatial import ConvexHull as QuickHull

    # A point high above the middle gives the hull a height, however shallow the phases lie, and closes it from above.
    lid = np.append(np.full(width - 1, 1 / width), 1.0)
    spread = np.vstack([np.column_stack([points[keep, :-1], heights[keep]]), lid])
    simplices: IntArray = np.asarray(QuickHull(spread).simplices, dtype=np.int64)
    facets = keep[simplices[(simplices != len(keep)).all(axis=1)]]
    corners = points[facets]
    facets = facets[abs(np.linalg.det(corners)) > _SMALLEST_SIMPLEX]
    planes: FloatArray = np.asarray(
        np.linalg.solve(points[facets], heights[facets][:, :, None])[:, :, 0], dtype=np.float64
    )
    supports = (planes @ points[keep].T <= heights[keep] + _SUPPORT_EV).all(axis=1)
    return facets[supports], planes[supports]


def _candidates(points: FloatArray, heights: FloatArray, *, count: int, removed: frozenset[int]) -> IntArray:
    """Return the numbers that can be corners: the lowest at each composition, below the plane of the elements."""
    width = points.shape[1]
    allowed = np.ones(len(points), dtype=bool)
    allowed[list(removed)] = False
    allowed[:count] &= heights[:count] < -_FLAT_EV
    numbers = np.flatnonzero(allowed)
    rounded = np.round(points[numbers] * 1e9).astype(np.int64)
    order = np.lexsort((heights[numbers], *(rounded[:, column] for column in range(width))))
    ordered = rounded[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(numbers[order[first]])
