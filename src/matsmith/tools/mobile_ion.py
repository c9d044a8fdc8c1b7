"""Which ion of a crystal moves: the one that was named, else the likeliest; and the refusal where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from matsmith.core.record import Outcome
from matsmith.knowledge.redox import ALKALI, ION_CHARGES


def mobile_ion(elements: Sequence[str]) -> str | None:
    """The ion of a structure that is likeliest to move.

    >>> mobile_ion(["Mg", "Li", "O"]), mobile_ion(["Mg", "Mn", "O"]), mobile_ion(["Ti", "O"])
    ('Li', 'Mg', None)
    """
    for symbol in (*ALKALI, *(s for s in ION_CHARGES if s not in ALKALI)):
        if symbol in elements:
            return symbol
    return None


def ion_of(
    elements: Sequence[str], *, formula: str, named: str | None, own_atoms: bool = True
) -> str | Outcome:
    """The ion to follow in a crystal of these elements, or the typed failure `no_ion`.

    `own_atoms` lets the atoms of an element move among themselves.
    """
    alone = own_atoms and len(elements) == 1
    ion = named or (elements[0] if alone else mobile_ion(elements))
    if ion is not None and ion in elements:
        return ion
    return Outcome.failed(
        "no_ion",
        f"{formula} holds no {ion or 'ion that usually moves'}.",
        hint=f"Name the element that moves: one of {', '.join(elements)}.",
    )
