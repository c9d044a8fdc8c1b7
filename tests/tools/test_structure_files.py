"""Files that are crystals, files that are none, and thousands that are nearly one: read, or refused by name; never a crash."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.groups import SpaceGroup

from matsmith.core.crystal import Crystal
from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.potentials.periodic_graph import EVERY_ELEMENT, check_cell, find_neighbours
from matsmith.tools.cif_size import atoms_described
from matsmith.tools.structure_files import UnreadableStructure, is_structure_file, read_structure

CIF = """data_TiO2
_cell_length_a 4.594
_cell_length_b 4.594
_cell_length_c 2.959
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_Int_Tables_number 1
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ti1 Ti 0.0 0.0 0.0 1
Ti2 Ti 0.5 0.5 0.5 1
O1 O 0.305 0.305 0.0 1
O2 O 0.695 0.695 0.0 1
O3 O 0.195 0.805 0.5 1
O4 O 0.805 0.195 0.5 1
"""
POSCAR = """rocksalt
1.0
0.000 2.105 2.105
2.105 0.000 2.105
2.105 2.105 0.000
Mg O
1 1
direct
0.0 0.0 0.0
0.5 0.5 0.5
"""


def read(folder: Path, name: str, text: str) -> Crystal:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_structure(path)


def refused(folder: Path, name: str, text: str) -> str:
    with pytest.raises(UnreadableStructure) as caught:
        read(folder, name, text)
    assert caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.code


def test_sound_files_are_read(tmp_path: Path) -> None:
    assert read(tmp_path, "a.cif", CIF).formula == "TiO2"
    for name in ("POSCAR", "b.vasp", "c.poscar", "CONTCAR"):
        assert read(tmp_path, name, POSCAR).formula == "MgO"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("0.0 0.0 0.0 1\n", "0.0 0.0 0.0 0.5\n", "disordered"),
        ("0.0 0.0 0.0 1\n", "0.0 0.0 0.0 0.0\n", "occupancy"),
        ("0.0 0.0 0.0 1\n", "0.0 0.0 0.0 .\n", "occupancy"),
        ("0.0 0.0 0.0 1\n", "0.0 0.0 0.0 ?\n", "occupancy"),
        ("0.0 0.0 0.0 1\n", "0.0 0.0 0.0 -1\n", "occupancy"),
        ("0.305 0.305 0.0", "0.305 ? 0.0", "bad_position"),
        ("0.305 0.305 0.0", "0.305 . 0.0", "bad_position"),
        ("_cell_length_b 4.594", "_cell_length_b -4.594", "bad_cell"),
        ("_cell_length_a 4.594", "_cell_length_a 0", "bad_cell"),
        ("_cell_length_a 4.594", "_cell_length_a 0.0001", "bad_cell"),
        ("_cell_length_a 4.594", "_cell_length_a 4594000", "bad_cell"),
        ("_cell_length_a 4.594", "_cell_length_a nan", "bad_cell"),
        ("_cell_angle_alpha 90", "_cell_angle_alpha 0.01", "bad_cell"),
        ("_cell_angle_alpha 90", "_cell_angle_alpha 1000", "bad_cell"),
        ("Ti1 Ti", "Qq1 Qq", "no_element"),
        ("loop_\n_atom_site_label", "_atom_site_label", "unreadable"),
        ("data_TiO2", "<html><body>404</body></html>", "unreadable"),
    ],
)
def test_what_is_wrong_has_a_name(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in CIF
    found = refused(tmp_path, "a.cif", CIF.replace(old, new))
    # pymatgen meets some of these first; what matters is a name and a sentence.
    assert found in (code, "unreadable")


@pytest.mark.parametrize(
    "text", ["", "\n\n\n", "not a crystal", "\x00\x01\x02", "loop_\n" * 2000, "{" * 5000]
)
@pytest.mark.parametrize("name", ["a.cif", "POSCAR", "a.vasp"])
def test_what_is_no_crystal_is_told(tmp_path: Path, name: str, text: str) -> None:
    assert refused(tmp_path, name, text) in ("unreadable", "empty")


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.cif"
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UnreadableStructure):
        read_structure(path)


def test_a_missing_occupancy_counts_as_whole(tmp_path: Path) -> None:
    bare = CIF.replace("_atom_site_occupancy\n", "").replace(" 1\n", "\n")
    assert read(tmp_path, "a.cif", bare) == read(tmp_path, "b.cif", CIF)


def test_a_folder_and_nothing_are_no_files(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.cif"):
        with pytest.raises(UnreadableStructure) as caught:
            read_structure(path)
        assert caught.value.code == "no_file"


def test_too_many_atoms_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    many = Structure(
        Lattice.cubic(60),
        ["Cu"] * 5832,
        [[i / 18, j / 18, k / 18] for i in range(18) for j in range(18) for k in range(18)],
    )
    path = tmp_path / "POSCAR"
    many.to(str(path), fmt="poscar")
    with pytest.raises(UnreadableStructure) as caught:
        read_structure(path)
    assert caught.value.code == "too_large"


def many_sites(count: int) -> str:
    head, _, _ = CIF.partition("Ti1 Ti")
    places = np.random.default_rng(0).random((count, 3)).round(5)
    rows = "\n".join(f"O{number} O {x} {y} {z} 1" for number, (x, y, z) in enumerate(places))
    return f"{head}{rows}\n"


def _unread(*_: object, **__: object) -> None:
    pytest.fail("the parser was given a file that its text alone refuses")


def test_a_huge_cif_is_refused_by_its_text_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Structure, "from_file", _unread)
    with pytest.raises(UnreadableStructure, match="holds 14000 atoms") as caught:
        read(tmp_path, "huge.cif", many_sites(14_000))
    assert caught.value.code == "too_large"
    assert "5000" in caught.value.hint


def test_atoms_that_symmetry_makes_are_counted_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Structure, "from_file", _unread)
    faces = many_sites(40).replace(
        "_symmetry_Int_Tables_number 1", "_symmetry_space_group_name_H-M 'F m -3 m'"
    )
    listed = faces.replace("loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n", "")
    with pytest.raises(
        UnreadableStructure, match=r"holds 7[56]\d\d atoms"
    ):  # 40 general positions of 192, some within a thousandth of a mirror
        read(tmp_path, "symmetric.cif", listed)


@pytest.mark.parametrize("number", [225, 221, 194, 141, 62])
def test_the_count_is_that_of_the_parser(number: int) -> None:
    group = SpaceGroup.from_int_number(number)
    places = [
        [0, 0, 0],
        [0.25, 0.25, 0.25],
        [1 / 3, 2 / 3, 0.25],
        [0.125, 0.125, 0.125],
        [0.1, 0.23, 0.37],
        [0.3333, 0.6667, 0.5],
    ]
    operations = [each.affine_matrix for each in group.symmetry_ops]
    wanted = sum(len(group.get_orbit(place, tol=0.001)) for place in places)
    assert atoms_described(np.array(places), operations) == wanted
    doubled = np.array([*places, *places])
    assert atoms_described(doubled, operations) == wanted, "sites that share a place are one"


def test_names_of_structure_files() -> None:
    for name in ("a.cif", "A.CIF", "b.vasp", "POSCAR", "POSCAR_1", "CONTCAR.gz", "x.poscar"):
        assert is_structure_file(Path(name))
    for name in ("a.txt", "relax.json", "cif", "INCAR"):
        assert not is_structure_file(Path(name))


TOKENS = ["nan", "inf", "-1", "0", "1e308", "1e-308", "?", ".", "''", "loop_", "data_", "Xx", "T", "D", "0.5", "99999",
          "'x,y,z'", "-x,-y,-z", "1/0", "é", "_cell_length_a", "_atom_site_occupancy", "#", ";", "1(2)", "90", "Uue", "O2-",
          "Fe3+", "selective", "cartesian", "-4", "\t", ""]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """The text with one to four of its words, lines or characters replaced, dropped, doubled or exchanged."""
    for _ in range(draw(st.integers(1, 4))):
        lines = text.split("\n")
        place = draw(st.integers(0, len(lines) - 1))
        words = lines[place].split(" ")
        word = draw(st.integers(0, len(words) - 1))
        match draw(st.integers(0, 6)):
            case 0:
                words[word] = draw(st.sampled_from(TOKENS))
            case 1:
                words[word] = repr(draw(st.floats(width=32)))
            case 2:
                words = []
            case 3:
                words = [*words, *words]
            case 4:
                lines.insert(draw(st.integers(0, len(lines))), lines[place])
            case 5:
                at = draw(st.integers(0, max(0, len(lines[place]) - 1)))
                new = draw(st.characters(codec="utf-8", exclude_categories=("Cs",)))
                words = [lines[place][:at] + new + lines[place][at + 1 :]]
            case _:
                lines = lines[: max(1, place)]
                return "\n".join(lines)
        lines[place] = " ".join(words)
        text = "\n".join(lines)
    return text


def read_or_refusal(path: Path) -> Crystal | UnreadableStructure:
    try:
        return read_structure(path)
    except UnreadableStructure as error:
        return error


def survives(path: Path, text: str) -> None:
    """Either it is refused by name, or it is a crystal that the potentials' first checks take in or refuse."""
    path.write_text(text, encoding="utf-8", errors="replace")
    crystal = read_or_refusal(path)
    if isinstance(crystal, UnreadableStructure):
        assert crystal.message
        assert crystal.hint
        return
    assert crystal.volume_angstrom3 > 0
    assert crystal.canonical_hash
    assert np.isfinite(crystal.positions).all()
    arrays = CrystalArrays.from_structure(crystal.to_pymatgen())
    if check_cell(arrays, covered=EVERY_ELEMENT) is None:
        find_neighbours(arrays, reach_angstrom=6.0)


FUZZ = settings(
    max_examples=1000,
    deadline=5000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(text=mutated(CIF))
def test_a_thousand_mutated_cifs(tmp_path: Path, text: str) -> None:
    survives(tmp_path / "a.cif", text)


@FUZZ
@given(text=mutated(POSCAR))
def test_a_thousand_mutated_poscars(tmp_path: Path, text: str) -> None:
    survives(tmp_path / "POSCAR", text)
