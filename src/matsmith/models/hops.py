"""Hops of an ion between its own sites: which ones symmetry tells apart, and in how many directions they go on for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.core.space_group import spglib_or_none
from matsmith.models.potentials.interface import FloatArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

_SYMMETRY_ANGSTROM = 0.02
_SHORTEST_ANGSTROM = 0.5
_ROUNDED = 3
Edge = tuple[int, int, tuple[int, int, int]]


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One kind of hop: from site `start` to site `end` of the cell by `vector_angstrom` (3,), and every one like it as edges.

    An edge is (site, site, cells between them).
    """

    start: int
    end: int
    vector_angstrom: FloatArray
    edges: tuple[Edge, ...]

    @property
    def length_angstrom(self) -> float:
        """Distance between its sites."""
        return float(np.linalg.norm(self.vector_angstrom))


def distinct_hops(structure: Structure, ion: str, *, longest_angstrom: float) -> list[Hop]:
    """The kinds of hops between sites of an ion, the shortest first."""
    symbols = [str(site.specie.symbol) for site in structure]
    sites = [index for index, symbol in enumerate(symbols) if symbol == ion]
    cell: Any = (structure.lattice.matrix, structure.frac_coords, [int(site.specie.Z) for site in structure])
    found: Any = spglib_or_none("get_symmetry", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    coords = np.array(structure.frac_coords)
    operations = [(np.eye(3), np.zeros(3))]
    if found is not None:
        operations = list(zip(np.array(found["rotations"], dtype=float), found["translations"], strict=True))
    images = [_image(rotation, shift, coords, sites, structure) for rotation, shift in operations]
    pending: dict[tuple[int, tuple[float, ...]], Edge] = {}
    for index in sites:
        neighbours: list[Any] = structure.get_neighbors(structure[index], longest_angstrom)
        for other in neighbours:
            end = int(other.index)
            if symbols[end] == ion and float(other.nn_distance) > _SHORTEST_ANGSTROM:
                place: FloatArray = np.array(other.frac_coords, dtype=np.float64)
                apart: FloatArray = np.round(place - np.asarray(coords[end], dtype=np.float64))
                pending[_key(index, place - coords[index])] = (
                    index,
                    end,
                    (int(apart[0]), int(apart[1]), int(apart[2])),
                )
    hops: list[Hop] = []
    lattice = np.array(structure.lattice.matrix)
    ordered = sorted(
        pending, key=lambda key: (round(float(np.linalg.norm(np.array(key[1]) @ lattice)), 3), key)
    )
    for key in ordered:
        if key not in pending:
            continue
        index, end, cells = pending[key]
        vector = coords[end] + np.array(cells) - coords[index]
        edges: list[Edge] = []
        for (rotation, _), image in zip(operations, images, strict=True):
            turned = rotation @ vector
            for begin, along in ((image[index], turned), (image[end], -turned)):
                edge = pending.pop(_key(begin, along), None)
                if edge is not None:
                    edges.append(edge)
        hops.append(Hop(start=index, end=end, vector_angstrom=vector @ lattice, edges=tuple(edges)))
    return hops


def _key(index: int, vector: FloatArray) -> tuple[int, tuple[float, ...]]:
    return index, tuple((np.round(vector, _ROUNDED) + 0.0).tolist())


def _image(
    rotation: FloatArray, shift: FloatArray, coords: FloatArray, sites: Sequence[int], structure: Structure
) -> dict[int, int]:
    """Where an operation takes each of the sites."""
    own = coords[list(sites)]
    gap = (own @ rotation.T + shift)[:, None, :] - own[None, :, :]
    gap -= np.round(gap)
    nearest = np.linalg.norm(gap @ np.array(structure.lattice.matrix), axis=2).argmin(axis=1)
    return {site: sites[int(place)] for site, place in zip(sites, nearest, strict=True)}


def directions(edges: Sequence[Edge]) -> int:
    """In how many directions, 0 to 3, the best connected piece of a network of edges goes on for ever.

    >>> directions([(0, 0, (1, 0, 0))]), directions([(0, 1, (0, 0, 0))]), directions([(0, 1, (0, 0, 0)), (0, 1, (0, 1, 0))])
    (1, 0, 1)
    """
    beside: dict[int, list[tuple[int, FloatArray]]] = {}
    for first, second, cells in edges:
        step = np.array(cells, dtype=np.float64)
        beside.setdefault(first, []).append((second, step))
        beside.setdefault(second, []).append((first, -step))
    place: dict[int, FloatArray] = {}
    most = 0
    for begin in beside:
        if begin in place:
            continue
        place[begin] = np.zeros(3)
        waiting, loops = [begin], [np.zeros(3)]
        while waiting:
            here = waiting.pop()
            for there, step in beside[here]:
                if there in place:
                    loops.append(place[here] + step - place[there])
                else:
                    place[there] = place[here] + step
                    waiting.append(there)
        most = max(most, int(np.linalg.matrix_rank(np.array(loops))))
    return most
