"""Colours of the elements in pictures of crystals: the customary hues (oxygen red, nitrogen blue, sulphur yellow), muted.

Elements of one family share a hue and differ in lightness, so that a picture with several metals stays readable.
"""

from __future__ import annotations

from matsmith.core.elements import SYMBOLS

_CHOSEN = {
    "H": "#e8e6e1", "He": "#c9e4e4", "Li": "#a67fd0", "Be": "#a9c46c", "B": "#e3a08f", "C": "#5d6470", "N": "#4a6fd4",
    "O": "#d8433f", "F": "#8fcf62", "Ne": "#a8d8df", "Na": "#9a63d6", "Mg": "#57a866", "Al": "#9fb0c4", "Si": "#d6b98c",
    "P": "#e58b36", "S": "#e5c53a", "Cl": "#55c25a", "Ar": "#7fc9d4", "K": "#8250c4", "Ca": "#3f9d7a", "Sc": "#b9bfc9",
    "Ti": "#7f93a8", "V": "#8593b5", "Cr": "#6f86c9", "Mn": "#9a75c2", "Fe": "#d97b3a", "Co": "#dd7f9b", "Ni": "#4fae7d",
    "Cu": "#c47a44", "Zn": "#7c86b2", "Ga": "#c08f8c", "Ge": "#6f9396", "As": "#b785d8", "Se": "#e09a2c", "Br": "#a54a35",
    "Kr": "#66b7c6", "Rb": "#6e3fb0", "Sr": "#2f9e63", "Y": "#7fd0cf", "Zr": "#7cbfc4", "Nb": "#6cb3bf", "Mo": "#57a3b0",
    "Tc": "#4b97a5", "Ru": "#3d8a97", "Rh": "#2f7d8b", "Pd": "#3a7184", "Ag": "#b4b9c2", "Cd": "#dcc78a", "In": "#a8857f",
    "Sn": "#6d8a92", "Sb": "#9b72b8", "Te": "#cf8428", "I": "#8a4aa0", "Xe": "#56a2b8", "Cs": "#5b2f9e", "Ba": "#2b8f4f",
    "Hf": "#62b0d6", "Ta": "#5aa0dc", "W": "#3f8bcb", "Re": "#3a7cae", "Os": "#356b98", "Ir": "#2d5b88", "Pt": "#c3c4cf",
    "Au": "#e2b93b", "Hg": "#a5a8c6", "Tl": "#a0645f", "Pb": "#646a78", "Bi": "#8f5fae", "Po": "#a86a1c", "At": "#76503f",
    "Rn": "#4c8497", "Fr": "#4a2488", "Ra": "#247f3e", "Ac": "#6fa7dd", "Th": "#5a9ce0", "Pa": "#4b8fdf", "U": "#3d83d6",
}  # fmt: skip
_LANTHANIDES = ("#70c5c9", "#2f8f9b")


def element_colour(symbol: str) -> str:
    """Colour of an element as `#rrggbb`; lanthanides run through one hue, what has no colour yet is grey.

    >>> element_colour("O")
    '#d8433f'
    """
    if symbol in _CHOSEN:
        return _CHOSEN[symbol]
    place = SYMBOLS.index(symbol) - SYMBOLS.index("La")
    if 0 <= place < 15:
        return mix(*_LANTHANIDES, share=place / 14)
    return "#8d93a0"


def mix(first: str, second: str, *, share: float) -> str:
    """Blend two colours; `share` is the part of the second.

    >>> mix("#000000", "#ffffff", share=0.5)
    '#808080'
    """
    channels = (
        round(int(first[place : place + 2], 16) * (1 - share) + int(second[place : place + 2], 16) * share)
        for place in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)
