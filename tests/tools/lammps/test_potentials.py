from __future__ import annotations

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.settings import Settings
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.potentials import Entry, catalogue, choose, covering
from matsmith.tools.lammps.program import missing, program, styles
from matsmith.tools.lammps.protocol import PREFERS
from matsmith.tools.lammps.simulation import Simulation
from matsmith.tools.lammps.structures import lattice_cell, repeated, usual_lattice
from matsmith.tools.registry import get_tool, tool_names

Simulate = Callable[..., Simulation]
_ANIONS = ["C", "N", "O", "F", "Cl", "Br", "I", "S", "Se", "Te", "P", "As"]
# Which elements an entry is tried with, where all together make no crystal.
_TRIED = {
    "alkali_halides_eim": ("Na", "Cl"),
    "ch_airebo": ("C",),
    "pdhhe": ("Pd",),
    "nialh_jea": ("Ni", "Al"),
    "fep_mm": ("Fe",),
}


@pytest.fixture(autouse=True)
def installed(md_settings: Settings) -> None:
    if missing(md_settings) is not None:
        pytest.skip("LAMMPS is not installed")


def _crystal(entry: Entry) -> Atoms:
    """A cell with about the distances that the elements have: an element's own crystal, zinc blende, or a mixed fcc one."""
    from ase.data import atomic_numbers, covalent_radii

    elements = _TRIED.get(entry.id, entry.elements)
    if len(elements) == 1 and elements[0] != "Bi":
        prototype, a, c = usual_lattice(elements[0])
        return repeated(lattice_cell(prototype, elements[0], a, c=c), (2, 2, 2))
    second = [symbol for symbol in elements if symbol in _ANIONS]
    first = [symbol for symbol in elements if symbol not in second]
    if not second or not first:
        first = second = list(elements)
    radii = [float(np.mean([covalent_radii[atomic_numbers[s]] for s in group])) for group in (first, second)]
    atoms = repeated(bulk("NaCl", "zincblende", a=4 / 3**0.5 * sum(radii), cubic=True), (2, 2, 2))
    symbols = [group[k % len(group)] for k in range(len(atoms) // 2) for group in (first, second)]
    atoms.set_chemical_symbols(symbols)
    return atoms


def test_every_potential_of_the_catalogue_loads_and_gives_an_energy(
    simulate: Simulate, md_settings: Settings
) -> None:
    """And those whose style this build lacks say so."""
    lacking = [entry for entry in catalogue().values() if not set(entry.pair_style.split()) <= styles("pair")]
    for entry in catalogue().values():
        if entry in lacking:
            continue
        simulation = simulate(_crystal(entry), named=entry.id, folder=entry.id)
        energy = simulation.run_static().potential_energy_ev / len(simulation.atoms)
        assert -30.0 < energy < 10.0, (entry.id, energy)
    assert len(lacking) <= 4
    for entry in lacking:
        with pytest.raises(DynamicsError) as caught:
            choose(entry.elements, named=entry.id, settings=md_settings)
        assert caught.value.code == "missing_style"


def test_files_and_elements_of_the_catalogue_are_sound() -> None:
    for entry in catalogue().values():
        assert entry.citation
        assert entry.fitted_for
        assert all((program().potentials_dir / file.name).is_file() for file in entry.files)
        assert all(set(group) <= set(entry.elements) for group in entry.needs)
        assert set(entry.names) <= set(entry.elements)


# Whose files name a preprint, a submission or the authors alone.
_PRINTED_LATER = {"ta_snap", "cu_pace", "sic_gw"}
_NO_PAPER = re.compile(r"CITATION: *(unknown|\?+|$)", re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize(
    "entry", [each for each in catalogue().values() if each.files], ids=lambda entry: entry.id
)
def test_a_file_of_the_catalogue_is_the_one_that_its_hash_and_its_citation_name(entry: Entry) -> None:
    """The citation shares an author, and its volume, page or number, with what the header of one of the files says."""
    heads: list[str] = []
    for file in entry.files:
        content = (program().potentials_dir / file.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256, file.name
        heads.append(content[:3000].decode("utf-8", "replace"))
    if "the file's header" in entry.citation or "names no paper" in entry.citation:
        told = [head.splitlines()[0] for head in heads if "CITATION:" in head.splitlines()[0]]
        named = [line for line in told if not _NO_PAPER.search(line) and re.search(r"\(\d{4}\)", line)]
        assert entry.id in _PRINTED_LATER or not named, "the file names a paper"
        return
    head = _plain(" ".join(heads))
    authors, _, rest = (
        entry.citation.partition(", Phys.") if ", Phys." in entry.citation else (entry.citation, "", "")
    )
    names = [word for word in re.findall(r"[A-Z][a-z]{2,}", _plain(authors)) if word.lower() in head.lower()]
    assert names, (entry.citation, head[:200])
    numbers = set(re.findall(r"\d{2,}", rest or entry.citation))
    if entry.id not in _PRINTED_LATER:
        assert numbers & set(re.findall(r"\d{2,}", head)), (entry.citation, head[:200])


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


@pytest.mark.parametrize(
    ("elements", "wanted"),
    [
        (["Cu"], "cu_mishin1"),
        (["Fe"], "fe_mm"),
        (["W"], "w_zhou"),
        (["Si"], "si_sw"),
        (["Ar"], "argon_lj"),
        (["Ni", "Co", "Cr", "Fe"], "mocnivfealcr_2nn"),
        (["Na", "Cl"], "alkali_halides_eim"),
        (["O", "Si"], "sio2_vashishta"),
    ],
)
def test_the_right_one_is_chosen_with_its_reason(
    elements: list[str], wanted: str, md_settings: Settings
) -> None:
    choice = choose(elements, settings=md_settings)
    assert choice.id == wanted
    assert "fitted for" in choice.reason


def test_what_is_asked_for_changes_the_choice(md_settings: Settings) -> None:
    assert choose(["Si"], property_name="melting", settings=md_settings).id == "si_sw"
    assert choose(["Si"], property_name="tensile", settings=md_settings).id == "si_tersoff_mod"
    assert all(
        choose(["Si"], property_name=name, settings=md_settings).id != "si_tersoff"
        for name in ("elastic", "x")
    )


def test_what_the_catalogue_is_good_or_poor_for_is_what_protocols_ask() -> None:
    said = {word for entry in catalogue().values() for word in (*entry.good_for, *entry.poor_for)}
    for name in tool_names():
        if name.startswith("md_"):
            get_tool(name)
    assert said
    assert said <= set(PREFERS.values())


def test_a_weak_potential_says_so(md_settings: Settings) -> None:
    choice = choose(["Si"], named="Si.tersoff", settings=md_settings)
    assert any("C44" in weakness for weakness in choice.weaknesses)


def test_chemistry_that_nothing_covers_is_sent_to_the_learned_potential(md_settings: Settings) -> None:
    with pytest.raises(DynamicsError, match="covers Li-O-P-S: use the learned one") as caught:
        choose(["Li", "P", "S", "O"], settings=md_settings)
    assert caught.value.code == "no_potential"
    assert choose(["Li", "P", "S", "O"], named="learned", settings=md_settings).learned


def test_compounds_are_not_offered_for_their_elements() -> None:
    assert all(entry.id not in ("gan_sw", "gaas_bop") for entry in covering(["Ga"]))
    assert not covering(["O"])
    assert all(entry.id != "ii_vi_sw" for entry in covering(["Cd", "Zn"]))


def test_wrong_elements_and_unknown_names_are_named(md_settings: Settings) -> None:
    with pytest.raises(DynamicsError) as caught:
        choose(["Al"], named="cu_mishin1", settings=md_settings)
    assert caught.value.code == "wrong_elements"
    with pytest.raises(DynamicsError, match="no potential") as caught:
        choose(["Cu"], named="cu_mishin9", settings=md_settings)
    assert "cu_mishin1" in caught.value.hint


def test_a_file_of_the_user_goes_by_its_content_and_a_damaged_one_fails_as_such(
    md_settings: Settings, tmp_path: Path, simulate: Simulate, copper: Callable[..., Atoms]
) -> None:
    from matsmith.tools.base import Deps

    shipped = choose(["Cu"], named="cu_mishin1", settings=md_settings)
    own = tmp_path / "my potential.txt"
    shutil.copyfile(shipped.sources["Cu_mishin1.eam.alloy"], own)
    choice = choose(["Cu"], user_file=own, user_style="eam/alloy", settings=md_settings)
    assert list(choice.files.values()) == list(shipped.files.values())
    own.write_text("\n".join(own.read_text().splitlines()[:500]))
    damaged = choose(["Cu"], user_file=own, user_style="eam/alloy", settings=md_settings)
    assert damaged.hash != choice.hash
    simulation = Simulation(
        atoms=copper(2), choice=damaged, folder=tmp_path / "run", deps=Deps(settings=md_settings), cores=1
    )
    with pytest.raises(DynamicsError) as caught:
        simulation.run_static()
    assert caught.value.code in ("bad_potential", "crashed")


def test_a_shipped_file_that_was_changed_is_refused(
    md_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from matsmith.tools.lammps import potentials

    (tmp_path / "Cu_mishin1.eam.alloy").write_text("another", encoding="ascii")
    changed = replace(program(), potentials_dir=tmp_path)
    monkeypatch.setattr(potentials, "program", lambda: changed)
    with pytest.raises(DynamicsError, match="not the one") as caught:
        choose(["Cu"], named="cu_mishin1", settings=md_settings)
    assert caught.value.code == "bad_potential"
