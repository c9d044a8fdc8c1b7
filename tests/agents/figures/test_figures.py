"""Figures against the facts they are made from, and records that make none."""

from __future__ import annotations

import io
import math
from typing import Any, cast
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from plotted_records import plotted_records, record_of, stability
from rich.console import Console

from matsmith.agents.figures.build import drawing_of, plotted_facts, plotted_tools
from matsmith.agents.figures.model import Figure, Series
from matsmith.agents.report.figure_svg import figure_element
from matsmith.agents.report.record_view import record_figures
from matsmith.agents.report.wording import title_of
from matsmith.app.tool_view import record_view
from matsmith.core.crystal import Crystal
from matsmith.core.record import DRAWN_FACTS, Outcome, Record
from matsmith.tools.drawn_facts import MOST_PHASES


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return plotted_records()


def figure(record: Record, name: str) -> Figure:
    return next(one for one in drawing_of(record).figures if one.id == name)


def series(drawn: Figure, name: str) -> Series:
    return next(one for one in drawn.series if one.name == name)


def values(numbers: tuple[float | None, ...]) -> list[float]:
    return [number for number in numbers if number is not None]


def test_every_tool_with_figures_is_a_tool_and_is_drawn(records: dict[str, Record]) -> None:
    keeping = {
        name for record in records.values() for name in record.outcome.facts if name in plotted_facts()
    }
    assert keeping == set(plotted_facts())
    of_tools = [record for record in records.values() if not keeping & set(record.outcome.facts)]
    assert {record.tool for record in of_tools} == set(plotted_tools())
    for name, record in records.items():
        drawing = drawing_of(record)
        assert drawing.figures, name
        assert drawing.lacking == ""
        assert drawing.record == record.id


def test_rows_kept_for_pictures_are_listed_neither_for_people_nor_for_models(
    records: dict[str, Record],
) -> None:
    outcomes = [record.outcome for record in records.values()]
    assert {name for outcome in outcomes for name in outcome.facts if name in DRAWN_FACTS} == DRAWN_FACTS
    for outcome in outcomes:
        assert set(outcome.facts_to_read) == set(outcome.facts) - DRAWN_FACTS
    for record in records.values():
        console = Console(width=120, record=True, file=io.StringIO())
        console.print(record_view(record))
        text = console.export_text()
        assert not any(title_of(name) in text for name in DRAWN_FACTS), record.tool


def test_a_binary_diagram_holds_the_hull_and_the_candidate_with_its_error(records: dict[str, Record]) -> None:
    record = records["binary"]
    drawn = figure(record, "phase-diagram")
    assert (drawn.x.name, drawn.y.unit) == ("fraction of O", "eV/atom")
    own = series(drawn, "this candidate")
    formation = record.quantities["formation_energy"]
    assert (own.x, own.y, own.y_sigma) == ((0.5,), (formation.value,), (formation.sigma,))
    assert str(record.quantities["energy_above_hull"]) in own.labels[0]
    hull = series(drawn, "hull")
    assert values(hull.x) == sorted(values(hull.x))
    # A hull is convex: the slopes rise along it.
    slopes = np.diff(values(hull.y)) / np.diff(values(hull.x))
    assert (np.diff(slopes) > 0).all()
    assert hull.y[0] == hull.y[-1] == 0.0


def test_a_triangle_keeps_what_every_phase_is_made_of(records: dict[str, Record]) -> None:
    drawn = figure(records["ternary"], "phase-diagram")
    assert [words.text for words in drawn.words] == ["Mg", "Al", "O"]
    assert drawn.equal
    assert not drawn.framed
    own = series(drawn, "this candidate")
    # Mg 1/7, Al 2/7, O 4/7 with the corners at (0, 0), (1, 0) and (1/2, √3/2).
    assert own.x[0] == pytest.approx(2 / 7 + 0.5 * 4 / 7)
    assert own.y[0] == pytest.approx(4 / 7 * math.sqrt(3) / 2)
    assert {"MgO", "Al2O3"} <= set(series(drawn, "on the hull").names)
    ties = series(drawn, "tie lines")
    assert len(ties.x) % 3 == 0
    table = figure(records["ternary"], "phases")
    shares = {row[0]: row[3] for row in table.rows if row[3]}
    assert shares == {"Al2O3": "71.4 %", "MgO": "28.6 %"}


