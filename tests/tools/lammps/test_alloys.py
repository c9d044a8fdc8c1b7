"""Compositions as people write them, lattices by rule, and cells that are as mixed as a random alloy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import MatsmithError, SpecError, ToolError
from matsmith.tools.lammps.alloys import (
    alloy_cell,
    alloy_of,
    amounts_in,
    lattice_of,
    lattice_parameter,
    read_alloy,
)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Fe0.5Ni0.3Cr0.2", {"Fe": 0.5, "Ni": 0.3, "Cr": 0.2}),
        ("CoCrFeNi", {"Co": 0.25, "Cr": 0.25, "Fe": 0.25, "Ni": 0.25}),
        ("Al-Cu", {"Al": 0.5, "Cu": 0.5}),
        ("Al-4Cu at.%", {"Al": 0.96, "Cu": 0.04}),
        ("Cu 70 Zn 30 at.%", {"Cu": 0.7, "Zn": 0.3}),
        ("Cu70 Zn30 at %", {"Cu": 0.7, "Zn": 0.3}),
        ("Al 10 Cu mol %", {"Al": 0.1, "Cu": 0.9}),
    ],
)
def test_what_is_written_is_read(text: str, meaning: dict[str, float]) -> None:
    assert dict(read_alloy(text).fractions) == pytest.approx(meaning)


def test_per_cent_by_weight_become_atoms() -> None:
    # 4 g of copper (63.546) in 96 g of aluminium (26.982).
    copper = (4 / 63.546) / (4 / 63.546 + 96 / 26.9815)
    assert read_alloy("Al-4Cu wt.%").fractions["Cu"] == pytest.approx(copper, rel=1e-3)
    titanium = read_alloy("Ti-6Al-4V", basis="wt")
    assert titanium.fractions["Al"] == pytest.approx(0.102, abs=2e-3)
    assert titanium.elements == ("Ti", "Al", "V")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no alloy"),
        ("Al-4Cu", "of the atoms or of the weight"),
        ("Al-4Xx wt.%", "cannot be read"),
        ("Al-4Cu wt.% at.%", "mixes"),
        ("Al-120Cu at.%", "nothing for Al"),
        ("Al 50 Cu 20 at.%", "adds up to 70"),
        ("Al-Cu-4Mg at.%", "leaves open"),
        ("Al; shell rm", "cannot be read|not a chemical formula"),
        ("A" * 200, "no alloy"),
        ("Al0Cu1", "not a chemical formula|above zero"),
    ],
)
def test_what_is_no_alloy_is_said_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        read_alloy(text)
    assert caught.value.hint


@given(st.text(max_size=60))
def test_any_text_is_an_alloy_or_a_typed_refusal(text: str) -> None:
    try:
        alloy = read_alloy(text)
    except MatsmithError:
        return
    assert sum(alloy.fractions.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "lattice"),
    [
        ("Al0.9Cu0.1", "fcc"),
        ("Ti-6Al-4V wt.%", "hcp"),
        ("CoCrFeMnNi", None),  # manganese has no simple lattice
        ("CoCrFeNi", "fcc"),  # 8.25 electrons: Guo et al. 2011 list it as fcc
        ("NbMoTaW", "bcc"),
        ("AlCoCrFeNi", "bcc"),  # 7.2 electrons: both are found; iron's own is taken
    ],
)
def test_lattices_follow_the_rule(text: str, lattice: str | None) -> None:
    if lattice is None:
        with pytest.raises(ToolError, match="Mn"):
            lattice_of(read_alloy(text))
        return
    choice = lattice_of(read_alloy(text))
    assert choice.reason
    if text == "AlCoCrFeNi":
        assert "fcc and bcc mix" in choice.reason
    else:
        assert choice.lattice == lattice


def test_the_elements_keep_their_own_lattice_parameter() -> None:
    # ASE's reference states: Al 4.05 Å, W 3.165 Å at room temperature.
    assert lattice_parameter(alloy_of({"Al": 1}), "fcc") == pytest.approx(4.05, abs=0.01)
    assert lattice_parameter(alloy_of({"W": 1}), "bcc") == pytest.approx(3.16, abs=0.01)


@given(
    st.dictionaries(st.sampled_from(["Al", "Cu", "Ni", "Fe"]), st.floats(0.01, 1.0), min_size=1),
    st.integers(4, 200),
)
def test_whole_atoms_add_up_and_none_is_lost(amounts: dict[str, float], sites: int) -> None:
    counts = amounts_in(alloy_of(amounts), sites)
    assert sum(counts.values()) == sites
    assert all(count >= 1 for count in counts.values())


@pytest.mark.parametrize("kind", ["special", "random"])
@pytest.mark.parametrize(("text", "atoms"), [("Al0.75Cu0.25", 32), ("Mo0.5W0.5", 54)])
def test_a_cell_is_the_same_for_the_same_seed(text: str, atoms: int, kind: str) -> None:
    first, again = (alloy_cell(read_alloy(text), atoms=atoms, kind=kind, seed=5) for _ in range(2))
    assert first.crystal == again.crystal
    assert len(first.crystal.species) == atoms
    assert first.deviation < 1e-9
    assert alloy_cell(read_alloy(text), atoms=atoms, kind=kind, seed=6).crystal != first.crystal


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "ordered"}, "kind"),
        ({"lattice": "sc"}, "lattice"),
        ({"atoms": 1}, "atoms"),
        ({"atoms": 10**6}, "atoms"),
    ],
)
def test_wrong_wishes_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        alloy_cell(read_alloy("AlCu"), **options)  # pyright: ignore[reportArgumentType]
