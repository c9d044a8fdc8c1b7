"""The search on demand: a real small system, what its charges rule out, and how its phases join the references."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError, ToolError
from matsmith.core.record import Record, Status
from matsmith.core.settings import Settings
from matsmith.knowledge import phases
from matsmith.knowledge.references import ReferencePhase, ReferenceSet, references_for
from matsmith.tools.base import Deps
from matsmith.tools.competing_phases import CompetingPhasesArgs, phases_of
from matsmith.tools.competing_screening import (
    ABOVE_STATIC_HULL_EV_PER_ATOM,
    KEPT_PER_FORMULA,
    RELAXATIONS_MAX,
    Screened,
    charge_balanced,
    decorations_of,
    lowest_of,
    near_hull,
)
from matsmith.tools.registry import get_tool
from matsmith.tools.runner import ToolRunner

CUBIC_PEROVSKITE = "AB3C_cP5_221_a_c_b"
HALF_HEUSLER = "ABC_cF12_216_b_c_a"
SPINEL = "A2BC4_cF56_227_d_a_e"
SYSTEM = ("Sr", "Ti", "O")


@pytest.fixture(scope="module")
def titanate(physics: ToolRunner) -> Record:
    """Sr-Ti-O searched among two small structure types by the real potential, in the real worker."""
    record = physics.run(
        "competing_phases", {"elements": ["O", "Ti", "Sr"], "prototypes": [CUBIC_PEROVSKITE, HALF_HEUSLER]}
    )
    assert record.outcome.failure is None, record.outcome.failure
    return record


def test_the_cubic_perovskite_of_strontium_titanate_is_found(titanate: Record) -> None:
    facts: dict[str, Any] = titanate.outcome.facts
    (phase,) = facts["phases"]
    formula, prototype, energy = (phase[key] for key in ("formula", "structure_type", "energy_ev_per_atom"))
    assert (formula, prototype) == ("O3SrTi", CUBIC_PEROVSKITE)
    # It is stable against SrO and TiO2, so it lies on the hull, below the line between them.
    assert facts["above_hull_ev_per_atom"]["O3SrTi"] == pytest.approx(0.0, abs=1e-6)
    references = references_for(SYSTEM, data_dir=None, cache_dir=None, only="shipped")
    formation, _ = references.formation_energy({"Sr": 1, "Ti": 1, "O": 3}, energy)
    # Measured against DFT: -3.5 eV/atom, and some tenths of an eV below the oxides per formula unit.
    assert formation == pytest.approx(-3.5, abs=0.3)
    assert -0.5 < references.energy_above_hull("SrTiO3", formation) < -0.02


def test_the_stages_are_counted(titanate: Record) -> None:
    facts: dict[str, Any] = titanate.outcome.facts
    assert facts["prototypes_searched"] == 2
    # Six fillings of the perovskite and three of the half-Heusler type, two of whose three sites are alike.
    assert facts["decorations"] == 9
    assert (
        facts["relaxed_to_the_end"]
        <= facts["relaxations"]
        <= facts["screened"]
        <= facts["charge_balanced"]
        < 9
    )
    assert titanate.outcome.wall_s > 0
    assert titanate.quantities == {}


def test_the_same_search_in_another_order_is_the_same_record(physics: ToolRunner, titanate: Record) -> None:
    again = physics.run(
        "competing_phases", {"elements": ["Sr", "Ti", "O"], "prototypes": [HALF_HEUSLER, CUBIC_PEROVSKITE]}
    )
    assert again.id == titanate.id
    assert again.outcome == titanate.outcome


def test_what_was_not_searched_is_said(titanate: Record) -> None:
    facts: dict[str, Any] = titanate.outcome.facts
    text = "; ".join(facts["left_out"])
    assert "outside the structure types named" in text
    unsearched = frozenset(("Sr", "Ti")) not in phases.searched_systems()
    assert ("Sr-Ti" in text) == unsearched


@pytest.fixture(scope="module")
def perovskite(physics: ToolRunner) -> Record:
    """Strontium titanate relaxed from the measured lattice constant, 3.905 Å."""
    from matsmith.core.candidate import Candidate, Lineage

    edge = 3.905
    crystal = Crystal(
        lattice=((edge, 0.0, 0.0), (0.0, edge, 0.0), (0.0, 0.0, edge)),
        species=("Sr", "Ti", "O", "O", "O"),
        positions=((0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)),
    )
    candidate = Candidate.of(crystal, lineage=Lineage(strategy="made"))
    physics.ledger.append("candidate", candidate.id, candidate)
    record = physics.run("relax", {"structure": candidate.id})
    assert record.outcome.failure is None
    return record


def test_phases_of_the_search_join_the_shipped_tier(
    physics: ToolRunner, perovskite: Record, titanate: Record
) -> None:
    alone = physics.run("stability", {"relaxed": perovskite.id})
    joined = physics.run("stability", {"relaxed": perovskite.id, "competitors": titanate.id})
    assert alone.id != joined.id
    assert alone.outcome.facts["tier"] == joined.outcome.facts["tier"] == "shipped"
    # Without a competitor of its own it seems to lie far below the hull; against the same crystal it lies on it.
    below = alone.quantities["energy_above_hull"].value
    level = joined.quantities["energy_above_hull"].value
    assert below < -0.02
    assert level == pytest.approx(0.0, abs=0.005)
    assert joined.quantities["formation_energy"] == alone.quantities["formation_energy"]
    assert "competitors_joined" not in alone.outcome.facts
    assert joined.outcome.facts["competitors_joined"] == 1
    assert "searched on demand among 2 prototypes" in str(joined.outcome.facts["competition"])
    assert "without phases searched on demand" in str(joined.outcome.facts["false_stable_rate_basis"])
    assert "without phases" not in str(alone.outcome.facts["false_stable_rate_basis"])


def test_a_search_never_makes_a_verdict_conclusive(
    physics: ToolRunner, perovskite: Record, titanate: Record
) -> None:
    facts = physics.run("stability", {"relaxed": perovskite.id, "competitors": titanate.id}).outcome.facts
    assert (facts["conclusive"], facts["complete"], facts["word"]) == (False, False, "not refuted")


def test_a_record_of_another_tool_is_no_competitor(physics: ToolRunner, perovskite: Record) -> None:
    failure = physics.run(
        "stability", {"relaxed": perovskite.id, "competitors": perovskite.id}
    ).outcome.failure
    assert failure is not None
    assert failure.code == "no_competitors"
    assert "competing_phases" in failure.hint


def test_phases_of_another_potential_are_refused(titanate: Record) -> None:
    method = titanate.outcome.method
    assert method is not None
    other = titanate.outcome.model_copy(
        update={"method": method.model_copy(update={"weights_hash": "0" * 64})}
    )
    with pytest.raises(DataError, match="another potential"):
        phases_of(titanate.model_copy(update={"outcome": other}))


@pytest.mark.parametrize(
    "rows",
    [None, "MgO", [["MgO", "x"]], [[1, "x", -5.0]], [["MgO", "x", "-5"]], [["MgO", "x", float("nan")]]],
)
def test_a_list_of_phases_in_another_form_is_refused(titanate: Record, rows: Any) -> None:
    broken = titanate.outcome.model_copy(update={"facts": {"phases": rows}})
    with pytest.raises(DataError, match="no list of phases"):
        phases_of(titanate.model_copy(update={"outcome": broken}))


def test_a_phase_of_no_formula_is_named(titanate: Record) -> None:
    broken = titanate.outcome.model_copy(
        update={"facts": {"phases": [{"formula": "Xx2", "energy_ev_per_atom": -5.0}]}}
    )
    with pytest.raises(DataError, match="Xx"):
        phases_of(titanate.model_copy(update={"outcome": broken}))


@pytest.mark.parametrize("elements", [("Sr", "U", "O"), ("Xe", "Ti", "O"), ("Li", "La", "Zr", "O")])
def test_elements_whose_binaries_do_not_ship_fail_by_name(plain: Settings, elements: tuple[str, ...]) -> None:
    outcome = get_tool("competing_phases").run(
        CompetingPhasesArgs(elements=elements), deps=Deps(settings=plain)
    )
    assert outcome.failure is not None
    assert outcome.failure.code == "not_covered"
    assert outcome.failure.hint


def test_one_failure_leaves_the_other_systems_alone(physics: ToolRunner, titanate: Record) -> None:
    calls = [
        {"elements": ["Sr", "U", "O"]},
        {"elements": list(SYSTEM), "prototypes": [CUBIC_PEROVSKITE, HALF_HEUSLER]},
    ]
    found = dict(physics.run_many("competing_phases", calls))
    assert found[0].status is Status.FAILURE
    assert found[1].id == titanate.id


def test_structure_types_that_do_not_fit_the_system_fail_by_name(physics: ToolRunner) -> None:
    record = physics.run("competing_phases", {"elements": ["Ca", "Mg", "Ti", "O"], "prototypes": [SPINEL]})
    assert record.outcome.failure is not None
    assert record.outcome.failure.code == "no_prototypes"


@pytest.mark.parametrize(
    "arguments",
    [
        {"elements": ["Mg", "O"]},
        {"elements": ["Mg", "Al", "Si", "Ca", "O"]},
        {"elements": ["Mg", "Mg", "O"]},
        {"elements": ["Mg", "Xx", "O"]},
        {"elements": ["Mg", "Al", "O"], "prototypes": ["garnet"]},
    ],
)
def test_other_arguments_are_not_taken(physics: ToolRunner, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolError):
        physics.run("competing_phases", arguments)


def test_charges_keep_spinel_and_drop_its_other_fillings() -> None:
    every = decorations_of(("Mg", "Al", "O"), names=[SPINEL])
    kept = charge_balanced(every)
    assert len(every) == 6
    assert [d.symbols for d in kept] == [("Al", "Mg", "O")]


def test_metals_are_not_pruned_by_charge() -> None:
    every = decorations_of(("Al", "Ti", "Ni"))
    assert len(every) > 150
    assert charge_balanced(every) == every


def test_interstitial_carbides_are_not_pruned_by_charge() -> None:
    formulas = {tuple(sorted(d.amounts.items())) for d in charge_balanced(decorations_of(("Ti", "Al", "C")))}
    assert (("Al", 1), ("C", 1), ("Ti", 2)) in formulas


def test_a_known_compound_starts_from_its_measured_lattice() -> None:
    (own,) = [d for d in decorations_of(("O", "Mg", "Al"), names=[SPINEL]) if d.is_own_compound]
    edge = (4 * abs(float(_volume(own.lattice_angstrom)))) ** (1 / 3)
    assert edge == pytest.approx(8.08, abs=0.03)


def _volume(lattice: Any) -> float:
    import numpy as np

    return float(np.linalg.det(lattice))


@given(lowest=st.floats(-0.99, 0.99), height=st.floats(-10, 10), curvature=st.floats(0.1, 100))
def test_a_parabola_is_minimised_where_its_lowest_point_lies_inside(
    lowest: float, height: float, curvature: float
) -> None:
    points = {x: height + curvature * (x - lowest) ** 2 for x in (-1.0, 0.0, 1.0)}
    place, value = lowest_of(points)
    if abs(lowest) < 0.49:
        assert place == pytest.approx(lowest, abs=1e-6)
        assert value == pytest.approx(height, abs=1e-6)
    assert value <= min(points.values()) + 1e-9


def _above_hull(references: ReferenceSet, screened: Screened) -> float:
    amounts = screened.decoration.amounts
    formation, _ = references.formation_energy(amounts, screened.energy_ev_per_atom)
    return references.energy_above_hull(amounts, formation)


@settings(max_examples=8, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(0.05, 1.0))
def test_only_the_best_few_of_each_formula_near_the_hull_are_relaxed(random: Any, spread: float) -> None:
    references = references_for(("Al", "Ti", "Ni"), data_dir=None, cache_dir=None, only="shipped")
    every = decorations_of(("Al", "Ti", "Ni"))
    elements = phases.element_energies()
    screened = [
        Screened(d, _mixed(elements, d.amounts) - 0.2 + random.uniform(0, spread), 0.0) for d in every
    ]
    chosen, cut = near_hull(screened, references=references)
    assert len(chosen) <= RELAXATIONS_MAX
    counts: dict[tuple[tuple[str, int], ...], list[float]] = {}
    for s in chosen:
        above = _above_hull(references, s)
        assert above < ABOVE_STATIC_HULL_EV_PER_ATOM
        counts.setdefault(tuple(sorted(s.decoration.amounts.items())), []).append(above)
    assert max((len(heights) for heights in counts.values()), default=0) <= KEPT_PER_FORMULA
    heights = [_above_hull(references, s) for s in chosen]
    assert heights == sorted(heights)
    assert cut == 0 or len(chosen) == RELAXATIONS_MAX


def _mixed(elements: dict[str, float], amounts: dict[str, int]) -> float:
    return sum(elements[s] * n for s, n in amounts.items()) / sum(amounts.values())


def test_a_quaternary_names_the_ternaries_that_it_does_not_search(physics: ToolRunner) -> None:
    record = physics.run(
        "competing_phases",
        {"elements": ["Li", "Mg", "Al", "O"], "prototypes": ["ABCD_tP8_129_c_b_a_c"]},
    )
    assert record.outcome.failure is None
    facts: dict[str, Any] = record.outcome.facts
    text = "; ".join(facts["left_out"])
    assert all(name in text for name in ("Li-Mg-O", "Li-Al-O", "Li-Mg-Al", "Mg-Al-O"))
    assert facts["decorations"] == 24


def test_foreign_phases_do_not_join_a_system(titanate: Record) -> None:
    joined: list[ReferencePhase] = phases_of(titanate)
    other = references_for(("Mg", "Ti", "O"), data_dir=None, cache_dir=None, only="shipped")
    assert other.with_phases(joined).phases == other.phases
