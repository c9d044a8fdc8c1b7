from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.agents.report.cells import cell_svg, covalent_radius_angstrom, display_radius_angstrom
from matsmith.agents.report.element_colours import element_colour
from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS

HALF = 2.106
ROCKSALT_PRIMITIVE = Crystal(
    lattice=((0, HALF, HALF), (HALF, 0, HALF), (HALF, HALF, 0)),
    species=("Mg", "O"),
    positions=((0, 0, 0), (0.5, 0.5, 0.5)),
)
PEROVSKITE = Crystal(
    lattice=((3.905, 0, 0), (0, 3.905, 0), (0, 0, 3.905)),
    species=("Sr", "Ti", "O", "O", "O"),
    positions=((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)),
)


def draw(crystal: Crystal) -> ElementTree.Element:
    return ElementTree.fromstring(cell_svg(crystal, key="k", title="a < b"))


def atoms(tree: ElementTree.Element, symbol: str) -> int:
    return sum(circle.get("fill") == f"url(#k-{symbol})" for circle in tree.iter("circle"))


def test_a_primitive_cell_is_drawn_as_the_conventional_one_with_its_boundary_atoms() -> None:
    # Of rock salt one kind lies on 8 corners and 6 faces, the other on 12 edges and in the middle: 14 and 13.
    tree = draw(ROCKSALT_PRIMITIVE)
    assert sorted((atoms(tree, "Mg"), atoms(tree, "O"))) == [13, 14]
    bonds = [line for line in tree.iter("line") if line.get("stroke-width") and line.get("stroke")]
    assert (
        len(bonds) == 54 * 2 * 2
    )  # 54 nearest neighbours in the box, two halves each, each with its outline


def test_titanium_in_perovskite_stands_in_one_octahedron_and_strontium_has_no_sticks() -> None:
    tree = draw(PEROVSKITE)
    assert (atoms(tree, "Sr"), atoms(tree, "Ti"), atoms(tree, "O")) == (8, 1, 6)
    assert len(list(tree.iter("polygon"))) == 8
    bonds = [line for line in tree.iter("line") if line.get("stroke")]
    assert len(bonds) == 6 * 2 * 2


def test_everything_lies_within_the_picture() -> None:
    for crystal in (ROCKSALT_PRIMITIVE, PEROVSKITE):
        for circle in draw(crystal).iter("circle"):
            x, y, r = (float(circle.get(name, "nan")) for name in ("cx", "cy", "r"))
            assert r > 0
            assert x - r >= -2
            assert x + r <= 342
            assert y - r >= -2
            assert y + r <= 302


def test_nearer_spheres_of_one_kind_are_larger_and_drawn_later() -> None:
    radii = [
        float(circle.get("r", 0))
        for circle in draw(ROCKSALT_PRIMITIVE).iter("circle")
        if circle.get("fill") == "url(#k-Mg)"
    ]
    assert radii == sorted(radii)
    assert radii[-1] > radii[0] * 1.1


def test_the_picture_says_what_it_is() -> None:
    tree = draw(PEROVSKITE)
    assert tree.get("role") == "img"
    assert tree.findtext("title") == "a < b"
    assert "3 O" in (tree.findtext("desc") or "")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(0, 1, allow_nan=False)] * 3), min_size=1, max_size=8),
    st.sampled_from(["O", "Fe", "Cs", "H", "Og"]),
    st.floats(0.5, 40),
)
def test_no_arrangement_of_atoms_breaks_it(
    positions: list[tuple[float, float, float]], symbol: str, length: float
) -> None:
    crystal = Crystal(
        lattice=((length, 0, 0), (0.3 * length, length, 0), (0, 0.2, 2 * length)),
        species=("Mg", *[symbol] * (len(positions) - 1)),
        positions=tuple(positions),
    )
    text = cell_svg(crystal, key="k", title="t")
    assert "nan" not in text
    ElementTree.fromstring(text)


def test_a_large_cell_is_a_small_picture() -> None:
    side = 8
    positions = tuple(
        (i / side, j / side, k / side) for i in range(side) for j in range(side) for k in range(4)
    )
    species = tuple("Mg" if index % 3 else "O" for index in range(len(positions)))
    crystal = Crystal(lattice=((17, 0, 0), (0, 17.5, 0), (0, 0, 40)), species=species, positions=positions)
    text = cell_svg(crystal, key="k", title="t")
    assert len(text) < 300_000


def test_every_element_has_a_colour_and_a_radius() -> None:
    for symbol in SYMBOLS:
        assert len(element_colour(symbol)) == 7
        assert 0.2 < display_radius_angstrom(symbol) < 1.0
    assert covalent_radius_angstrom("O") == pytest.approx(0.66)
