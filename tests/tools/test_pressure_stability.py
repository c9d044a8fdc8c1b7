"""Stability under pressure: the hull of enthalpies, salt that would turn, and what cannot be compressed here."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.offsets import formation_energy
from matsmith.models.compression import Compressed
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA
from matsmith.tools.base import Deps
from matsmith.tools.pressure_competitors import Form
from matsmith.tools.pressure_stability import NAME, PressureStabilityArgs, hull_of, sigma_of
from matsmith.tools.registry import get_tool
from matsmith.tools.runner import ToolRunner


def form(formula: str, *, energy: float, volume: float = 10.0, pressure: float = 0.0) -> Form:
    """A made form: a cubic cell of one formula unit, only its composition, energy and volume count."""
    from pymatgen.core import Composition

    symbols = [str(s) for s, n in Composition(formula).as_dict().items() for _ in range(round(float(n)))]
    places = [[k / len(symbols), 0.3 * k, 0.1 * k] for k in range(len(symbols))]
    return Form(
        formula=formula,
        label=f"made {formula}",
        state=Compressed(
            structure=Structure(Lattice.cubic((volume * len(symbols)) ** (1 / 3)), symbols, places),
            pressure_gpa=pressure,
            energy_ev_per_atom=energy,
            volume_angstrom3_per_atom=volume,
        ),
    )


def energy_of(formula: str, formation: float) -> float:
    """The energy in eV/atom of which the fitted references make this formation energy."""
    amounts = {"Mg": 1.0, "O": 1.0} if formula == "MgO" else {"Mg": 1.0, "O": 2.0}
    if formula in ("Mg", "O"):
        amounts = {formula: 1.0}
    return formation - formation_energy(amounts, 0.0)[0]


def test_without_pressure_it_is_the_hull_of_energies() -> None:
    forms = [
        form("Mg", energy=energy_of("Mg", 0.0)),
        form("O", energy=energy_of("O", 0.0)),
        form("MgO", energy=energy_of("MgO", -3.0)),
        form("MgO", energy=energy_of("MgO", -2.5)),
    ]
    candidate = form("MgO2", energy=energy_of("MgO2", -1.5))
    hull = hull_of(candidate, forms, elements=["Mg", "O"])
    assert hull is not None
    # Two thirds of the atoms in MgO at -3, one third in oxygen.
    assert hull.above_ev_per_atom == pytest.approx(-1.5 + 2.0)
    assert {each.formula: round(share, 4) for each, share in hull.products} == {"MgO": 0.6667, "O": 0.3333}
    assert hull.products[0][0] is forms[2]


def test_pressure_favours_what_is_small() -> None:
    def at(pressure: float) -> float:
        made = [
            form("MgO", energy=energy_of("MgO", -3.0), volume=9.0, pressure=pressure),
            form("MgO", energy=energy_of("MgO", -2.8), volume=8.0, pressure=pressure),
            form("Mg", energy=energy_of("Mg", 0.0), volume=20.0, pressure=pressure),
            form("O", energy=energy_of("O", 0.0), volume=12.0, pressure=pressure),
        ]
        hull = hull_of(made[0], made[1:], elements=["Mg", "O"])
        assert hull is not None
        assert hull.products[0][0] is made[1]
        return hull.above_ev_per_atom

    assert at(0.0) == pytest.approx(-0.2)
    turns = 0.2 * EV_PER_ANGSTROM3_IN_GPA  # 0.2 eV over a difference of 1 Å³
    assert at(turns) == pytest.approx(0.0, abs=1e-9)
    assert at(2 * turns) == pytest.approx(0.2)


def test_an_element_is_held_against_its_own_forms_and_none_without_them() -> None:
    dense, loose = (
        form("C", energy=-9.0, volume=5.7, pressure=20.0),
        form("C", energy=-9.1, volume=8.5, pressure=20.0),
    )
    hull = hull_of(loose, [dense], elements=["C"])
    assert hull is not None
    assert hull.above_ev_per_atom == pytest.approx(-0.1 + 20 * 2.8 / EV_PER_ANGSTROM3_IN_GPA)
    assert hull_of(loose, [], elements=["C"]) is None


def test_the_error_grows_with_the_pressure() -> None:
    sigmas: list[float] = []
    for pressure in (0.0, 20.0, 60.0):
        one, other = (form("MgO", energy=-6.0 - n, volume=9.0 - n, pressure=pressure) for n in (0, 1))
        hull = hull_of(one, [other, form("Mg", energy=-1.5), form("O", energy=-5.0)], elements=["Mg", "O"])
        assert hull is not None
        sigmas.append(sigma_of(one, hull))
    assert sigmas == sorted(sigmas)
    # Forms of other volumes carry what was seen at measured boundaries; then the pressure counts.
    assert sigmas[0] == pytest.approx(0.05)
    assert sigmas[2] > 1.3 * sigmas[0]
    same = form("MgO", energy=-6.0, volume=9.0)
    hull = hull_of(same, [same, form("Mg", energy=-1.5), form("O", energy=-5.0)], elements=["Mg", "O"])
    assert hull is not None
    assert sigma_of(same, hull) == pytest.approx(0.025)


def test_compressed_salt_would_turn(physics: ToolRunner, offer: Callable[[ToolRunner, Crystal], str]) -> None:
    half = 5.6 / 2
    salt = Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Na", "Cl"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )
    heard: list[str] = []
    physics.on_note(heard.append)
    call = {"structure": offer(physics, salt), "pressure_gpa": 60, "forms": 1}
    outcome = physics.run("pressure_stability", call).outcome
    assert outcome.failure is None, outcome.failure
    assert outcome.quantities[NAME].value > 0.1
    assert outcome.facts["word"] == "unstable"
    assert "caesium chloride" in str(outcome.facts["turns_into"])
    doubts = outcome.facts["inconclusive"]
    assert isinstance(doubts, dict)
    assert "at 60 GPa this can refute" in str(doubts[NAME])
    assert outcome.crystal is not None
    assert outcome.crystal.volume_angstrom3 < 0.75 * salt.volume_angstrom3
    compressed = [text for text in heard if "forms compressed to 60 GPa" in text]
    assert compressed
    # The form it turns into: nothing is compressed again, it lies on the hull, and vibrations cancel against its own kind.
    dense = Crystal(
        lattice=((3.2, 0.0, 0.0), (0.0, 3.2, 0.0), (0.0, 0.0, 3.2)),
        species=("Na", "Cl"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )
    warm = {
        **call,
        "structure": offer(physics, dense),
        "temperature_k": 300,
        "vibrations": "harmonic",
    }
    stable = physics.run("pressure_stability", warm).outcome
    assert stable.failure is None, stable.failure
    assert [text for text in heard if "forms compressed to 60 GPa" in text] == compressed
    assert stable.facts["word"] == "not refuted"
    assert abs(stable.quantities[NAME].value) < 0.01
    assert stable.quantities[NAME].sigma > 0.02
    part = stable.facts["vibrational_part_ev_per_atom"]
    assert isinstance(part, float)
    assert abs(part) < 0.005
    assert stable.method is not None
    assert "harmonic Gibbs energies of both sides" in stable.method.name


@pytest.mark.parametrize(
    ("change", "elements", "code"),
    [({"potential": "emt"}, ("Cu", "Au"), "foreign_energy"), ({}, ("Cs", "Au"), "no_references")],
)
def test_what_cannot_be_compared(
    plain: Settings,
    rocksalt: Callable[..., Crystal],
    change: dict[str, str],
    elements: tuple[str, str],
    code: str,
) -> None:
    deps = Deps(
        settings=plain.model_copy(update=change), inputs={"c": rocksalt(elements[0], anion=elements[1])}
    )
    args = PressureStabilityArgs(structure="c", pressure_gpa=5.0)
    failure = get_tool("pressure_stability").run(args, deps=deps).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint
