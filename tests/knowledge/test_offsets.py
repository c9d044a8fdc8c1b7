"""Formation energies from the potential's: classes, terms, the fit that ships, and damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge import offsets, phases


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ({"Mg": 1, "O": 1}, "oxide"),
        ({"La": 1, "O": 1, "F": 1}, "halide"),
        ({"Ti": 1, "N": 1}, "nitride"),
        ({"Zn": 1, "S": 1}, "chalcogenide"),
        ({"Li": 1, "H": 1}, "hydride"),
        ({"Ga": 1, "P": 1}, "pnictide"),
        ({"W": 1, "C": 1}, "carbide_boride_silicide"),
        ({"Al": 1, "Ni": 3}, "intermetallic"),
    ],
)
def test_classes(amounts: dict[str, float], expected: str) -> None:
    assert offsets.compound_class(amounts) == expected


def test_hubbard_terms_only_beside_oxygen_and_fluorine() -> None:
    assert offsets.terms({"Fe": 2, "O": 3}) == {"Fe|U": 0.4, "O": 0.6}
    assert offsets.terms({"Fe": 1, "S": 1}) == {"Fe": 0.5, "S": 0.5}
    assert offsets.terms({"Ti": 1, "O": 2}) == pytest.approx({"Ti": 1 / 3, "O": 2 / 3})


@pytest.mark.parametrize(
    ("formula", "amounts", "dft"),
    # Formation energies of the Materials Project's older release, eV/atom, to two digits.
    [
        ("MgO", {"Mg": 1, "O": 1}, -3.07),
        ("Al2O3", {"Al": 2, "O": 3}, -3.44),
        ("CaO", {"Ca": 1, "O": 1}, -3.31),
    ],
)
def test_known_oxides(formula: str, amounts: dict[str, float], dft: float) -> None:
    energy = min(p.energy_ev_per_atom for p in phases.shipped_phases(amounts) if p.formula == formula)
    value, sigma = offsets.formation_energy(amounts, energy)
    assert value == pytest.approx(dft, abs=0.1)
    assert 0.005 < sigma < 0.1


def test_the_potential_s_own_elements_are_zero() -> None:
    for symbol, energy in phases.element_energies().items():
        assert offsets.formation_energy({symbol: 3}, energy)[0] == pytest.approx(0.0, abs=1e-9)
        assert offsets.formation_energy({symbol: 1}, energy + 0.1)[0] == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize(
    ("symbol", "project_ev_per_atom"),
    # The Materials Project's energies of bcc W, diamond Ge, bcc Fe (mp-91, mp-32, mp-13), eV/atom.
    [("W", -12.958), ("Ge", -4.623), ("Fe", -8.470)],
)
def test_what_the_potential_is_off_by_for_an_element_does_not_reach_its_compounds(
    symbol: str, project_ev_per_atom: float
) -> None:
    own, fitted = phases.element_energies()[symbol], offsets.shipped_offsets().mu_ev[symbol]
    assert own - project_ev_per_atom > 0.1
    assert fitted - project_ev_per_atom < 0.5 * (own - project_ev_per_atom) + 0.01


def test_only_uncorrected_compounds_mean_the_same_in_every_release() -> None:
    assert offsets.is_uncorrected({"Ti": 1, "C": 1})
    assert not offsets.is_uncorrected({"Li": 3, "P": 1, "S": 4})


def test_it_depends_on_the_composition_and_not_on_its_size() -> None:
    one = offsets.formation_energy({"Li": 2, "O": 1}, -4.8)
    assert offsets.formation_energy({"Li": 4, "O": 2}, -4.8) == pytest.approx(one)


def test_an_element_without_a_reference_is_refused() -> None:
    for alone_or_not in ({"Fr": 1}, {"Fr": 1, "Cl": 1}):
        with pytest.raises(DataError, match="Fr"):
            offsets.formation_energy(alone_or_not, -3.0)


def test_the_fit_belongs_to_the_shipped_phases() -> None:
    fit = offsets.shipped_offsets()
    assert fit.weights_hash == phases.shipped_method()["weights_hash"]
    assert fit.n_formulas["all"] >= 100
    assert set(phases.element_energies()) <= fit.mu_ev.keys()
    assert 0.01 < fit.sigma_ev_per_atom["all"] < 0.15


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", json.dumps({"mu_ev": {}}), "NaN"],
)
def test_a_damaged_file_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "offsets.json"
    path.write_text(text)
    monkeypatch.setattr(offsets, "OFFSETS_FILE", path)
    with pytest.raises(DataError):
        offsets.shipped_offsets()
    monkeypatch.setattr(offsets, "OFFSETS_FILE", tmp_path / "none.json")
    with pytest.raises(DataError):
        offsets.shipped_offsets()
