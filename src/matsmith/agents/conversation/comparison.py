"""Which of several structures has more of a property, in words, and whether the errors allow to say so.

Values are compared within one method only. Two are told apart where the probability that the greater is greater is at least 0.84, as for every
verdict; errors count as independent, which for one method is on the careful side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matsmith.agents.report.wording import plain_title, value_text
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record

_SURE = 0.84
_MORE = {
    "bulk_modulus": "is stiffer against compression",
    "shear_modulus": "is stiffer against shear",
    "youngs_modulus": "is stiffer in tension",
    "hardness": "is harder",
    "density": "is denser",
    "price": "is made of dearer elements",
    "energy_above_hull": "lies higher above the hull",
    "thermal_conductivity": "conducts heat better",
    "thermal_expansion": "expands more",
}


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of one structure, with the record it stands in."""

    of: str
    name: str
    record: Record

    @property
    def quantity(self) -> Quantity:
        """The value itself."""
        return self.record.quantities[self.name]

    @property
    def written(self) -> str:
        """Value, error, unit and record."""
        return f"{value_text(self.quantity)} [{self.record.id[:8]}]"

    @property
    def reference(self) -> str:
        """The value by its name."""
        return self.record.reference(self.name)


def told_apart(one: Quantity, other: Quantity) -> bool:
    """Whether the greater of two values is greater beyond their errors.

    >>> near, far = Quantity(value=110, unit="GPa", sigma=8), Quantity(value=160, unit="GPa", sigma=8)
    >>> told_apart(Quantity(value=105, unit="GPa", sigma=8), near), told_apart(near, far)
    (False, True)
    """
    apart = Quantity(
        value=abs(one.value - other.value), unit=one.unit, sigma=math.hypot(one.sigma, other.sigma)
    )
    return apart.value > 0 and apart.probability(low=0.0) >= _SURE


def compared(values: Sequence[Value]) -> tuple[str, str]:
    """One sentence on two or more values of one property by one method: with references, and filled in."""
    ranked = sorted(values, key=lambda one: -one.quantity.value)
    raw, written = [one.reference for one in ranked], [one.written for one in ranked]
    name = ranked[0].name
    if len(ranked) == 2:
        first, second = ranked
        if told_apart(first.quantity, second.quantity):
            more = _MORE.get(name, f"has the higher {plain_title(name)}")
            head = f"{first.of} {more} than {second.of}"
        else:
            head = f"{first.of} and {second.of} are not told apart in {plain_title(name)} within the error"
        return f"{head}: {raw[0]} against {raw[1]}.", f"{head}: {written[0]} against {written[1]}."
    same = [
        f"{one.of} and {other.of}"
        for one, other in pairwise(ranked)
        if not told_apart(one.quantity, other.quantity)
    ]
    tail = f" Not told apart within the error: {'; '.join(same)}." if same else ""
    head = f"By falling {plain_title(name)}"

    def listed(shown: Sequence[str]) -> str:
        each = ", ".join(f"{one.of} {text}" for one, text in zip(ranked, shown, strict=True))
        return f"{head}: {each}.{tail}"

    return listed(raw), listed(written)
