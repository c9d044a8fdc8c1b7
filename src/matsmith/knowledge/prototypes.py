"""Structure types to decorate: the AFLOW prototypes that pymatgen carries, and how to put other elements into them.

Source: Mehl et al., Comput. Mater. Sci. 136, S1 (2017) and Hicks et al., Comput. Mater. Sci. 161, S1 (2019), read from
`pymatgen/analysis/prototypes/aflow_prototypes.json.gz`. How the volume of a decoration is guessed stands in `prototype_volumes.py`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import check_elements
from matsmith.core.errors import DataError, StructureError
from matsmith.knowledge.prototype_names import BY_STRUKTURBERICHT, BY_TAG
from matsmith.knowledge.prototype_volumes import ContactSums, contact_sums, expected_volume, pymatgen_folder

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
MODEL_ALLOYS = frozenset({"AB11CD3_cP16_221_a_dg_b_c", "AB12C3_cI32_229_a_h_b", "AB4C3_cI16_229_a_c_b"})
"""Ordered cells that stand for random Cr-Fe-Ni alloys in the library; no compound is known to take them."""
# Entries as shipped whose atoms overlap, whose cell is a fraction of the real one, or whose symmetry is not what the tag states.
_DAMAGED = frozenset(
    {
        "AB_mP4_11_e_e",
        "AB2_hP24_194_ef_fgh",
        "ABC_cP12_198_a_a_a",
        "AB2_oF72_43_ab_3b",
        "A_aP4_2_aci",
        "A2B_oP24_61_2c_c",
        "AB3_tI16_140_b_ah",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Prototype:
    """A structure type, with the compound that it was found in.

    `slots` are that compound's own elements by alphabet, as the letters of the AFLOW tag count them; `stoichiometry` is the reduced
    amount of each slot; `slot_of_site` (n,) is the slot of each atom of the primitive cell, `lattice_angstrom` (3, 3) holds its
    vectors as rows and `frac_coords` (n, 3) the positions.
    """

    name: str
    common_names: tuple[str, ...]
    strukturbericht: str
    compound: str
    slots: tuple[str, ...]
    stoichiometry: tuple[int, ...]
    space_group: int
    lattice_angstrom: FloatArray = field(repr=False)
    frac_coords: FloatArray = field(repr=False)
    slot_of_site: NDArray[np.int64] = field(repr=False)
    # All that the volume of a decoration and the equivalence of slots depend on.
    _contacts: ContactSums = field(repr=False)

    @property
    def atoms(self) -> int:
        """Number of atoms in the primitive cell."""
        return len(self.slot_of_site)

    @property
    def label(self) -> str:
        """The AFLOW name with the common one, such as `AB_cF8_225_a_b (rocksalt)`."""
        return f"{self.name} ({self.common_names[0]})" if self.common_names else self.name

    @property
    def is_single_element(self) -> bool:
        """True for a structure type of an element."""
        return len(self.slots) == 1

    def structure(self) -> Structure:
        """The prototype's own compound as a primitive cell."""
        return self._filled(self.slots, lattice=self.lattice_angstrom)

    def symbols(self, assignment: Mapping[str, str]) -> tuple[str, ...]:
        """The element of each slot. Raises `StructureError` unless every slot gets one and no two the same."""
        if set(assignment) != set(self.slots):
            raise StructureError(
                f"{self.name} has the slots {', '.join(self.slots)}, not {', '.join(assignment) or 'none'}.",
                hint="Assign an element to each slot.",
            )
        chosen = tuple(assignment[slot] for slot in self.slots)
        if len(check_elements(chosen)) != len(chosen):
            raise StructureError(
                f"{self.name} cannot hold {chosen[0]} in two slots.",
                hint="Assign a different element to each slot.",
            )
        return chosen

    def scaled_lattice(self, symbols: tuple[str, ...]) -> FloatArray:
        """Lattice (3, 3) in Å at the volume expected for the elements given by slot."""
        counts = np.bincount(self.slot_of_site, minlength=len(self.slots))
        volume = abs(float(np.linalg.det(self.lattice_angstrom)))
        expected = expected_volume(
            symbols, tuple(counts.tolist()), contacts=self._contacts, volume_angstrom3=volume
        )
        return self.lattice_angstrom * (expected / volume) ** (1.0 / 3.0)

    def distinct_assignments(self, elements: tuple[str, ...]) -> list[tuple[str, ...]]:
        """All ways to put the given elements, one a slot, that give different crystals; elements by slot."""
        if len(elements) != len(self.slots):
            return []
        symmetric = [p for p in permutations(range(len(self.slots))) if self._is_symmetry(p)]
        found: list[tuple[str, ...]] = []
        for order in permutations(elements):
            if not any(tuple(order[k] for k in p) in found for p in symmetric):
                found.append(order)
        return found

    def _is_symmetry(self, permutation: tuple[int, ...]) -> bool:
        """True when exchanging the slots so leaves all distances between them as they are."""
        if any(self.stoichiometry[k] != self.stoichiometry[p] for k, p in enumerate(permutation)):
            return False
        index = np.array(permutation)
        return all(
            np.allclose(s[np.ix_(index, index)], s, rtol=1e-3)
            for s in (self._contacts.attractive, self._contacts.repulsive)
        )

    def _filled(self, symbols: tuple[str, ...], *, lattice: FloatArray) -> Structure:
        from pymatgen.core import Lattice, Structure

        species: list[str] = [symbols[k] for k in self.slot_of_site.tolist()]
        return Structure(Lattice(lattice), species, self.frac_coords)