def test_four_elements_become_a_table(records: dict[str, Record]) -> None:
    drawing = drawing_of(records["quaternary"])
    assert [one.id for one in drawing.figures] == ["phases"]
    shares = [float(row[3].removesuffix(" %")) for row in drawing.figures[0].rows if row[3]]
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_the_kept_phases_give_the_distance_to_the_hull_that_was_judged(records: dict[str, Record]) -> None:
    record = records["ternary"]
    kept = cast("dict[str, Any]", record.outcome.facts["competition_drawn"])
    assert len(kept["phases"]) <= MOST_PHASES
    told = {row[0]: float(row[1].replace("−", "-").split(" ")[0]) for row in figure(record, "phases").rows}
    fall_apart = 5 / 7 * told["Al2O3"] + 2 / 7 * told["MgO"]
    above = record.quantities["formation_energy"].value - fall_apart
    assert record.quantities["energy_above_hull"].value == pytest.approx(above, abs=2e-3)


def test_a_pattern_has_a_stick_for_every_line_and_a_profile_as_high(records: dict[str, Record]) -> None:
    record = records["pattern"]
    lines = cast("list[dict[str, Any]]", record.outcome.facts["lines"])
    drawn = figure(record, "xray-pattern")
    sticks = series(drawn, "lines")
    assert sticks.style == "sticks"
    assert list(sticks.x) == sorted(line["two_theta_deg"] for line in lines)
    assert "(2 0 0)" in sticks.labels[int(np.argmax(values(sticks.y)))]
    profile = next(one for one in drawn.series if one.style == "line")
    assert max(values(profile.y)) == pytest.approx(100, abs=0.1)
    assert (drawn.x.low, drawn.x.high) == (10.0, 90.0)


def test_a_scan_is_drawn_with_its_fit_and_its_phases(records: dict[str, Record]) -> None:
    drawn = figure(records["scan"], "fitted-scan")
    measured, fitted = series(drawn, "measured"), series(drawn, "fit of all phases")
    assert np.corrcoef(values(measured.y), values(fitted.y))[0, 1] > 0.98
    corundum = series(drawn, "Al2O3 (corundum)")
    # The strongest lines of the phases stand where the scan peaks.
    top = values(measured.x)[int(np.argmax(values(measured.y)))]
    marks = values(corundum.x) + values(series(drawn, "MgO (periclase)").x)
    assert min(abs(mark - top) for mark in marks) < 0.1


def test_the_cuts_of_a_cubic_crystal_are_alike_and_reach_its_extremes(records: dict[str, Record]) -> None:
    record = records["elasticity"]
    cuts = figure(record, "youngs-modulus").series
    first, second, third = (np.hypot(values(cut.x), values(cut.y)) for cut in cuts)
    np.testing.assert_allclose(first, second, rtol=2e-3)
    np.testing.assert_allclose(first, third, rtol=2e-3)
    # Along an edge a cubic crystal of this kind is softest; the planes of the axes hold that direction.
    smallest = record.quantities["smallest_youngs_modulus"].value
    assert first.min() == pytest.approx(smallest, rel=1e-2)
    squeezed = figure(record, "linear-compressibility").series[0]
    radius = np.hypot(values(squeezed.x), values(squeezed.y))
    facts = cast("dict[str, Any]", record.outcome.facts["uncorrected"])
    np.testing.assert_allclose(radius, 1000 / (3 * facts["bulk_modulus_hill_gpa"]), rtol=1e-2)


def test_bands_begin_at_rest_and_are_told_imaginary_where_they_are(records: dict[str, Record]) -> None:
    record = records["phonons"]
    drawn = figure(record, "phonon-bands")
    assert drawn.x.ticks[0] == (0.0, "Γ")
    bands = [one for one in drawn.series if one.name == "bands"]
    assert len(bands) == 12  # three for each of four atoms
    assert sorted(abs(values(band.y)[0]) for band in bands)[:3] == pytest.approx([0, 0, 0], abs=0.05)
    highest = max(max(values(band.y)) for band in bands)
    assert highest == pytest.approx(float(str(record.outcome.facts["highest_frequency_thz"])), rel=0.05)
    facts = dict(record.outcome.facts)
    kept = cast("dict[str, Any]", facts["bands"])
    soft = [[value - 1.0 for value in branch] for branch in kept["frequency_thz"]]
    facts |= {
        "bands": {**kept, "frequency_thz": soft},
        "imaginary_share": 0.04,
        "lowest_frequency_thz": -1.0,
    }
    unstable = record.model_copy(update={"outcome": record.outcome.model_copy(update={"facts": facts})})
    marked = figure(unstable, "phonon-bands")
    imaginary = [one for one in marked.series if one.name == "imaginary"]
    assert imaginary
    assert all(value < 0 for one in imaginary for value in values(one.y))
    assert any("imaginary" in label for one in marked.series for label in one.labels)
    assert "4.0 % of the modes are imaginary" in marked.note


