"""Energy above hull by tier of references: what is known, what may be concluded, what is refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from scipy.stats import truncnorm

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record, Status
from matsmith.core.settings import Settings
from matsmith.knowledge import materials_project
from matsmith.knowledge.guesses import measured_guesses
from matsmith.knowledge.materials_project import MaterialsProjectError
from matsmith.knowledge.phases import element_energies
from matsmith.tools.base import Deps
from matsmith.tools.error_distributions import bounded_below, rectified
from matsmith.tools.registry import get_tool
from matsmith.tools.runner import ToolRunner
from matsmith.tools.stability import StabilityArgs

# Formation energies near the true ones, in eV/atom (MgO: -601.6 kJ/mol measured, -3.12 eV/atom).
TABLE = "formula,formation_energy_eV_per_atom\nMgO,-3.07\nMgO2,-2.1\nMg,0.0\nO2,0.0\n"


@given(value=st.floats(-1, 1), sigma=st.floats(0.01, 0.3), start=st.floats(-6, 6))
def test_a_bounded_error_is_the_truncated_normal(value: float, sigma: float, start: float) -> None:
    mean, deviation = bounded_below(value, sigma, bound=value + start * sigma)
    exact: Any = truncnorm(start, float("inf"), loc=value, scale=sigma)
    assert mean == pytest.approx(float(exact.mean()), abs=1e-6)
    assert deviation == pytest.approx(float(exact.std()), rel=1e-4)


@given(value=st.floats(-1, 1), sigma=st.floats(0.01, 0.3), start=st.floats(-40, 40))
def test_a_bounded_error_stays_above_its_bound(value: float, sigma: float, start: float) -> None:
    bound = value + start * sigma
    mean, deviation = bounded_below(value, sigma, bound=bound)
    assert mean >= max(bound, value) - 1e-9
    assert 0 < deviation <= sigma * (1 + 1e-9)


@given(value=st.floats(-1, 1), sigma=st.floats(0.01, 0.3))
def test_a_rectified_error_never_lies_below_zero(value: float, sigma: float) -> None:
    mean, deviation = rectified(value, sigma)
    assert mean >= max(0.0, value) - 1e-12
    assert 0 <= deviation <= sigma * (1 + 1e-9)
    drawn = np.maximum(0.0, value + sigma * np.random.default_rng(0).standard_normal(20_000))
    assert mean == pytest.approx(float(drawn.mean()), abs=0.03 * sigma + 1e-9)
    assert deviation == pytest.approx(float(drawn.std()), abs=0.03 * sigma + 1e-9)


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Settings]:
    def made(text: str) -> Settings:
        (tmp_path / "mp_formation_energy.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        return Settings(data_dir=tmp_path, cache_dir=tmp_path / "cache", mp_api_key=None)

    return made


def judged(record: Record, settings: Settings) -> Outcome:
    deps = Deps(settings=settings, inputs={record.id: record})
    return get_tool("stability").run(StabilityArgs(relaxed=record.id), deps=deps)


def relaxed(crystal: Crystal, *, energy: float) -> Record:
    quantity = Quantity(value=energy, unit="eV/atom", sigma=0.03)
    outcome = Outcome(quantities={"energy": quantity}, crystal=crystal)
    return Record.of(outcome, tool="relax", tool_version="1", inputs={}, identity="", seed=0)


def test_a_known_phase_is_stable_by_the_table(periclase: Record, table: Callable[[str], Settings]) -> None:
    outcome = judged(periclase, table(TABLE))
    facts, above = outcome.facts, outcome.quantities["energy_above_hull"]
    assert facts["tier"] == "dft_table"
    assert facts["conclusive"] is True
    assert facts["formula_in_references"] is True
    assert facts["word"] == "stable"
    # Its own lowest phase is in the table: it cannot lie under the hull, and it lies on it within the error.
    assert 0 <= above.value < 0.1
    assert outcome.quantities["formation_energy"].value == pytest.approx(-3.07, abs=0.1)
    assert "Matbench" in str(facts["references"])
    assert outcome.warnings == () or all("tier" not in warning for warning in outcome.warnings)


def test_another_structure_of_the_formula_is_unstable(
    physics: ToolRunner,
    periclase: Record,
    caesium_chloride_magnesia: Crystal,
    offer: Callable[[ToolRunner, Crystal], str],
    table: Callable[[str], Settings],
) -> None:
    call = {"structure": offer(physics, caesium_chloride_magnesia), "keep_symmetry": True}
    record = physics.run("relax", call)
    assert record.status is Status.SUCCESS, record.outcome.failure
    outcome = judged(record, table(TABLE))
    assert outcome.facts["word"] == "unstable"
    # Both forms by one potential: above the table's MgO by as much as above periclase, and by what that one is off.
    gap = record.quantities["energy"].value - periclase.quantities["energy"].value
    own = judged(periclase, table(TABLE)).facts["formation_energy_from_potential_ev_per_atom"]
    assert isinstance(own, float)
    assert gap > 0.2
    # The prior of wrong polymorphs pulls it down by sigma squared over their mean excess, some 15 meV/atom.
    assert outcome.quantities["energy_above_hull"].value == pytest.approx(gap + own + 3.07 - 0.015, abs=0.01)


def test_energies_far_under_the_table_are_doubted(
    periclase: Record, table: Callable[[str], Settings]
) -> None:
    outcome = judged(periclase, table(TABLE.replace("MgO,-3.07", "MgO,-1.5")))
    assert outcome.facts["conclusive"] is False
    assert any("beyond its error" in warning for warning in outcome.warnings)


def test_a_compound_that_the_table_lacks_is_held_against_its_own_form_and_left_open(
    periclase: Record, table: Callable[[str], Settings]
) -> None:
    outcome = judged(periclase, table(TABLE.replace("MgO,-3.07\n", "HfO2,-3.95\nHf,0.0\n")))
    facts, above = outcome.facts, outcome.quantities["energy_above_hull"]
    assert facts["formula_in_references"] is False
    assert facts["competitors_from_potential"] == []
    assert facts["conclusive"] is False
    assert facts["word"] == "not refuted"
    # How deep it lies below the phases that are left is said in words, and is no energy above a hull.
    assert above.value == pytest.approx(0.0, abs=0.02)
    assert outcome.quantities["formation_energy"].value == pytest.approx(-3.07, abs=0.15)
    doubts = facts["inconclusive"]
    assert isinstance(doubts, dict)
    assert "has no row of MgO" in str(doubts["energy_above_hull"])
    assert any("meV/atom below" in warning for warning in outcome.warnings)


def test_a_competitor_decides(periclase: Record, table: Callable[[str], Settings]) -> None:
    # A made phase so deep that magnesia would fall apart into it and magnesium.
    outcome = judged(periclase, table(TABLE.replace("MgO2,-2.1", "MgO2,-5.5")))
    assert outcome.facts["word"] == "unstable"
    shares = cast("list[list[Any]]", outcome.facts["decomposition"])
    assert {formula for formula, _ in shares} == {"MgO2", "Mg"}
    assert sum(share for _, share in shares) == pytest.approx(1.0, abs=1e-3)
    # Three quarters of the atoms in MgO2 at -5.5: the hull is at -4.125.
    above = outcome.quantities["energy_above_hull"].value
    assert above - outcome.quantities["formation_energy"].value == pytest.approx(4.125, abs=1e-3)


@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.5])
def test_shipped_phases_never_confirm(periclase: Record, plain: Settings, shift: float) -> None:
    crystal = periclase.outcome.crystal
    assert crystal is not None
    outcome = judged(relaxed(crystal, energy=periclase.quantities["energy"].value + shift), plain)
    assert outcome.facts["tier"] == "shipped"
    assert outcome.facts["conclusive"] is False
    assert outcome.facts["word"] == ("unstable" if shift > 0 else "not refuted")


def test_elements_that_no_tier_covers_are_a_typed_failure(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    outcome = judged(relaxed(rocksalt("Xe", anion="Au"), energy=-2.0), plain)
    assert outcome.failure is not None
    assert outcome.failure.code == "no_references"
    assert "data get" in outcome.failure.hint
    assert outcome.quantities == {}


def test_the_identity_follows_the_references(plain: Settings, table: Callable[[str], Settings]) -> None:
    tool = get_tool("stability")
    without = tool.identity(plain)
    first = tool.identity(table(TABLE))
    second = tool.identity(table(TABLE.replace("-3.07", "-3.08")))
    keyed = tool.identity(plain.model_copy(update={"mp_api_key": SecretStr("secret")}))
    assert len({without, first, second, keyed}) == 4
    assert "secret" not in keyed


def test_a_higher_form_lies_above_the_lower_one_by_what_the_potential_finds(
    physics: ToolRunner,
    periclase: Record,
    caesium_chloride_magnesia: Crystal,
    offer: Callable[[ToolRunner, Crystal], str],
    table: Callable[[str], Settings],
) -> None:
    call = {"structure": offer(physics, caesium_chloride_magnesia), "keep_symmetry": True}
    record = physics.run("relax", call)
    gap = record.quantities["energy"].value - periclase.quantities["energy"].value
    low = judged(periclase, table(TABLE)).quantities["energy_above_hull"]
    args = StabilityArgs(relaxed=record.id, lower_form=periclase.id)
    deps = Deps(settings=table(TABLE), inputs={record.id: record, periclase.id: periclase})
    high = get_tool("stability").run(args, deps=deps).quantities["energy_above_hull"]
    assert high.value == pytest.approx(low.value + gap, abs=1e-6)
    assert high.sigma == pytest.approx((low.sigma**2 + 0.025**2) ** 0.5, rel=1e-6)


def test_a_higher_form_of_a_stand_in_lies_above_it(
    periclase: Record, table: Callable[[str], Settings]
) -> None:
    crystal = periclase.outcome.crystal
    assert crystal is not None
    record = relaxed(crystal, energy=periclase.quantities["energy"].value + 0.3)
    outcome = judged(record, table(TABLE.replace("MgO,-3.07\n", "")))
    above = outcome.quantities["energy_above_hull"]
    assert above.value == pytest.approx(0.3, abs=0.01)
    assert above.sigma == pytest.approx(0.025)
    assert outcome.facts["competitors_from_potential"] == ["MgO"]


def test_a_new_guess_is_corrected_and_a_recognised_crystal_is_not(
    rocksalt: Callable[..., Crystal], table: Callable[[str], Settings]
) -> None:
    # No reference holds this formula.
    crystal = rocksalt("Hf", anion="Te", edge=5.9)
    record = relaxed(crystal, energy=-8.0)
    settings = table(TABLE + "Hf,0.0\nTe,0.0\nHfTe2,-0.9\n")
    deps = Deps(settings=settings, inputs={record.id: record})
    stability = get_tool("stability")
    guess = stability.run(StabilityArgs(relaxed=record.id), deps=deps)
    known = stability.run(StabilityArgs(relaxed=record.id, structure_known=True), deps=deps)
    assert guess.facts["formula_in_references"] is False
    measured = measured_guesses()
    for name in ("energy_above_hull", "formation_energy"):
        shift = guess.quantities[name].value - known.quantities[name].value
        assert shift == pytest.approx(measured.shift_ev_per_atom)
        assert guess.quantities[name].sigma == pytest.approx(
            (known.quantities[name].sigma ** 2 + measured.sigma_ev_per_atom**2) ** 0.5
        )
    assert "too low" in str(guess.facts["correction"])
    assert "correction" not in known.facts
    assert (
        guess.facts["formation_energy_from_potential_ev_per_atom"]
        == known.facts["formation_energy_from_potential_ev_per_atom"]
    )


def test_a_form_of_an_element_is_held_against_the_lowest_one(
    table: Callable[[str], Settings],
) -> None:
    # The potential's tungsten lies 0.2 eV/atom above the Materials Project's.
    half = 3.165 / 2
    crystal = Crystal(
        lattice=((-half, half, half), (half, -half, half), (half, half, -half)),
        species=("W",),
        positions=((0.0, 0.0, 0.0),),
    )
    outcome = judged(relaxed(crystal, energy=element_energies()["W"]), table(TABLE + "W,0.0\n"))
    assert outcome.facts["word"] == "stable"
    assert outcome.quantities["energy_above_hull"].value < 0.03


def test_a_silent_project_is_said_and_asked_again(
    runner: ToolRunner, periclase: Record, table: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the network is replaced: entries of a small system, or none, come from it."""
    clock, answers, asked = [0.0], [False], [0]

    def ask(elements: tuple[str, ...], **_: object) -> dict[str, float]:
        asked[0] += 1
        if not answers[0]:
            raise MaterialsProjectError("The Materials Project cannot be reached.", retryable=True)
        return {"Mg": -1.6, "O": -4.947, "MgO": -6.35}

    monkeypatch.setattr(materials_project, "_ask_in_time", ask)
    monkeypatch.setattr(materials_project, "_failures", dict[Any, Any]())
    monkeypatch.setattr(materials_project.time, "monotonic", lambda: clock[0])
    runner.settings = table(TABLE).model_copy(update={"mp_api_key": SecretStr("0" * 32)})
    runner.ledger.write_record(periclase)
    first = runner.run("stability", {"relaxed": periclase.id})
    assert first.status is Status.SUCCESS
    assert first.outcome.facts["tier"] == "dft_table"
    assert "Judged again when it answers" in str(first.outcome.facts["waits_for"])
    # While it is quiet nobody waits, and nothing is computed twice.
    assert runner.run("stability", {"relaxed": periclase.id}) == first
    assert asked == [1]
    clock[0], answers[0] = materials_project.QUIET_S + 1.0, True
    later = runner.run("stability", {"relaxed": periclase.id})
    assert later.id != first.id
    assert later.outcome.facts["tier"] == "materials_project"
    assert "waits_for" not in later.outcome.facts
    # The earlier record stands as it was.
    assert runner.ledger.record(first.id) == first
