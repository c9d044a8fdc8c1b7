"""A still picture of a unit cell as SVG: shaded spheres, bonds, coordination polyhedra and cell edges, sorted by depth.

Perspective from slightly above; x' = x D / (D - z) with the viewer at distance D. Atoms on a face, an edge or a corner are
drawn on all of them, as is customary. Bonds join atoms nearer than 1.2 times the sum of their covalent radii (Cordero et
al., Dalton Trans. 2008, 2832), in compounds only between a nonmetal and another element.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from matsmith.agents.report.element_colours import element_colour, mix
from matsmith.agents.report.markup import Markup, element, join
from matsmith.core.elements import SYMBOLS
from matsmith.core.space_group import spglib_or_none

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matsmith.core.crystal import Crystal

    Array = NDArray[np.float64]

_WIDTH, _HEIGHT, _PADDING = 340.0, 300.0, 20.0
_ANIONS = frozenset({"N", "O", "F", "S", "Cl", "Se", "Br", "I"})
_NONMETALS = frozenset({*_ANIONS, "H", "B", "C", "Si", "P", "Ge", "As", "Te"})
_NO_CENTRES = _ANIONS | {"H", "C"}
_BOND_REACH = 1.2
_MOST_CONVENTIONAL_SITES = 100
_MOST_COMPLETED_SITES = 24
_MOST_BONDED_SITES = 250
_Site = tuple[int, int, int, int]
_AZIMUTH_DEGREES, _ELEVATION_DEGREES = 24.0, 13.0
_CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Atoms to draw: `positions` (n, 3) and the cell's vectors as rows (3, 3) in Å, bonds, and neighbours in the crystal."""

    symbols: list[str]
    positions: Array
    lattice: Array
    neighbours: list[list[int]]
    coordination: list[int]


def cell_svg(crystal: Crystal, *, key: str, title: str) -> Markup:
    """Draw the conventional cell; `key` keeps the names of its gradients apart from those of other pictures in the page."""
    scene = _build(*_conventional(crystal))
    camera = _Camera(scene)
    shapes: list[tuple[float, Markup]] = _edges(scene, camera)
    shapes += _bonds(scene, camera)
    shapes += _polyhedra(scene, camera)
    shapes += _atoms(scene, camera, key=key)
    shapes.sort(key=lambda shape: shape[0])
    amounts = ", ".join(f"{amount} {symbol}" for symbol, amount in crystal.amounts.items())
    return element(
        "svg",
        element("title", title),
        element("desc", f"Unit cell drawn in perspective; the computed cell holds {amounts}."),
        element("defs", *(_gradient(symbol, key=key) for symbol in dict.fromkeys(scene.symbols))),
        element("g", *(markup for _, markup in shapes)),
        _axes(scene, camera),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        class_="cell",
    )


def _conventional(crystal: Crystal) -> tuple[Array, Array, list[str]]:
    """Lattice, fractional positions and symbols of the conventional cell, or of the cell as given when that is too large."""
    lattice = np.array(crystal.lattice, dtype=float)
    positions = np.array(crystal.positions, dtype=float)
    numbers = [SYMBOLS.index(symbol) + 1 for symbol in crystal.species]
    cell: Any = (lattice, positions, numbers)
    standard: Any = spglib_or_none(
        "standardize_cell", cell, to_primitive=False, no_idealize=False, tolerance_angstrom=0.02
    )
    if standard is not None and len(standard[2]) <= max(_MOST_CONVENTIONAL_SITES, len(numbers)):
        lattice, positions, numbers = standard
    return (
        np.asarray(lattice, dtype=float),
        np.asarray(positions, dtype=float),
        [SYMBOLS[int(number) - 1] for number in numbers],
    )