def test_curves_pass_through_their_points(records: dict[str, Record]) -> None:
    drawn = figure(records["equation of state"], "energy-over-volume")
    fit, points = series(drawn, "fit"), series(drawn, "computed")
    at = np.interp(values(points.x), values(fit.x), values(fit.y))
    np.testing.assert_allclose(at, values(points.y), atol=0.5)
    assert len(points.x) == 7
    hop = series(figure(records["hop"], "hop-profile"), "image")
    facts = records["hop"].outcome.facts
    assert max(values(hop.y)) == pytest.approx(float(str(facts["uncorrected_barrier_ev"])), abs=1e-3)
    volume = series(figure(records["heating"], "volume-over-temperature"), "volume")
    assert values(volume.x)[0] == 0.0
    assert (np.diff(values(volume.y)[1:]) > 0).all()


def test_failures_and_other_tools_have_no_figure(records: dict[str, Record]) -> None:
    failed = Record.of(
        Outcome.failed("x", "No."), tool="phonons", tool_version="1", inputs={}, identity="", seed=0
    )
    other = records["phonons"].model_copy(update={"tool": "density"})
    assert drawing_of(failed).figures == ()
    assert drawing_of(other).figures == ()
    assert record_figures(failed) is None


numbers = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5))
oddities = st.recursive(
    numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(data=st.data())
def test_facts_of_any_shape_make_a_figure_or_a_sentence(
    records: dict[str, Record], data: st.DataObject
) -> None:
    record = records[data.draw(st.sampled_from(sorted(records)))]
    facts: dict[str, Any] = dict(record.outcome.facts)
    facts[data.draw(st.sampled_from(sorted(facts)))] = data.draw(oddities)
    changed = record.model_copy(update={"outcome": record.outcome.model_copy(update={"facts": facts})})
    drawing = drawing_of(changed)
    assert drawing.lacking or isinstance(drawing.figures, tuple)
    for drawn in drawing.figures:
        assert all(math.isfinite(y) for one in drawn.series for y in one.y if y is not None)


def test_the_report_shows_the_same_points_as_markup_that_can_be_read(records: dict[str, Record]) -> None:
    for record in records.values():
        for drawn in drawing_of(record).figures:
            if drawn.columns or drawn.surface:
                continue
            root = ElementTree.fromstring(figure_element(drawn))
            wanted = sum(len(values(one.x)) for one in drawn.series if one.style not in ("line", "area"))
            assert sum("mark" in node.get("class", "").split() for node in root.iter()) == wanted
            paths = [
                node.get("d", "")
                for node in root.iter("path")
                if not {"mark", "band"} & set(node.get("class", "").split())
            ]
            corners = sum(path.count("M") + path.count("L") - 2 * path.count("Z") for path in paths)
            assert corners == sum(len(values(one.x)) for one in drawn.series if one.style in ("line", "area"))


def test_curves_are_drawn_with_their_error_whatever_the_tool(records: dict[str, Record]) -> None:
    drawing = drawing_of(records["dynamics"])
    assert [drawn.id for drawn in drawing.figures] == ["stress-strain", "displacement", "pair-distances"]
    tension = series(drawing.figures[0], "tension")
    assert tension.labels[0] == "tension, 0 %: 0 ± 0.2 GPa"
    assert max(values(tension.y)) == pytest.approx(9 * np.sin(1.4 * 1.0) * np.exp(-7 / 30), abs=0.3)
    root = ElementTree.fromstring(figure_element(drawing.figures[0]))
    (band,) = [node for node in root.iter("path") if "band" in node.get("class", "").split()]
    assert band.get("d", "").count("L") == 2 * len(tension.x) - 1
    # The band is around the line: its first corner one sigma above, its last one below.
    numbers = [
        float(corner.split()[1]) for corner in band.get("d", "").removeprefix("M").rstrip("Z").split("L")
    ]
    (curve,) = [node for node in root.iter("path") if node.get("class", "").split()[-1] == "line"]
    start = float(curve.get("d", "").removeprefix("M").split("L")[0].split()[1])
    assert numbers[0] < start < numbers[-1]
    assert start - numbers[0] == pytest.approx(numbers[-1] - start, abs=0.11)


def test_contributions_are_bars_from_zero_the_largest_first(records: dict[str, Record]) -> None:
    drawn = drawing_of(records["explained"]).figures[0]
    assert [text for _, text in drawn.y.ticks][:2] == [
        "mean electronegativity difference = 1.74",
        "mean covalent radius = 128 pm",
    ]
    raised, lowered = series(drawn, "raises it"), series(drawn, "lowers it")
    assert (raised.x, lowered.x) == ((0.82, 0.12, 0.05), (-0.41, -0.23))
    assert raised.y[0] == 5.0
    assert "2.15 eV" in drawn.note
    assert "2.5 eV" in drawn.note
    root = ElementTree.fromstring(figure_element(drawn))
    paths = [node.get("d", "") for node in root.iter("path") if "mark" in node.get("class", "").split()]
    zero = {path.split()[0].removeprefix("M") for path in paths}
    assert len(zero) == 1, "every bar begins at zero"


def test_contributions_that_do_not_add_up_are_not_drawn(records: dict[str, Record]) -> None:
    record = records["explained"]
    groups = cast("list[dict[str, Any]]", record.outcome.facts["contributions"])
    facts: dict[str, Any] = {"contributions": [{**groups[0], "value": 9.9}]}
    changed = record.model_copy(update={"outcome": record.outcome.model_copy(update={"facts": facts})})
    assert drawing_of(changed).figures == ()
    assert "run the tool again" in drawing_of(changed).lacking


def test_the_surface_has_the_extremes_of_the_modulus(records: dict[str, Record]) -> None:
    record = records["elasticity"]
    surface = figure(record, "youngs-surface").surface
    assert surface is not None
    distances = np.array(surface.distances)
    largest = record.quantities["largest_youngs_modulus"].value
    assert distances.max() == pytest.approx(largest, rel=0.02)
    assert distances.max() <= largest * 1.0001
    # A direction and its opposite are one: the same modulus on both sides.
    half = len(surface.azimuth_deg) // 2
    assert distances[3, 4] == pytest.approx(distances[-4, 4 + half], rel=1e-4)
    root = ElementTree.fromstring(figure_element(figure(record, "youngs-surface")))
    faces = [node for node in root.iter("path") if node.get("fill", "").startswith("#")]
    all_faces = (len(surface.polar_deg) - 1) * (len(surface.azimuth_deg) - 1)
    assert 0.3 * all_faces < len(faces) < 0.7 * all_faces, "those that look away are left out"


def test_names_in_a_record_cannot_become_markup(records: dict[str, Record]) -> None:
    record = records["hop"]
    facts = {**record.outcome.facts, "ion": "<script>alert(1)</script>"}
    changed = record.model_copy(update={"outcome": record.outcome.model_copy(update={"facts": facts})})
    text = str(record_figures(changed))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_many_phases_keep_every_corner_of_the_hull(monkeypatch: pytest.MonkeyPatch) -> None:
    from matsmith.tools import drawn_facts

    monkeypatch.setattr(drawn_facts, "MOST_PHASES", 3)
    record = stability(_magnesium_aluminate(), formation_ev_per_atom=-3.2)
    kept = cast("dict[str, Any]", record.outcome.facts["competition_drawn"])
    assert kept["left_out"] > 0
    assert {"MgO", "Al2O3"} <= {phase["formula"] for phase in kept["phases"]}
    assert "left out" in figure(record, "phase-diagram").note


def _magnesium_aluminate() -> Crystal:
    from plotted_records import spinel

    return spinel()


def test_a_pattern_in_another_range_is_drawn_in_that_range() -> None:
    from plotted_records import MAGNESIA

    record = record_of("xray_pattern", MAGNESIA, two_theta_min=30.0, two_theta_max=50.0)
    drawn = figure(record, "xray-pattern")
    assert (drawn.x.low, drawn.x.high) == (30.0, 50.0)
    assert all(30 <= angle <= 50 for angle in values(series(drawn, "lines").x))


def test_a_primitive_cell_gives_the_indices_of_its_conventional_cell() -> None:
    from plotted_records import COPPER

    lines = cast(
        "list[dict[str, Any]]", record_of("xray_pattern", COPPER, two_theta_max=100.0).outcome.facts["lines"]
    )
    # Copper's well-known lines with copper radiation: 111, 200, 220, 311, 222.
    assert [line["hkl"] for line in lines] == ["1 1 1", "2 0 0", "2 2 0", "3 1 1", "2 2 2"]
    for line in lines:
        h = np.array([int(index) for index in line["hkl"].split()])
        assert line["d_angstrom"] == pytest.approx(3.61 / np.sqrt(h @ h), abs=1e-3)
