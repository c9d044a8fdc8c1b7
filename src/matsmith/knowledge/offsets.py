"""Formation energies from a potential's energies: fitted elemental references, and the error that is left.

E_f = e - Σ x_i μ_i, with e the potential's energy per atom. The μ_i are fitted so that E_f of compounds agrees with the table of DFT
formation energies; some elements have a second μ where the table's method treats them otherwise (d metals with a Hubbard U in
oxides and fluorides). A form of a pure element is held against the potential's own lowest form of it: the potential is off by
up to 0.2 eV/atom for elements, and not by the same for their compounds. The phases that ship are put on the same basis, which
halves their error against the potential's own elements. The fit is made by `benchmarks/reference_phases.py`; its parameters
are ours, from the dataset that `offsets.json` cites.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from matsmith.core.errors import DataError

CompoundClass = Literal[
    "oxide",
    "nitride",
    "halide",
    "chalcogenide",
    "hydride",
    "pnictide",
    "carbide_boride_silicide",
    "intermetallic",
]

OFFSETS_FILE = Path(__file__).with_name("offsets.json")
CLASSES: tuple[CompoundClass, ...] = (
    "oxide",
    "nitride",
    "halide",
    "chalcogenide",
    "hydride",
    "pnictide",
    "carbide_boride_silicide",
    "intermetallic",
)
# Metals that the Materials Project computes with a Hubbard U when oxygen or fluorine is there (Jain et al., APL Mater. 1, 011002, 2013).
HUBBARD_METALS = frozenset({"V", "Cr", "Mn", "Fe", "Co", "Ni", "Mo", "W"})
HUBBARD_ANIONS = frozenset(("O", "F"))
# Elements with a correction as anions in the releases of 2019 or 2020 (Wang et al. 2021, Sci. Rep. 11, 15496).
CORRECTED = frozenset({"H", "N", "O", "F", "Si", "S", "Cl", "Se", "Br", "Sb", "Te", "I"})
_HALOGENS = frozenset({"F", "Cl", "Br", "I"})
_CHALCOGENS = frozenset({"S", "Se", "Te"})
_HINT = "Reinstall matsmith, or run benchmarks/reference_phases.py --write with the table at hand."


@dataclass(frozen=True, slots=True)
class Offsets:
    """The fit: μ in eV by term (an element, or `Fe|U` for iron beside oxygen or fluorine), and one-sigma errors by class.

    `sigma_ev_per_atom` is the potential's own normal error in the cross-validated residuals, by class and for `all`, apart
    from the excess of wrong polymorphs, which `polymorphs` describes (`ground_share`, `excess_ev_per_atom`).
    `unfitted_bias_ev_per_atom` is what the potential is off by in the median when nothing is fitted and the elements are the
    Materials Project's own.
    """

    mu_ev: Mapping[str, float]
    n_formulas: Mapping[str, int]
    sigma_ev_per_atom: Mapping[str, float]
    unfitted_bias_ev_per_atom: float
    polymorphs: Mapping[str, float]
    method: str
    date: str
    source: str
    weights_hash: str


def formation_energy(composition: Mapping[str, float], energy_ev_per_atom: float) -> tuple[float, float]:
    """Formation energy and its one-sigma error against the DFT table, eV/atom, from the potential's energy per atom.

    `composition` holds the amounts of the elements. Raises `DataError` for an element without a reference.
    """
    offsets = shipped_offsets()
    sigma = offsets.sigma_ev_per_atom
    error = float(sigma.get(compound_class(composition), sigma["all"]))
    if len(composition) == 1:
        return energy_ev_per_atom - _own_element(*composition, offsets=offsets), error
    reference = sum(share * _mu(term, offsets) for term, share in terms(composition).items())
    return energy_ev_per_atom - reference, error


def is_uncorrected(composition: Mapping[str, float]) -> bool:
    """Whether no release of the Materials Project corrects energies of these elements: they mean the same in all of them.

    >>> is_uncorrected({"Al": 1, "Ni": 3}), is_uncorrected({"Mg": 1, "O": 1})
    (True, False)
    """
    return not (CORRECTED & composition.keys())


def terms(composition: Mapping[str, float]) -> dict[str, float]:
    """Share of each fitted term in a composition; the shares add to one.

    >>> terms({"Fe": 2, "O": 3}), terms({"Fe": 1, "Al": 1})
    ({'Fe|U': 0.4, 'O': 0.6}, {'Fe': 0.5, 'Al': 0.5})
    """
    total = sum(composition.values())
    beside = bool(HUBBARD_ANIONS & composition.keys())
    return {
        f"{symbol}|U" if beside and symbol in HUBBARD_METALS else symbol: amount / total
        for symbol, amount in composition.items()
    }


def compound_class(composition: Mapping[str, float]) -> CompoundClass:
    """The class whose error applies, by the most electronegative kind of element.

    >>> compound_class({"Ca": 1, "Ti": 1, "O": 3}), compound_class({"Al": 1, "Ni": 1})
    ('oxide', 'intermetallic')
    """
    symbols = composition.keys()
    if symbols & _HALOGENS:
        return "halide"
    if "O" in symbols:
        return "oxide"
    if "N" in symbols:
        return "nitride"
    if symbols & _CHALCOGENS:
        return "chalcogenide"
    if "H" in symbols:
        return "hydride"
    if symbols & {"P", "As"}:
        return "pnictide"
    return "carbide_boride_silicide" if symbols & {"B", "C", "Si", "Ge"} else "intermetallic"


def shipped_offsets() -> Offsets:
    """The fit that ships. Raises `DataError` when it is missing, damaged or of another potential than the shipped phases."""
    return _load(OFFSETS_FILE)


@cache
def _load(path: Path) -> Offsets:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        offsets = Offsets(**content)
        numbers = [
            *offsets.mu_ev.values(),
            *offsets.sigma_ev_per_atom.values(),
            offsets.unfitted_bias_ev_per_atom,
        ]
        sound = all(isfinite(number) for number in numbers) and offsets.sigma_ev_per_atom["all"] > 0
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"The fitted offsets in {path.name} are missing or damaged.", hint=_HINT) from error
    if not sound:
        raise DataError(f"The fitted offsets in {path.name} hold no number where one belongs.", hint=_HINT)
    return offsets


def _mu(term: str, offsets: Offsets) -> float:
    value = offsets.mu_ev.get(term, offsets.mu_ev.get(term.partition("|")[0]))
    if value is None:
        raise DataError(
            f"There is no reference energy for {term.partition('|')[0]}.",
            hint="The potential does not cover it.",
        )
    return value


def _own_element(symbol: str, *, offsets: Offsets) -> float:
    """The potential's energy of the lowest form of an element; its fitted reference where none ships."""
    from matsmith.knowledge.phases import element_energies

    own = element_energies().get(symbol)
    return _mu(symbol, offsets) if own is None else own
