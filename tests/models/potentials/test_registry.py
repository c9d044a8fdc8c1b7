"""Potentials by name: found, missing, misspelt; every one that is installed keeps the contract."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import PotentialError, UsageError
from matsmith.models.potentials import contract, registry


def sample(elements: frozenset[str]) -> Structure:
    """A small crystal off its minimum, of elements that the potential knows."""
    if {"Mg", "O"} <= elements:
        lattice = 4.3 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
        cell = Structure(lattice, ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    else:
        cell = Structure(Lattice.tetragonal(2.7, 3.6), ["Cu", "Au"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    generator = np.random.default_rng(5)
    lattice = cell.lattice.matrix @ (np.eye(3) + 0.02 * generator.normal(size=(3, 3)))
    return Structure(lattice, cell.species, cell.frac_coords + 0.01 * generator.normal(size=(len(cell), 3)))


@pytest.mark.parametrize("name", [entry.name for entry in registry.installed() if not entry.fetches])
def test_every_installed_potential_keeps_the_contract(name: str) -> None:
    entry = registry.entry_of(name)
    potential = registry.load(entry, device="cpu")
    assert potential.name == name
    assert len(potential.weights_hash) == 64
    contract.check_all(potential, [sample(potential.elements)])


def test_the_default_comes_first_and_the_universal_ones_are_known() -> None:
    names = registry.potential_names()
    assert names[0] == registry.DEFAULT == "chgnet"
    assert {"mace", "sevennet", "mattersim", "orb", "grace", "emt"} <= set(names)
    assert registry.entry_of("chgnet").installed
    assert registry.entry_of("CHGNet").name == "chgnet"


def test_a_model_can_be_named() -> None:
    assert registry.entry_of("mace").model == "medium-mpa-0"
    assert registry.entry_of("mace:/some/where/a.model").model == "/some/where/a.model"


@pytest.mark.parametrize(
    ("choice", "says"),
    [("mase", "Did you mean mace"), ("", "There are: chgnet"), ("mace:", "no model"), ("chgnet:9.9", "9.9")],
)
def test_what_does_not_exist_is_one_sentence(choice: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        registry.entry_of(choice)
    assert says in str(caught.value)


def test_a_missing_package_comes_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        assert name == "mace"

    monkeypatch.setattr(registry, "find_spec", nowhere)
    entry = registry.entry_of("mace")
    assert not entry.installed
    with pytest.raises(PotentialError) as caught:
        registry.load(entry, device="cpu")
    assert caught.value.hint == 'Run `pip install "matsmith[mace]"`.'


def test_weights_that_cannot_be_had_are_one_sentence() -> None:
    def make(model: str, device: str) -> Any:
        raise OSError("no route\nto host")

    entry = registry.PotentialEntry(
        name="far", title="far", package="ase", module="ase", model="m", source="", fetches=True, make=make
    )
    with pytest.raises(PotentialError) as caught:
        registry.load(entry, device="cpu")
    assert "no route to host" in caught.value.message
    assert "network" in caught.value.hint
    assert caught.value.retryable


def own_calculator(model: str, device: str) -> Any:
    assert (model, device) == ("default", "cpu")
    return EMT()


def test_a_package_of_ones_own_joins_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint(name="mine", value="test_registry_plugin:make", group="matsmith.potentials")

    class Plugin:
        make = staticmethod(own_calculator)

    monkeypatch.setitem(sys.modules, "test_registry_plugin", Plugin)

    def points(*, group: str) -> list[EntryPoint]:
        return [point] if group == "matsmith.potentials" else []

    monkeypatch.setattr(registry, "entry_points", points)
    registry._entries.cache_clear()  # pyright: ignore[reportPrivateUsage]
    try:
        assert registry.potential_names()[-1] == "mine"
        made = registry._foreign(point).make  # pyright: ignore[reportPrivateUsage]
        assert made is not None
        assert isinstance(made("default", "cpu"), EMT)
    finally:
        registry._entries.cache_clear()  # pyright: ignore[reportPrivateUsage]


def test_nothing_is_imported_to_list_them() -> None:
    code = (
        "import sys\nfrom matsmith.models.potentials.registry import installed, potential_names\n"
        "installed(), potential_names()\n"
        "sys.exit(int(any(name in sys.modules for name in ('torch', 'chgnet', 'ase', 'mace', 'sevenn'))))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
