"""Competing phases over OPTIMADE against a local server that answers each subsystem as the Materials Project documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from local_service import Asked, Reply, Service, local_service

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge import optimade_phases as phases
from matsmith.knowledge import optimade_providers, references
from matsmith.knowledge.offsets import formation_energy, shipped_offsets

# Formation energies in eV/atom; the two of MgO are two polymorphs.
ROWS = {
    ("Mg",): [("Mg", 0.0), ("Mg", 0.02)],
    ("O",): [("O", 0.0)],
    ("Mg", "O"): [("MgO", -2.9), ("MgO", -3.03), ("MgO2", -2.0)],
}


def _answer(asked: Asked) -> Reply:
    wanted = re.search(r"elements HAS ALL ([^A]+?) AND nelements=(\d)", asked.params["filter"])
    assert wanted is not None, asked.params["filter"]
    system = tuple(sorted(re.findall(r'"(\w+)"', wanted[1])))
    assert len(system) == int(wanted[2])
    rows: list[dict[str, Any]] = [
        {
            "id": f"{formula}-{number}",
            "type": "structures",
            "attributes": {
                "chemical_formula_reduced": formula,
                "elements": list(system),
                "nelements": len(system),
                "_mp_stability": {
                    "gga_gga+u": {"formation_energy_per_atom": energy, "energy_above_hull": 0.0}
                },
                "_alexandria_formation_energy_per_atom": energy,
                "_alexandria_hull_distance": 0.0,
            },
        }
        for number, (formula, energy) in enumerate(ROWS.get(system, []))
    ]
    return Reply(body={"data": rows, "links": {"next": None}, "meta": {"data_returned": len(rows)}})


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A server in the place of every provider."""
    with local_service() as running:
        running.answer = _answer
        for name in phases.SAME_BASIS:
            provider = replace(optimade_providers.PROVIDERS[name], base_url=running.url)
            monkeypatch.setitem(optimade_providers.PROVIDERS, name, provider)
        monkeypatch.setattr(phases, "_failures", dict[Any, Any]())
        yield running


@pytest.mark.parametrize("provider", phases.SAME_BASIS)
def test_every_subsystem_is_asked_and_the_lowest_phase_of_a_formula_stays(
    service: Service, tmp_path: Path, provider: str
) -> None:
    found = phases.optimade_phases(["O", "Mg"], provider=provider, cache_dir=tmp_path)
    assert found.formation_energies_ev_per_atom == {"Mg": 0.0, "O": 0.0, "MgO": -3.03, "MgO2": -2.0}
    assert len(service.asked) == 3
    far = any("hull_distance<=0.3" in asked.params["filter"] for asked in service.asked)
    assert far is (provider == "alexandria")
    # Kept with its date: the second time nobody is asked.
    again = phases.optimade_phases(["Mg", "O"], provider=provider, cache_dir=tmp_path)
    assert again == found
    assert len(service.asked) == 3
    assert len(found.date) == 10


def test_a_tier_of_its_own_between_the_key_and_the_table(service: Service, tmp_path: Path) -> None:
    found = references.references_for(["Mg", "O"], data_dir=None, cache_dir=tmp_path, optimade="mp")
    assert (found.tier, found.title, found.complete) == ("optimade", "Materials Project (OPTIMADE)", True)
    assert [warning.tier for warning in found.warnings] == ["materials_project"]
    assert found.energy_above_hull("MgO", -2.9) == pytest.approx(0.13)
    assert found.verdict(0.0) == "stable"
    # MgO2 lies above the line from MgO to O2.
    assert found.energy_above_hull("MgO2", -2.0) == pytest.approx(-2.0 + 3.03 * 2 / 3)
    assert len(service.asked) == 3


def test_energies_of_the_potential_carry_the_unfitted_bias_where_corrections_differ(
    service: Service, tmp_path: Path
) -> None:
    del service
    found = references.references_for(["Mg", "O"], data_dir=None, cache_dir=tmp_path, optimade="mp")
    amounts = {"Mg": 1.0, "O": 1.0}
    value, sigma = found.formation_energy(amounts, -6.0)
    fitted, fitted_sigma = formation_energy(amounts, -6.0)
    assert value == fitted
    assert sigma == pytest.approx((fitted_sigma**2 + shipped_offsets().unfitted_bias_ev_per_atom ** 2) ** 0.5)


def test_nobody_is_asked_unless_a_provider_is_named(service: Service, tmp_path: Path) -> None:
    references.references_for(["Mg", "O"], data_dir=tmp_path, cache_dir=tmp_path)
    assert service.asked == []


def test_a_failure_leaves_the_provider_alone_and_the_next_tier_answers(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matsmith.knowledge.optimade_phases.exchange_for", _impatient)
    service.say(Reply(status=503))
    found = references.references_for(["Mg", "O"], data_dir=None, cache_dir=tmp_path, optimade="mp")
    assert found.tier == "shipped"
    assert found.warnings[1].tier == "optimade"
    assert found.warnings[1].retryable
    asked = len(service.asked)
    references.references_for(["Mg", "O"], data_dir=None, cache_dir=tmp_path, optimade="mp")
    assert len(service.asked) == asked
    assert phases.recent_failure("mp") is not None


def test_an_element_without_a_phase_is_no_hull(service: Service, tmp_path: Path) -> None:
    del service
    with pytest.raises(DataError, match="no phase of pure Zr"):
        phases.optimade_phases(["Mg", "Zr"], provider="mp", cache_dir=tmp_path)
    assert phases.recent_failure("mp") is None


def test_another_method_is_refused() -> None:
    with pytest.raises(UsageError, match="another method"):
        phases.optimade_phases(["Mg"], provider="oqmd", cache_dir=None)


def _impatient(provider: Any, *, cache_dir: Path | None) -> Any:
    from matsmith.knowledge.optimade import exchange_for

    return replace(exchange_for(provider, cache_dir=cache_dir), retries=0)
