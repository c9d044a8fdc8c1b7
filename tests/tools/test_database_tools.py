from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from local_service import Reply, Service, local_service

from matsmith.core.errors import ToolError
from matsmith.core.settings import Settings
from matsmith.knowledge import optimade_providers
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """OQMD, on this machine."""
    with local_service() as running:
        local = replace(optimade_providers.get_provider("oqmd"), base_url=running.url)
        monkeypatch.setitem(optimade_providers.PROVIDERS, "oqmd", local)
        yield running


def deps(tmp_path: Path) -> Deps:
    return Deps(settings=Settings.model_validate({"cache_dir": tmp_path, "mp_api_key": None}))


def test_rows_are_facts_and_no_quantities(service: Service, tmp_path: Path) -> None:
    attributes = {"chemical_formula_reduced": "GaN", "elements": ["Ga", "N"], "_oqmd_band_gap": 1.7}
    service.say(Reply(body={"data": [{"id": "1", "attributes": attributes}], "meta": {"data_returned": 1}}))
    tool = get_tool("optimade")
    args = tool.args.model_validate(
        {"provider": "oqmd", "elements": ["Ga", "N"], "only": True, "at_least": {"computed_band_gap": 1.0}}
    )
    outcome = tool.run(args, deps=deps(tmp_path))
    assert outcome.failure is None
    assert outcome.quantities == {}
    assert outcome.facts["rows"] == [
        {
            "id": "1",
            "formula": "GaN",
            "space_group": None,
            "values": {"computed_band_gap": 1.7},
            "labels": {"computed_band_gap": "PBE"},
        }
    ]
    assert (outcome.facts["licence"], outcome.facts["available"]) == ("CC BY 4.0", 1)
    assert outcome.method is not None
    assert "doi:" in outcome.method.reference


def test_a_database_that_refuses_is_a_typed_failure(service: Service, tmp_path: Path) -> None:
    service.say(Reply(status=400, body=""))
    tool = get_tool("optimade")
    outcome = tool.run(tool.args.model_validate({"provider": "oqmd", "formula": "GaN"}), deps=deps(tmp_path))
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.retryable) == ("service_failed", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "icsd", "formula": "GaN"},
        {"provider": "oqmd"},
        {"provider": "oqmd", "elements": ["Ga"], "excluded": ["Ga"]},
        {"provider": "cod", "elements": ["Ga"], "stable": True},
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    tool = get_tool("optimade")
    with pytest.raises(ToolError):
        tool.run(tool.args.model_validate(wrong), deps=deps(tmp_path))


def test_the_materials_project_needs_a_key() -> None:
    tool = get_tool("materials_project")
    without = Settings.model_validate({"mp_api_key": None})
    assert "MP_API_KEY" in (tool.missing(without) or "")
    assert tool.missing(Settings.model_validate({"mp_api_key": "x"})) is None
