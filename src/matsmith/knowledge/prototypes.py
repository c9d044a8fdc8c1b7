"""Structure types to decorate: the AFLOW prototypes that pymatgen carries, and how to put other elements into them.

Source of the types: Mehl et al., Comput. Mater. Sci. 136, S1 (2017) and Hicks et al., Comput. Mater. Sci. 161, S1 (2019), read from
`pymatgen/analysis/prototypes/aflow_prototypes.json.gz`. Source of the bond lengths: the data-mined radii of Chu et al., Comput. Mater.
Sci. 146, 184 (2018), r = r0 + k σ(X), which pymatgen ships.

The volume of a decoration. With q = (r_a + r_b) / d for every pair of atoms, the pairwise energy Σ (q/s)^14 - 2 (q/s)^7 is least
at the scale s^7 = Σ q^14 / Σ q^7. A weighted geometric mean of V s³ and the volume of spheres of covalent radius (Cordero et al., Dalton
Trans. 2008, 2832) gives the estimate. Unlike a rule on the shortest bond, it takes all contacts into account. Domain: solids at
ambient pressure; molecular crystals come out too small or too large.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from math import exp, gcd, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import check_elements
from matsmith.core.errors import DataError, StructureError
from matsmith.knowledge.prototype_names import BY_STRUKTURBERICHT, BY_TAG

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_REPULSIVE, _ATTRACTIVE = 14, 7
_REACH_ANGSTROM = 8.0
# Fitted to the measured volumes of the binary to quaternary compounds among the prototypes themselves (least absolute error).
_CONTACT_WEIGHT, _LOG_BIAS = 0.85, 0.243
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
    # Σ d^-7 and Σ d^-14 over the pairs of slots, (slots, slots): all that scaling and equivalence of slots need.
    _sums: tuple[FloatArray, FloatArray] = field(repr=False)

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
        counts = np.bincount(self.slot_of_site, minlength=len(self.slots)).astype(float)
        radii = _bond_radii(symbols, tuple(counts))
        contact = radii[:, None] + radii[None, :]
        low, high = self._sums
        scale7 = float((contact**_REPULSIVE * high).sum() / (contact**_ATTRACTIVE * low).sum())
        volume = abs(float(np.linalg.det(self.lattice_angstrom)))
        spheres = float(counts @ [4.0 / 3.0 * pi * _covalent_radius(symbol) ** 3 for symbol in symbols])
        by_contact = volume * scale7 ** (3.0 / 7.0)
        expected = exp(_LOG_BIAS) * by_contact**_CONTACT_WEIGHT * spheres ** (1.0 - _CONTACT_WEIGHT)
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
        return all(np.allclose(s[np.ix_(index, index)], s, rtol=1e-3) for s in self._sums)

    def _filled(self, symbols: tuple[str, ...], *, lattice: FloatArray) -> Structure:
        from pymatgen.core import Lattice, Structure

        species = [symbols[k] for k in self.slot_of_site.tolist()]
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
    path = _folder() / "analysis" / "prototypes" / "aflow_prototypes.json.gz"
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
    from pymatgen.core import Composition, Lattice

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
        _sums=_pair_sums(Lattice(lattice), frac, owner, n_slots=len(slots)),
    )


def _pair_sums(
    lattice: Any, frac: FloatArray, owner: NDArray[np.int64], *, n_slots: int
) -> tuple[FloatArray, FloatArray]:
    """Σ d^-7 and Σ d^-14 over pairs of atoms, (slots, slots), d in Å."""
    from pymatgen.optimization.neighbors import find_points_in_spheres  # pyright: ignore[reportUnknownVariableType]

    cartesian = np.ascontiguousarray(frac @ lattice.matrix)
    found: Any = find_points_in_spheres(
        cartesian,
        cartesian,
        r=_REACH_ANGSTROM,
        pbc=np.array([1, 1, 1], dtype=np.int64),
        lattice=np.ascontiguousarray(lattice.matrix),
        tol=1e-8,
    )
    centre, point, _, distance = found
    real = distance > 1e-3
    low, high = np.zeros((n_slots, n_slots)), np.zeros((n_slots, n_slots))
    pair = (owner[centre[real]], owner[point[real]])
    np.add.at(low, pair, distance[real] ** -float(_ATTRACTIVE))
    np.add.at(high, pair, distance[real] ** -float(_REPULSIVE))
    return low, high


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


def _folder() -> Path:
    spec = importlib.util.find_spec("pymatgen.analysis")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("pymatgen is not installed.", hint="Install matsmith with its dependencies.")
    return Path(next(iter(spec.submodule_search_locations))).parent


@cache
def _bond_radii(symbols: tuple[str, ...], counts: tuple[float, ...]) -> FloatArray:
    """Data-mined radius (slots,) in Å of each element next to the others; the covalent radius where none was mined."""
    weight = np.array(counts) / sum(counts)
    x = np.array([_electronegativity(symbol) for symbol in symbols])
    spread = float(np.sqrt(max(weight @ x**2 - (weight @ x) ** 2, 0.0)))
    mined = _mined_radii()
    return np.array([_radius_at(mined[s], spread) if s in mined else _covalent_radius(s) for s in symbols])


def _radius_at(parameters: tuple[float, float], spread: float) -> float:
    """r0 + k σ(X), in Å."""
    return parameters[0] + parameters[1] * spread


@cache
def _mined_radii() -> dict[str, tuple[float, float]]:
    from ruamel.yaml import YAML

    path = _folder() / "core" / "structure_prediction" / "DLS_bond_params.yaml"
    try:
        table: dict[str, dict[str, Any]] = YAML(typ="safe").load(path)  # pyright: ignore[reportUnknownMemberType]
    except OSError as error:
        raise DataError(
            "The table of data-mined bond lengths is missing.", hint="Reinstall pymatgen."
        ) from error
    mined = {symbol: (float(row["r"]), float(row["k"])) for symbol, row in table.items()}
    # The table's argon is -1.7e11 Å.
    return {
        symbol: values for symbol, values in mined.items() if 0.2 < values[0] < 3.0 and abs(values[1]) < 1.0
    }


@cache
def _electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    value = float(Element(symbol).data.get("X") or 0.0)
    # He, Ne and Ar have no value on Pauling's scale; krypton's stands for them.
    return value or 3.0


@cache
def _covalent_radius(symbol: str) -> float:
    from ase.data import atomic_numbers, covalent_radii

    return float(covalent_radii[atomic_numbers[symbol]])
