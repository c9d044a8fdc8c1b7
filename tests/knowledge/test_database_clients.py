"""OPTIMADE providers and the Materials Project's summaries against a local server that answers as they document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from local_service import Asked, Reply, Service, local_service
from pydantic import ValidationError

from matsmith.core.errors import UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Interval
from matsmith.knowledge import optimade, project_summaries
from matsmith.knowledge.database_query import DatabaseQuery
from matsmith.knowledge.exchange import ServiceError
from matsmith.knowledge.optimade import ask, optimade_filter
from matsmith.knowledge.optimade_providers import PROVIDERS, Provider, get_provider
from matsmith.knowledge.project_summaries import ask_project, summary_parameters

SILICA = DatabaseQuery(elements=("Si", "O"), only=True)


def _no_pause(seconds: float) -> None:
    del seconds


@pytest.fixture
def service() -> Iterator[Service]:
    with local_service() as running:
        yield running


def entry(
    number: int, *, formula: str = "O2Si", elements: tuple[str, ...] = ("O", "Si"), **attributes: Any
) -> dict[str, Any]:
    return {
        "id": str(number),
        "type": "structures",
        "attributes": {
            "chemical_formula_reduced": formula,
            "elements": list(elements),
            "nelements": len(elements),
            **attributes,
        },
    }


def page(*entries: dict[str, Any], following: Any = None, returned: int | None = None) -> Reply:
    return Reply(
        body={
            "data": list(entries),
            "links": {"next": following},
            "meta": {
                "data_returned": returned if returned is not None else len(entries),
                "api_version": "1.1.0",
            },
        }
    )


def asked(query: DatabaseQuery, service: Service, *, provider: str = "oqmd") -> Any:
    local: Provider = replace(get_provider(provider), base_url=service.url)
    exchange = replace(
        optimade.exchange_for(local, cache_dir=None), min_interval_s=0.0, sleep=_no_pause, retries=1
    )
    return ask(query, local, exchange=exchange)


def test_every_provider_maps_to_properties_that_exist() -> None:
    for provider in PROVIDERS.values():
        assert set(provider.fields) <= set(PROPERTIES)
        assert provider.base_url.startswith("https://")
        assert "doi:" in provider.citation


def test_the_filter_is_optimades_language() -> None:
    query = DatabaseQuery(
        elements=("N",),
        excluded=("Pb",),
        any_of=(("Ti", "Zr"),),
        elements_min=3,
        elements_max=3,
        bounds={"computed_band_gap": Interval(low=2.0, high=3.0)},
    )
    assert optimade_filter(query, get_provider("alexandria")) == (
        'elements HAS ALL "N" AND elements HAS ANY "Ti","Zr" AND NOT elements HAS ANY "Pb" AND nelements=3 '
        "AND _alexandria_band_gap>=2 AND _alexandria_band_gap<=3"
    )
    assert (
        optimade_filter(DatabaseQuery(formula="TiO2"), get_provider("cod"))
        == 'chemical_formula_reduced="O2Ti"'
    )


def test_what_a_provider_does_not_hold_is_refused_before_anything_is_sent(service: Service) -> None:
    with pytest.raises(UsageError, match="cannot be asked for bulk modulus"):
        asked(DatabaseQuery(elements=("O",), bounds={"bulk_modulus": Interval(low=200)}), service)
    with pytest.raises(UsageError, match="everything"):
        asked(DatabaseQuery(), service)
    with pytest.raises(UsageError, match="space groups"):
        asked(DatabaseQuery(elements=("O",), space_groups=(225,)), service, provider="jarvis")
    assert service.asked == []


def test_rows_carry_values_in_the_registrys_names(service: Service) -> None:
    service.say(
        page(
            entry(7, _oqmd_stability=-0.01, _oqmd_delta_e=-3.1, _oqmd_band_gap=5.7, _oqmd_spacegroup="P3_121")
        )
    )
    answer = asked(SILICA.model_copy(update={"stable": True}), service)
    (row,) = answer.rows
    assert row.values == {"energy_above_hull": -0.01, "formation_energy": -3.1, "computed_band_gap": 5.7}
    assert (row.id, row.formula, row.space_group) == ("7", "O2Si", 152)
    assert (answer.licence, answer.date[:2]) == ("CC BY 4.0", "20")
    assert service.asked[0].path == "/v1/structures"
    assert (
        service.asked[0].params["filter"]
        == 'elements HAS ALL "O","Si" AND nelements=2 AND _oqmd_stability<=0.000001'
    )


def test_nested_fields_cannot_be_filtered_and_are_checked_on_the_rows(service: Service) -> None:
    def with_distance(number: int, distance: float | None) -> dict[str, Any]:
        held = {"gga_gga+u": {"energy_above_hull": distance}} if distance is not None else None
        return entry(number, _mp_stability=held)

    service.say(page(with_distance(1, 0.0), with_distance(2, 0.2), with_distance(3, None)))
    answer = asked(SILICA.model_copy(update={"stable": True}), service, provider="mp")
    assert [row.id for row in answer.rows] == ["1"]
    assert "_mp_stability<" not in service.asked[0].params["filter"]
    assert any("2 entries" in note for note in answer.notes)


def test_pages_are_read_to_the_limit(service: Service) -> None:
    def reply(request: Asked) -> Reply:
        offset = int(request.params.get("page_offset", "0"))
        following = f"{service.url}/v1/structures?page_offset={offset + 2}" if offset < 8 else None
        return page(
            entry(offset),
            entry(offset + 1),
            following={"href": following} if following else None,
            returned=10,
        )

    service.answer = reply
    answer = asked(SILICA.model_copy(update={"limit": 5}), service)
    assert [row.id for row in answer.rows] == ["0", "1", "2", "3", "4"]
    assert (len(service.asked), answer.available) == (3, 10)


def test_a_next_page_on_another_host_is_not_followed(service: Service) -> None:
    service.say(page(entry(1), following="https://elsewhere.invalid/v1/structures"))
    with pytest.raises(ServiceError, match="another host"):
        asked(SILICA, service)


def test_an_empty_page_is_an_answer(service: Service) -> None:
    service.say(page())
    answer = asked(SILICA, service)
    assert (answer.rows, answer.available) == ((), 0)


@pytest.mark.parametrize("body", [{"structures": []}, [], {"data": None}, {"data": {"id": 1}}])
def test_another_form_is_said(service: Service, body: Any) -> None:
    service.say(Reply(body=body))
    with pytest.raises(ServiceError, match="another form"):
        asked(SILICA, service)


def test_damaged_entries_are_left_out_and_counted(service: Service) -> None:
    bad = [
        {"id": "1"},
        {"id": "2", "attributes": {"elements": ["O"], "chemical_formula_reduced": "Xx2"}},
        "text",
        entry(4, elements=("O",)),
    ]
    service.say(Reply(body={"data": [*bad, entry(5, _oqmd_band_gap="wide")]}))
    answer = asked(SILICA, service)
    assert [(row.id, dict(row.values)) for row in answer.rows] == [("5", {})]
    assert any("4 entries" in note for note in answer.notes)


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (429, True), (400, False)])
def test_a_failing_provider_is_said(service: Service, status: int, retryable: bool) -> None:
    service.say(Reply(status=status, body=""))
    with pytest.raises(ServiceError, match="OQMD") as caught:
        asked(SILICA, service)
    assert caught.value.retryable is retryable


def summary(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "material_id": f"mp-{number}",
        "formula_pretty": "SiO2",
        "elements": ["O", "Si"],
        "symmetry": {"crystal_system": "Trigonal", "symbol": "P3_121", "number": 152},
        "theoretical": False,
        "energy_above_hull": 0.0,
        "formation_energy_per_atom": -3.27,
        "bulk_modulus": {"voigt": 38.0, "reuss": 36.0, "vrh": 37.0},
        **changed,
    }


def project(query: DatabaseQuery, service: Service, *, cache: Path | None = None) -> Any:
    exchange = project_summaries.exchange_for("the-key", cache_dir=cache, base_url=service.url)
    return ask_project(query, exchange=replace(exchange, min_interval_s=0.0, sleep=_no_pause, retries=1))


def test_the_projects_parameters_follow_from_the_query() -> None:
    query = DatabaseQuery(
        elements=("Si", "O"),
        only=True,
        stable=True,
        properties=("bulk_modulus",),
        bounds={"bulk_modulus": Interval(low=100.0)},
    )
    params = summary_parameters(query)
    assert {key: params[key] for key in ("chemsys", "is_stable", "k_vrh_min")} == {
        "chemsys": "O-Si",
        "is_stable": "true",
        "k_vrh_min": "100",
    }
    assert "bulk_modulus" in params["_fields"].split(",")
    with pytest.raises(UsageError, match="cannot be asked for Vickers hardness"):
        summary_parameters(DatabaseQuery(elements=("C",), properties=("hardness",)))


def test_the_projects_rows(service: Service, tmp_path: Path) -> None:
    service.say(Reply(body={"data": [summary(1), summary(2, bulk_modulus=None)], "meta": {"total_doc": 2}}))
    answer = project(
        DatabaseQuery(elements=("Si", "O"), only=True, properties=("bulk_modulus",)), service, cache=tmp_path
    )
    assert [row.values.get("bulk_modulus") for row in answer.rows] == [37.0, None]
    assert answer.rows[0].space_group == 152
    assert {name.lower(): value for name, value in service.asked[0].headers.items()}["x-api-key"] == "the-key"
    assert all("the-key" not in path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.json"))


def test_the_project_is_asked_page_by_page(service: Service) -> None:
    def reply(request: Asked) -> Reply:
        skip, size = int(request.params["_skip"]), int(request.params["_limit"])
        data = [summary(number) for number in range(skip, min(skip + size, 25))]
        return Reply(body={"data": data, "meta": {"total_doc": 25}})

    service.answer = reply
    answer = project(DatabaseQuery(elements=("Si", "O"), limit=12), service)
    assert (len(answer.rows), answer.available, len(service.asked)) == (12, 25, 1)


@pytest.mark.parametrize("body", [{"detail": "moved"}, [], {"data": {}}])
def test_the_project_in_another_form_is_said(service: Service, body: Any) -> None:
    service.say(Reply(body=body))
    with pytest.raises(ServiceError, match="another form"):
        project(SILICA, service)


def test_a_refused_key_is_said(service: Service) -> None:
    service.say(Reply(status=403, body={"message": "Forbidden"}))
    with pytest.raises(ServiceError, match="refused the key"):
        project(SILICA, service)


@pytest.mark.parametrize(
    "wrong",
    [
        {"elements": ("Si",), "excluded": ("Si",)},
        {"elements_min": 4, "elements_max": 2},
        {"properties": ("smell",)},
        {"limit": 0},
        {"limit": 501},
    ],
)
def test_a_query_that_contradicts_itself_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DatabaseQuery(**wrong)
