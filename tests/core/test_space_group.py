"""spglib's answer is the same whichever way another library turned its errors."""

import pytest
import spglib.error

from matsmith.core.crystal import Crystal
from matsmith.core.space_group import spglib_or_none

_OVERLAPPING = (
    [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]],
    [[0.0, 0.0, 0.0], [0.001, 0.0, 0.0]],
    [8, 8],
)


@pytest.mark.parametrize("returns_none", [True, False])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_symmetry_is_none_under_both_conventions(
    monkeypatch: pytest.MonkeyPatch, returns_none: bool
) -> None:
    monkeypatch.setattr(spglib.error, "OLD_ERROR_HANDLING", returns_none)
    for call in ("get_symmetry_dataset", "find_primitive", "standardize_cell"):
        assert spglib_or_none(call, _OVERLAPPING, tolerance_angstrom=0.05) is None


@pytest.mark.parametrize("returns_none", [True, False])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_crystal_without_standard_cell_still_has_an_id(
    monkeypatch: pytest.MonkeyPatch, returns_none: bool
) -> None:
    lattice, positions, _ = _OVERLAPPING
    monkeypatch.setattr(spglib.error, "OLD_ERROR_HANDLING", returns_none)
    crystal = Crystal(
        lattice=tuple(map(tuple, lattice)),  # type: ignore[arg-type]
        species=("O", "O"),
        positions=tuple(map(tuple, positions)),  # type: ignore[arg-type]
    )
    assert crystal.canonical_hash


def test_other_errors_are_not_swallowed() -> None:
    with pytest.raises(TypeError):
        spglib_or_none("find_primitive", _OVERLAPPING, tolerance_angstrom=0.05, no_such_option=True)