def _build(lattice: Array, fractional: Array, symbols: list[str]) -> _Scene:
    """Turn the cell so that c points up and a to the right, repeat what lies on its sides, and complete what lies within.

    A cation inside the cell with four or six neighbours gets those of them that lie outside.
    """
    wrapped = np.mod(np.round(fractional, 5), 1.0)
    wrapped[wrapped > 1.0 - 1e-3] = 0.0
    lengths = np.linalg.norm(lattice, axis=1)
    z = lattice[2] / lengths[2]
    x = lattice[0] - np.dot(lattice[0], z) * z
    x /= np.linalg.norm(x)
    turned = lattice @ np.array([x, np.cross(z, x), z]).T
    bonds = periodic_bonds(turned, wrapped, symbols)
    drawn: dict[_Site, None] = {}
    for index, place in enumerate(wrapped):
        for corner in _CORNERS:
            if np.all((corner == 0) | (place < 1e-3)):
                drawn[(index, int(corner[0]), int(corner[1]), int(corner[2]))] = None
    if len(symbols) <= _MOST_COMPLETED_SITES:
        for index, place in enumerate(wrapped):
            if symbols[index] not in _NO_CENTRES and np.all(place > 1e-3) and len(bonds[index]) in (4, 6):
                drawn.update(dict.fromkeys(bonds[index]))
    numbers = {site: number for number, site in enumerate(drawn)}
    neighbours = [
        [
            numbers[other]
            for j, *shift in bonds[i]
            if (other := (j, shift[0] + u, shift[1] + v, shift[2] + w)) in numbers
        ]
        for i, u, v, w in drawn
    ]
    return _Scene(
        symbols=[symbols[site[0]] for site in drawn],
        positions=np.array([wrapped[site[0]] + np.array(site[1:]) for site in drawn]) @ turned,
        lattice=turned,
        neighbours=neighbours,
        coordination=[len(bonds[site[0]]) for site in drawn],
    )


def periodic_bonds(lattice: Array, fractional: Array, symbols: list[str]) -> list[list[_Site]]:
    """Bonded neighbours of each atom of the cell: (index of the atom, translations along a, b and c); none in a huge cell."""
    if len(symbols) > _MOST_BONDED_SITES:
        return [[] for _ in symbols]
    shifts = np.array(list(product((-1, 0, 1), repeat=3)))
    radii = np.array([covalent_radius_angstrom(symbol) for symbol in symbols])
    nonmetal = np.array([symbol in _NONMETALS for symbol in symbols])
    kinds = np.array([SYMBOLS.index(symbol) for symbol in symbols])
    images = (fractional[None] + shifts[:, None]) @ lattice
    several, has_anion = len(set(symbols)) > 1, any(symbol in _ANIONS for symbol in symbols)
    bonds: list[list[_Site]] = []
    for index in range(len(symbols)):
        gaps = np.linalg.norm(images - fractional[index] @ lattice, axis=-1)
        reach = radii + radii[index]
        near = (gaps < _BOND_REACH * reach) & (gaps > 1e-3)
        if several:
            # Between like atoms only true covalent bonds; between metals none when an anion holds them apart.
            near &= (kinds != kinds[index]) | (nonmetal & nonmetal[index] & (gaps < 1.08 * reach))
            if has_anion:
                near &= nonmetal | nonmetal[index]
        near &= gaps < 1.3 * np.min(gaps[near], initial=np.inf)
        found = [(int(atom), *(int(x) for x in shifts[image])) for image, atom in np.argwhere(near)]
        bonds.append(cast("list[_Site]", found))
    # A large cation with a full shell of nine or more would hide everything behind its sticks.
    crowded = [several and not nonmetal[index] and len(found) > 8 for index, found in enumerate(bonds)]
    return [
        [] if crowded[index] else [site for site in found if not crowded[site[0]]]
        for index, found in enumerate(bonds)
    ]