def decorate(prototype: Prototype, assignment: Mapping[str, str]) -> Structure:
    """Put other elements into a prototype's slots, at the volume expected for them.

    Raises `StructureError` when a slot is missing or two get the same element.

    >>> rocksalt = by_common_name("rock salt")[0]
    >>> decorate(rocksalt, {"Cl": "O", "Na": "Mg"}).composition.reduced_formula
    'MgO'
    """
    symbols = prototype.symbols(assignment)
    return prototype._filled(symbols, lattice=prototype.scaled_lattice(symbols))  # pyright: ignore[reportPrivateUsage]


def prototypes(*, atoms_max: int = 20) -> tuple[Prototype, ...]:
    """All sound prototypes whose primitive cell has at most so many atoms, in the order of the library."""
    return tuple(p for p in _all() if p.atoms <= atoms_max)


def by_name(name: str) -> Prototype:
    """The prototype of this AFLOW name. Raises `StructureError` when there is none."""
    for prototype in _all():
        if prototype.name == name:
            return prototype
    raise StructureError(f"There is no prototype {name!r}.", hint="Names look like AB_cF8_225_a_b.")


def by_common_name(name: str) -> tuple[Prototype, ...]:
    """Prototypes called so: a common name, a mineral, a compound, a Strukturbericht symbol or an AFLOW tag.

    Case, spaces, hyphens and a plural s do not matter. Empty when the library has no such type (garnet, pyrochlore).

    >>> [p.compound for p in by_common_name("Zinc-Blende")]
    ['ZnS']
    """
    wanted = _plain(name)
    index = _by_plain_name()
    return index.get(wanted) or index.get(wanted.removesuffix("s"), ())


def common_names() -> tuple[str, ...]:
    """Every common name that `by_common_name` knows, for planners that look for them in text."""
    return tuple(dict.fromkeys(name for p in _all() for name in p.common_names))


def with_stoichiometry(stoichiometry: tuple[int, ...], *, atoms_max: int = 20) -> tuple[Prototype, ...]:
    """Prototypes with these reduced amounts, in any order of the slots: (1, 1, 3) finds the perovskites."""
    wanted = sorted(stoichiometry)
    return tuple(p for p in prototypes(atoms_max=atoms_max) if sorted(p.stoichiometry) == wanted)


def library_version() -> str:
    """Which library of prototypes is read, for records."""
    from importlib.metadata import version

    return f"aflow_prototypes of pymatgen-core {version('pymatgen-core')}"


@cache
def _all() -> tuple[Prototype, ...]:
    path = pymatgen_folder() / "analysis" / "prototypes" / "aflow_prototypes.json.gz"
    try:
        entries: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
        read = [_read(entry) for entry in entries]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(
            f"The library of prototypes {path.name} is missing or damaged.", hint="Reinstall pymatgen."
        ) from error
    tags = [prototype.name for prototype in read]
    named = [p if tags.count(p.name) == 1 else _renamed(p, f"{p.name}-{p.compound}") for p in read]
    kept: dict[str, Prototype] = {}
    for prototype in named:
        if prototype.name not in _DAMAGED and not prototype.name.startswith("sigma"):
            kept.setdefault(prototype.name, _with_names(prototype))
    return tuple(kept.values())


def _read(entry: dict[str, Any]) -> Prototype:
    from pymatgen.core import Composition

    crystal, tags = entry["snl"], entry["tags"]
    symbols = [str(site["species"][0]["element"]) for site in crystal["sites"]]
    slots = tuple(sorted(set(symbols)))
    owner = np.array([slots.index(symbol) for symbol in symbols], dtype=np.int64)
    lattice = np.array(crystal["lattice"]["matrix"], dtype=np.float64)
    frac = np.mod(np.array([site["abc"] for site in crystal["sites"]], dtype=np.float64), 1.0)
    counts = np.bincount(owner, minlength=len(slots))
    strukturbericht = str(tags["strukturbericht"])
    mineral = str(tags["mineral"]).strip()
    return Prototype(
        name=str(tags["aflow"]),
        common_names=(mineral,) if mineral else (),
        strukturbericht="" if strukturbericht == "None" else strukturbericht,
        compound=Composition(dict(zip(slots, counts.tolist(), strict=True))).reduced_formula,
        slots=slots,
        stoichiometry=tuple(int(c) // gcd(*counts.tolist()) for c in counts),
        space_group=int(str(tags["aflow"]).split("_")[2]),
        lattice_angstrom=lattice,
        frac_coords=frac,
        slot_of_site=owner,
        _contacts=contact_sums(lattice, frac, owner, n_slots=len(slots)),
    )


def _renamed(prototype: Prototype, name: str) -> Prototype:
    from dataclasses import replace

    return replace(prototype, name=name)


def _with_names(prototype: Prototype) -> Prototype:
    from dataclasses import replace

    curated = BY_STRUKTURBERICHT.get(prototype.strukturbericht, ()) + BY_TAG.get(prototype.name, ())
    if prototype.name.startswith("ABC3_hR10_167") and prototype.compound != "CaCO3":
        curated = tuple(n for n in curated if n != "calcite")
    mineral = tuple(n for n in prototype.common_names if _plain(n) not in {_plain(c) for c in curated})
    return replace(prototype, common_names=curated + mineral)


@cache
def _by_plain_name() -> dict[str, tuple[Prototype, ...]]:
    index: dict[str, tuple[Prototype, ...]] = {}
    for prototype in _all():
        names = (*prototype.common_names, prototype.name, prototype.compound, prototype.strukturbericht)
        for key in dict.fromkeys(_plain(n) for n in names if n):
            # A compound with several polymorphs (ZnS, C) must not make "zincblende" ambiguous, only its own formula.
            index[key] = (*index.get(key, ()), prototype)
    return index


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
