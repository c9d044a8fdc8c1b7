"""What the literature reports of a plan's targets: the right ends of the range, with their quotes, and no more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.agents.decisions import Plan
from matsmith.agents.literature import reports
from matsmith.agents.literature_outlook import informed, reported_ranges
from matsmith.agents.session import plan_objective
from matsmith.core.quantity import Relation
from matsmith.core.reported import ReportedRange
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, Conditions, DesignSpec, Target
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import FILE_NAME
from matsmith.knowledge.literature.readers.markdown import read_markdown

TEXTS = {
    "hafnium": "The bulk modulus of HfN is 269 GPa. The bulk modulus of Hf3N4 is 250 GPa.",
    "hot": "At 1500 K the bulk modulus of ZrN is 410 GPa.",
    "oxide": "The bulk modulus of MgO is 160 GPa. The measured band gap of MgO is 7.8 eV.",
    "gap": "The band gap of ZrO2 calculated with PBE is 4.0 eV.",
}


def wish(
    relation: Relation, value: float | None = None, *, element: str = "N", **fields: object
) -> DesignSpec:
    return DesignSpec.model_validate(
        {
            "targets": [Target(property="bulk_modulus", relation=relation, value=value)],
            "chemistry": Chemistry(required=[element]),
            **fields,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Library.open(tmp_path, create=True) as library:
        for name, text in TEXTS.items():
            library.add(read_markdown(f"# Report on {name}\n\n{text}\n".encode(), path=f"{name}.md"))
    return tmp_path


def only(spec: DesignSpec, folder: Path) -> ReportedRange:
    (found,) = reported_ranges(reports(spec, folder=folder), spec=spec)
    return found


def test_a_target_that_nothing_reported_reaches_is_a_warning_with_the_best_quote(folder: Path) -> None:
    spec = wish(Relation.ABOVE, 350.0)
    plan = informed(Plan(spec=spec), folder=folder)
    (found,) = plan.reported
    assert (found.reached, found.meeting) == (False, [])
    assert (found.highest.material, found.highest.low, found.lowest.formula) == ("HfN", 269.0, "Hf3N4")
    assert found.highest.words == "The bulk modulus of HfN is 269 GPa."
    assert plan.warnings == [found.sentence]
    assert "269 GPa of HfN" in found.sentence
    assert "no proof" in found.sentence
    assert plan.spec == spec


def test_a_target_that_is_reached_names_who_reaches_it_and_warns_of_nothing(folder: Path) -> None:
    plan = informed(Plan(spec=wish(Relation.ABOVE, 260.0)), folder=folder)
    (found,) = plan.reported
    assert (found.reached, found.meeting, plan.warnings) == (True, ["HfN"], [])
    assert "HfN" in found.sentence


def test_the_lowest_counts_for_what_should_be_low_and_an_extreme_is_never_reached(folder: Path) -> None:
    low = only(wish(Relation.BELOW, 100.0), folder)
    assert low.reached is False
    assert "250 GPa of Hf3N4" in low.sentence
    extreme = only(wish(Relation.MAXIMISE), folder)
    assert extreme.reached is None
    assert "highest value quoted is 269 GPa of HfN" in extreme.sentence


def test_other_conditions_and_other_kinds_of_value_are_left_out(folder: Path) -> None:
    assert only(wish(Relation.ABOVE, 350.0), folder).values == 2
    hot = wish(Relation.ABOVE, 350.0, conditions=Conditions(temperature_k=1500.0))
    assert only(hot, folder).meeting == ["NZr"]
    gap = DesignSpec(
        targets=[Target(property="measured_band_gap", relation=Relation.ABOVE, value=3.0)],
        chemistry=Chemistry(required=["Zr", "O"]),
    )
    assert reported_ranges(reports(gap, folder=folder), spec=gap) == []


def test_only_what_the_chemistry_allows_counts(folder: Path) -> None:
    assert only(wish(Relation.ABOVE, 150.0, element="O"), folder).meeting == ["MgO"]
    assert (
        reported_ranges(
            reports(wish(Relation.ABOVE, 1.0, element="Te"), folder=folder),
            spec=wish(Relation.ABOVE, 1.0, element="Te"),
        )
        == []
    )


def test_a_retracted_paper_reports_nothing(folder: Path) -> None:
    with Library.open(folder) as library:
        (entry,) = (entry for entry in library.documents() if "hafnium" in entry.title)
        library.set_metadata(entry.id, retracted=True)
    assert (
        reported_ranges(reports(wish(Relation.ABOVE, 1.0), folder=folder), spec=wish(Relation.ABOVE, 1.0))
        == []
    )


def test_a_plan_tells_what_is_reported_and_a_broken_library_is_left_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cache_dir=tmp_path, library_dir=tmp_path / "library")
    check = plan_objective("an oxide with a bulk modulus above 150 GPa", settings=settings)
    (found,) = check.plan.reported
    assert "Al2MgO4" in found.meeting
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / FILE_NAME).write_bytes(b"this is no database, and long enough to tell" * 40)
    again = plan_objective("an oxide with a bulk modulus above 150 GPa", settings=settings)
    assert again.plan.reported == check.plan.reported
    assert any("library was left out" in warning for warning in again.plan.warnings)