class _Camera:
    """Turns positions in Å into places on the picture and depths; larger depth is nearer."""

    def __init__(self, scene: _Scene) -> None:
        azimuth, elevation = np.radians(_AZIMUTH_DEGREES), np.radians(_ELEVATION_DEGREES)
        ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
        # Columns: to the right, up, towards the viewer, who stands before the xz plane, a little to the right and above.
        self.axes = np.array([[ca, -se * sa, ce * sa], [sa, se * ca, -ce * ca], [0.0, ce, se]])
        self.centre = scene.lattice.sum(axis=0) / 2
        corners = _CORNERS @ scene.lattice
        extent = float(np.linalg.norm(corners - self.centre, axis=1).max())
        self.distance = 5.0 * extent
        radius = max(display_radius_angstrom(symbol) for symbol in scene.symbols)
        flat = np.array([self._flat(point)[:2] for point in np.vstack([corners, scene.positions])])
        low, high = flat.min(axis=0) - radius, flat.max(axis=0) + radius
        self.scale = float(
            min(
                (_WIDTH - 2 * _PADDING) / (high[0] - low[0]),
                (_HEIGHT - 2 * _PADDING) / (high[1] - low[1]),
                46.0,
            )
        )
        self.middle = (low + high) / 2

    def _flat(self, point: Array) -> Array:
        seen = (point - self.centre) @ self.axes
        factor = self.distance / (self.distance - seen[2])
        return np.array([seen[0] * factor, seen[1] * factor, seen[2], factor])

    def place(self, point: Array) -> tuple[float, float, float, float]:
        """Where a point stands: x and y on the picture, depth in Å, and pixels per Å there."""
        x, y, depth, factor = self._flat(point)
        return (
            float(_WIDTH / 2 + (x - self.middle[0]) * self.scale),
            float(_HEIGHT / 2 - (y - self.middle[1]) * self.scale),
            float(depth),
            float(factor * self.scale),
        )


def covalent_radius_angstrom(symbol: str) -> float:
    """Covalent radius of an element (Cordero 2008, as ASE carries it)."""
    from ase.data import covalent_radii

    return float(covalent_radii[SYMBOLS.index(symbol) + 1])


def display_radius_angstrom(symbol: str) -> float:
    """Radius of the sphere that stands for an atom: grows with the covalent radius, but less."""
    return 0.22 + 0.23 * covalent_radius_angstrom(symbol)


def _bonds(scene: _Scene, camera: _Camera) -> list[tuple[float, Markup]]:
    """Each bond as two halves in the colours of their atoms, from the sphere's surface to the middle."""
    shapes: list[tuple[float, Markup]] = []
    for first, found in enumerate(scene.neighbours):
        colour = element_colour(scene.symbols[first])
        radius = display_radius_angstrom(scene.symbols[first])
        for second in found:
            between = scene.positions[second] - scene.positions[first]
            start = scene.positions[first] + 0.9 * radius * between / np.linalg.norm(between)
            middle = scene.positions[first] + between / 2
            x1, y1, _, _ = camera.place(start)
            x2, y2, _, per_angstrom = camera.place(middle)
            depth = camera.place((start + middle) / 2)[2]
            for width, stroke in (
                (0.19, mix(colour, "#101820", share=0.38)),
                (0.13, mix(colour, "#ffffff", share=0.12)),
            ):
                line = _line(x1, y1, x2, y2, stroke=stroke, stroke_width=f"{width * per_angstrom:.1f}")
                shapes.append((depth - 0.001 * width, line))
    return shapes


