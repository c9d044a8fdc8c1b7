"""What the network is told about an element: its period, group, block and number of valence electrons.

An element that training has seen rarely is then close to its neighbours in the table, and what it does is carried over from them.
"""

from __future__ import annotations

import torch
from torch import Tensor

N_ELEMENTS = 118
MASKED = 0
"""The atomic number that stands for a species not yet chosen, and for padding."""

_NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)
_PERIODS, _GROUPS, _BLOCKS, _VALENCES = 7, 19, 4, 16
CODE_WIDTH = _PERIODS + _GROUPS + _BLOCKS + _VALENCES


def place(number: int) -> tuple[int, int, str, int]:
    """Return period (1-7), group (1-18, 0 in the f block), block and number of valence electrons of an atomic number.

    Valence electrons are those outside the noble-gas core, less a closed d or f shell below a p shell or a d shell.
    Lanthanum and actinium count as f elements, lutetium and lawrencium as group 3.

    >>> place(8), place(26), place(58), place(2)
    ((2, 16, 'p', 6), (4, 8, 'd', 8), (6, 0, 'f', 4), (1, 18, 's', 2))
    """
    if not 1 <= number <= N_ELEMENTS:
        raise ValueError(f"{number} is not the atomic number of an element.")
    period = next(index for index, last in enumerate(_NOBLE_GASES, start=1) if number <= last)
    position = number - (_NOBLE_GASES[period - 2] if period > 1 else 0)
    length = _NOBLE_GASES[period - 1] - (_NOBLE_GASES[period - 2] if period > 1 else 0)
    if position <= 2:
        group = 18 if number == 2 else position
        return period, group, "s", position
    if length == 32 and position <= 16:
        return period, 0, "f", position
    group = 18 - (length - position)
    return (period, group, "d", group) if group <= 12 else (period, group, "p", group - 10)


def element_codes() -> Tensor:
    """Return the codes of all elements, shape (119, 46), row 0 (a masked species) all zero."""
    codes = torch.zeros(N_ELEMENTS + 1, CODE_WIDTH)
    for number in range(1, N_ELEMENTS + 1):
        period, group, block, valence = place(number)
        codes[number, period - 1] = 1
        codes[number, _PERIODS + group] = 1
        codes[number, _PERIODS + _GROUPS + "spdf".index(block)] = 1
        codes[number, _PERIODS + _GROUPS + _BLOCKS + valence - 1] = 1
    return codes
