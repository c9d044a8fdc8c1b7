from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.elements import SYMBOLS
from matsmith.models.diffusion.element_code import element_codes, place


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("H", (1, 1, "s", 1)),
        ("He", (1, 18, "s", 2)),
        ("O", (2, 16, "p", 6)),
        ("Ti", (4, 4, "d", 4)),
        ("Zn", (4, 12, "d", 12)),
        ("La", (6, 0, "f", 3)),
        ("Yb", (6, 0, "f", 16)),
        ("Lu", (6, 3, "d", 3)),
        ("Hf", (6, 4, "d", 4)),
        ("Pb", (6, 14, "p", 4)),
        ("U", (7, 0, "f", 6)),
        ("Og", (7, 18, "p", 8)),
    ],
)
def test_place_in_the_periodic_table(symbol: str, expected: tuple[int, int, str, int]) -> None:
    assert place(SYMBOLS.index(symbol) + 1) == expected


def test_no_two_elements_share_a_code_and_a_mask_has_none() -> None:
    codes = element_codes().numpy()
    assert len(np.unique(codes, axis=0)) == 119
    assert codes[0].sum() == 0
    assert (codes[1:].sum(1) == 4).all()


@pytest.mark.parametrize("number", [0, 119, -1])
def test_a_number_outside_the_table_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="atomic number"):
        place(number)