def _polyhedra(scene: _Scene, camera: _Camera) -> list[tuple[float, Markup]]:
    """Translucent faces of complete tetrahedra and octahedra of anions around a cation."""
    from scipy.spatial import ConvexHull, QhullError

    shapes: list[tuple[float, Markup]] = []
    for index, found in enumerate(scene.neighbours):
        symbol = scene.symbols[index]
        if symbol in _NO_CENTRES or len(found) != scene.coordination[index]:
            continue
        # A polyhedron that the side of the cell cuts is left out.
        if len(found) not in (4, 6) or any(scene.symbols[other] not in _ANIONS for other in found):
            continue
        corners = scene.positions[found]
        try:
            faces: Any = ConvexHull(corners).simplices
        except QhullError:
            continue  # a flat square has no volume
        colour = element_colour(symbol)
        for face in faces:
            points = [camera.place(corners[corner]) for corner in face]
            shapes.append(
                (
                    sum(point[2] for point in points) / 3,
                    element(
                        "polygon",
                        points=" ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in points),
                        fill=colour,
                        fill_opacity="0.2",
                        stroke=colour,
                        stroke_opacity="0.55",
                        stroke_width="0.8",
                        stroke_linejoin="round",
                    ),
                )
            )
    return shapes


def _atoms(scene: _Scene, camera: _Camera, *, key: str) -> list[tuple[float, Markup]]:
    shapes: list[tuple[float, Markup]] = []
    for symbol, position in zip(scene.symbols, scene.positions, strict=True):
        x, y, depth, per_angstrom = camera.place(position)
        colour = mix(element_colour(symbol), "#101820", share=0.55)
        shapes.append(
            (
                depth + 0.05,
                element(
                    "circle",
                    cx=f"{x:.1f}",
                    cy=f"{y:.1f}",
                    r=f"{display_radius_angstrom(symbol) * per_angstrom:.1f}",
                    fill=f"url(#{key}-{symbol})",
                    stroke=colour,
                    stroke_width="0.7",
                ),
            )
        )
    return shapes


def _edges(scene: _Scene, camera: _Camera) -> list[tuple[float, Markup]]:
    """The twelve edges, in pieces so that an atom can stand before one end and behind the other."""
    pieces = 10
    shapes: list[tuple[float, Markup]] = []
    for axis in range(3):
        for corner in _CORNERS[_CORNERS[:, axis] == 0]:
            step = np.eye(3)[axis] / pieces
            for number in range(pieces):
                start, end = (
                    (corner + number * step) @ scene.lattice,
                    (corner + (number + 1) * step) @ scene.lattice,
                )
                x1, y1, z1, _ = camera.place(start)
                x2, y2, z2, _ = camera.place(end)
                shapes.append(((z1 + z2) / 2 - 0.1, _line(x1, y1, x2, y2, class_="edge")))
    return shapes


def _axes(scene: _Scene, camera: _Camera) -> Markup:
    """Three small arrows with the names of the axes, in the lower left corner."""
    x0, y0 = 30.0, _HEIGHT - 26.0
    arrows: list[Markup] = []
    for name, vector in zip("abc", scene.lattice, strict=True):
        direction = (vector / np.linalg.norm(vector)) @ camera.axes
        x, y = x0 + 22 * float(direction[0]), y0 - 22 * float(direction[1])
        far = float(np.hypot(direction[0], direction[1])) or 1.0
        tx, ty = x + 8 * float(direction[0]) / far, y - 8 * float(direction[1]) / far
        arrows.append(element("line", x1=x0, y1=y0, x2=x, y2=y, class_=f"axis axis-{name}"))
        arrows.append(
            element("text", name, x=tx, y=ty + 3.5, text_anchor="middle", class_=f"axis-name axis-{name}")
        )
    return element("g", join(arrows), class_="axes", aria_hidden="true")


def _line(x1: float, y1: float, x2: float, y2: float, **attributes: str) -> Markup:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", **attributes)


def _gradient(symbol: str, *, key: str) -> Markup:
    colour = element_colour(symbol)
    stops = (
        (0, mix(colour, "#ffffff", share=0.72)),
        (0.42, mix(colour, "#ffffff", share=0.1)),
        (1, mix(colour, "#101820", share=0.36)),
    )
    return element(
        "radialGradient",
        *(element("stop", offset=f"{offset:g}", stop_color=stop) for offset, stop in stops),
        id=f"{key}-{symbol}",
        cx="0.5",
        cy="0.5",
        r="0.56",
        fx="0.34",
        fy="0.28",
    )
