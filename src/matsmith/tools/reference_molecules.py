"""Molecular crystals that no prototype gives and whose lack would make hydroxides and carbonates look stable: water and carbon dioxide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True, slots=True, eq=False)
class MolecularStart:
    """A molecular crystal to relax: its binary system, a name in place of a prototype, and where it starts."""

    system: tuple[str, str]
    name: str
    structure: Structure


def molecular_starts() -> list[MolecularStart]:
    """Ordered ice (Leadbetter et al., J. Chem. Phys. 82, 424, 1985) and dry ice, with rounded positions: only where to start."""
    return [
        MolecularStart(("H", "O"), "ice XI", _ice()),
        MolecularStart(("C", "O"), "dry ice", _dry_ice()),
    ]


def _ice() -> Structure:
    from pymatgen.core import Lattice, Structure

    positions = {
        "O": [(0.0, 0.665, 0.063), (0.5, 0.826, -0.063)],
        "H": [(0.0, 0.664, 0.196), (0.0, 0.541, 0.018), (0.677, 0.775, -0.018)],
    }
    return _from_space_group(
        Structure,
        "Cmc2_1",
        Lattice.orthorhombic(4.50, 7.80, 7.33),
        [s for s, sites in positions.items() for _ in sites],
        [site for sites in positions.values() for site in sites],
    )


def _dry_ice() -> Structure:
    from pymatgen.core import Lattice, Structure

    x = 1.16 / (5.55 * 3.0**0.5)
    return _from_space_group(Structure, "Pa-3", Lattice.cubic(5.55), ["C", "O"], [(0.0, 0.0, 0.0), (x, x, x)])


def _from_space_group(
    kind: type[Structure],
    symbol: str,
    lattice: object,
    species: list[str],
    positions: list[tuple[float, float, float]],
) -> Structure:
    """The primitive cell with the sites of a space group."""
    full = kind.from_spacegroup(symbol, lattice, species, positions)  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
    return full.get_primitive_structure()
