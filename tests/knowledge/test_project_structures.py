from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_service import Asked, Reply, Service, local_service

from matsmith.core.errors import SpecError, UsageError
from matsmith.knowledge.exchange import ServiceError
from matsmith.knowledge.project_structures import crystal_of, project_crystals
from matsmith.knowledge.project_summaries import exchange_for


@pytest.fixture
def service() -> Iterator[Service]:
    with local_service() as running:
        yield running


def _structure(symbol: str = "Cs", *, occupied: float = 1.0) -> dict[str, Any]:
    """A structure in the form in which the service sends it."""

    def site(name: str, abc: list[float], share: float) -> dict[str, Any]:
        return {
            "species": [{"element": name, "occu": share}],
            "abc": abc,
            "properties": {"magmom": -0.0},
            "label": name,
            "xyz": [0.0, 0.0, 0.0],
        }

    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": 0,
        "lattice": {
            "matrix": [[4.12, 0, 0], [0, 4.12, 0], [0, 0, 4.12]],
            "pbc": [True, True, True],
            "a": 4.12,
            "volume": 69.9,
        },
        "sites": [site(symbol, [0, 0, 0], occupied), site("Cl", [0.5, 0.5, 0.5], 1)],
    }


def _entry(number: int, **more: Any) -> dict[str, Any]:
    return {"material_id": f"mp-{number}", "structure": _structure(), "energy_above_hull": 0.0, **more}


def _paged(entries: list[dict[str, Any]], service: Service) -> None:
    def answer(asked: Asked) -> Reply:
        skip, size = int(asked.params["_skip"]), int(asked.params["_limit"])
        return Reply(body={"data": entries[skip : skip + size], "meta": {"total_doc": len(entries)}})

    service.answer = answer


def test_every_page_is_read_and_properties_carry_their_units(service: Service, tmp_path: Path) -> None:
    values = {
        "formation_energy_per_atom": -2.1,
        "band_gap": 5.4,
        "bulk_modulus": {"vrh": 18.0, "voigt": 18.1},
    }
    _paged([_entry(0, **values), *(_entry(n) for n in range(1, 5))], service)
    exchange = exchange_for("a-key", cache_dir=tmp_path, base_url=service.url)
    found = list(project_crystals(exchange, elements=("Cs", "Cl"), atoms_max=8, page=2))
    assert [one.id for one in found] == [f"mp-{n}" for n in range(5)]
    assert found[0].properties == {
        "energy_above_hull_ev_per_atom": 0.0,
        "formation_energy_ev_per_atom": -2.1,
        "band_gap_ev": 5.4,
        "bulk_modulus_gpa": 18.0,
    }
    assert found[1].properties == {"energy_above_hull_ev_per_atom": 0.0}
    crystal = found[0].crystal
    assert crystal is not None
    assert crystal.formula == "CsCl"
    assert crystal.volume_angstrom3 == pytest.approx(4.12**3)
    asked = service.asked[0]
    assert asked.headers["X-API-KEY"] == "a-key"
    assert (asked.params["nsites_max"], asked.params["elements"]) == ("8", "Cl,Cs")
    assert asked.params["energy_above_hull_max"] == "0.1"
    # What was read is kept: a reading that was stopped asks for the rest only.
    before = len(service.asked)
    assert len(list(project_crystals(exchange, elements=("Cs", "Cl"), atoms_max=8, page=2))) == 5
    assert len(service.asked) == before


def test_a_limit_ends_the_reading(service: Service) -> None:
    _paged([_entry(n) for n in range(9)], service)
    exchange = exchange_for("k", cache_dir=None, base_url=service.url)
    assert len(list(project_crystals(exchange, limit=3, page=2))) == 3
    assert len(service.asked) == 2


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "text",
        {},
        {"sites": [], "lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]}},
        _structure("Qq"),
        _structure(occupied=0.5),
        _structure() | {"lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 0]]}},
        _structure() | {"lattice": {"matrix": [[4, 0, 0], [0, float("nan"), 0], [0, 0, 4]]}},
        {**_structure(), "sites": [{"species": [{"element": "Na", "occu": 1}], "abc": [0, 0]}]},
        {**_structure(), "sites": [{"species": [{"element": "Na", "occu": None}], "abc": [0, 0, 0]}]},
    ],
)
def test_what_is_no_ordered_crystal_is_none(broken: Any) -> None:
    assert crystal_of(broken) is None


def test_entries_of_another_form_come_without_a_crystal(service: Service) -> None:
    service.say(Reply(body={"data": ["text", {"material_id": None, "band_gap": "wide"}, _entry(1)]}))
    found = list(project_crystals(exchange_for("k", cache_dir=None, base_url=service.url)))
    assert [one.crystal is None for one in found] == [True, True, False]
    assert found[1].properties == {}


def test_another_answer_or_a_senseless_question_is_refused(service: Service) -> None:
    exchange = exchange_for("k", cache_dir=None, base_url=service.url)
    service.say(Reply(body={"detail": "moved"}))
    with pytest.raises(ServiceError, match="another form"):
        next(project_crystals(exchange))
    service.say(Reply(status=403))
    with pytest.raises(ServiceError, match="refused"):
        next(project_crystals(exchange))
    with pytest.raises(UsageError):
        next(project_crystals(exchange, atoms_max=0))
    with pytest.raises(SpecError, match="no element"):
        next(project_crystals(exchange, elements=("Xx",)))
