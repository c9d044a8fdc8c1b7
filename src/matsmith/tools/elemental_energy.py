"""Energy of an element in its lowest form, by the potential that the rest of a comparison is made with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from matsmith.core.errors import PotentialError
from matsmith.core.settings import Settings
from matsmith.tools.potential import identity, is_default, potential

if TYPE_CHECKING:
    from matsmith.models.potentials.interface import ArrayPotential

_KEPT: dict[tuple[str, str], float] = {}


def elemental_energy_ev_per_atom(symbol: str, *, settings: Settings) -> float:
    """Energy per atom of the element's lowest form, in the potential's own reference.

    The default's are those of the phases that ship. With another potential the element's known types are relaxed, once a
    process. Raises `PotentialError` when none can be.
    """
    if is_default(settings):
        shipped = _shipped().get(symbol)
        if shipped is not None:
            return shipped
    key = (identity(settings), symbol)
    if key not in _KEPT:
        _KEPT[key] = _relaxed(symbol, potential(settings))
    return _KEPT[key]


def compound_reference_ev(element: str, *, amounts: Mapping[str, float], settings: Settings) -> float:
    """Energy per atom of an element on the scale on which compounds of `amounts` are compared with it.

    The default's references are fitted to compounds (knowledge/offsets.py): the potential is off for elements, and not by the
    same for their compounds.
    """
    if is_default(settings):
        from matsmith.knowledge.offsets import shipped_offsets, terms

        fitted = shipped_offsets().mu_ev
        for term in terms(amounts):
            if term.partition("|")[0] == element and (term in fitted or element in fitted):
                return fitted.get(term, fitted.get(element, 0.0))
    return elemental_energy_ev_per_atom(element, settings=settings)


@lru_cache(maxsize=1)
def _shipped() -> dict[str, float]:
    from matsmith.knowledge.phases import element_energies

    return element_energies()


def _relaxed(symbol: str, model: ArrayPotential) -> float:
    from matsmith.models.relaxation import RelaxationFailure, relax
    from matsmith.tools.reference_elements import elemental_starts

    starts = [start.structure for start in elemental_starts(symbol)]
    found = [
        result.energy_ev_per_atom
        for _, result in relax(starts, potential=model)
        if not isinstance(result, RelaxationFailure)
    ]
    if not found:
        raise PotentialError(
            f"The potential gives no energy of {symbol} as an element.",
            hint="Use a potential that covers it, such as the default.",
        )
    return min(found)
