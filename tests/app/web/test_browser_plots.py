"""Figures of real records in a real browser, without any other host: every point drawn, read by mouse and keys, saved, in both schemes."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from plotted_records import plotted_records

from matsmith.agents.decisions import Plan, RoundSummary
from matsmith.agents.figures.build import drawing_of
from matsmith.agents.figures.model import Figure
from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.record import Record
from matsmith.core.run import Judgement, RunHeader, Stop, StopReason
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, Verdict

pytestmark = pytest.mark.timeout(280)
RUN = "a-run-with-figures"


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    return plotted_records()


def show(page: Any, address: str, records: dict[str, Record]) -> None:
    """Draw records as the page's own record view does, one below the other."""
    page.goto(f"{address}/#/library")
    page.get_by_role("heading", level=1, name="Library").wait_for()
    page.evaluate(
        """async (records) => {
          const { recordBody } = await import("/static/js/record.js");
          const main = document.getElementById("main");
          main.replaceChildren();
          for (const [name, record] of Object.entries(records)) {
            const section = document.createElement("section");
            section.dataset.of = name;
            section.className = "card";
            main.append(section);
            section.append(recordBody(record));
            await section.querySelector(".figures").ready;
          }
        }""",
        {name: json.loads(record.model_dump_json()) for name, record in records.items()},
    )
    page.wait_for_timeout(300)


def expected(figure: Figure) -> dict[str, int]:
    """How many marks, and points in lines, a figure has by its data."""
    marks = points = names = 0
    for series in figure.series:
        drawn = sum(x is not None and y is not None for x, y in zip(series.x, series.y, strict=True))
        if series.style in ("line", "area"):
            points += drawn
        else:
            marks += drawn
        names += 0 if series.quiet else drawn
    return {"marks": marks, "points": points, "read": names}


def test_every_point_of_every_record_is_drawn_and_saved(
    page: Any, address: str, records: dict[str, Record], tmp_path: Path
) -> None:
    show(page, address, records)
    seen: list[str] = []
    for name, record in records.items():
        drawing = drawing_of(record)
        assert drawing.figures, name
        assert drawing.lacking == "", name
        for figure in drawing.figures:
            place = page.locator(f'section[data-of="{name}"] figure[data-figure="{figure.id}"]')
            assert place.count() == 1, (name, figure.id)
            seen.append(figure.id)
            if figure.columns:
                assert place.locator("tbody tr").count() == len(figure.rows)
                continue
            if figure.surface:
                continue  # turned and saved in a test of its own
            wanted = expected(figure)
            assert place.locator("svg.plot .mark").count() == wanted["marks"], (name, figure.id)
            lines = place.locator("svg.plot path.trace").evaluate_all(
                "all => all.map(one => [one.getAttribute('d'), Number(one.dataset.points)])"
            )
            assert sum(count for _, count in lines) == wanted["points"], (name, figure.id)
            # A line has as many corners as it has points; an area two more for each piece that it closes.
            for path, count in lines:
                closed = path.count("Z")
                assert len(re.findall("[ML]", path)) - 2 * closed == count
                assert "NaN" not in path
            assert f"{wanted['read']} points" in place.locator("svg.plot").get_attribute("aria-label")
            _save(page, place, "SVG", tmp_path / "figure.svg")
            root = ElementTree.fromstring((tmp_path / "figure.svg").read_text(encoding="utf-8"))
            text = ElementTree.tostring(root, encoding="unicode")
            assert "var(" not in text
            assert sum(1 for one in root.iter() if "mark" in one.get("class", "").split()) == wanted["marks"]
            if figure.framed:
                assert figure.x.title in text
                assert figure.y.title in text
            _save(page, place, "PNG", tmp_path / "figure.png")
            content = (tmp_path / "figure.png").read_bytes()
            assert content.startswith(b"\x89PNG\r\n")
            assert len(content) > 5000
            width, height = struct.unpack(">II", content[16:24])
            assert (width, height) == (
                round(float(root.get("width", 0))),
                pytest.approx(float(root.get("height", 0)), abs=1),
            )
            _save(page, place, "CSV", tmp_path / "figure.csv")
            assert (
                len((tmp_path / "figure.csv").read_text(encoding="utf-8").splitlines()) == 1 + wanted["read"]
            )
    assert {"phase-diagram", "phases", "xray-pattern", "fitted-scan", "youngs-modulus", "phonon-bands", "phonon-states"} <= set(seen)  # fmt: skip
    assert {"energy-over-volume", "hop-profile", "volume-over-temperature", "expansion-over-temperature"} <= set(seen)  # fmt: skip


def _save(page: Any, place: Any, kind: str, path: Path) -> None:
    """Press a button that saves a figure; headless Chromium now and then loses one of dozens of downloads, so it is pressed again."""
    for left in (2, 1, 0):
        try:
            with page.expect_download(timeout=15_000) as download:
                place.get_by_role("button", name=kind).click()
            download.value.save_as(path)
            return
        except Exception as error:
            if type(error).__name__ != "TimeoutError":
                raise
            print(f"a download of {kind} was lost")
            if not left:
                raise


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_figures_can_be_used_by_everybody(
    page: Any,
    address: str,
    records: dict[str, Record],
    scheme: str,
    width: int,
    accessible: Callable[[Any], None],
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 840})
    show(page, address, records)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    # Words are as large on a narrow screen as on a wide one: the drawing is made for its place.
    for figure in page.locator("svg.plot").all():
        box = figure.bounding_box()
        across = float(figure.get_attribute("viewBox").split()[2])
        assert box["width"] / across == pytest.approx(1.0, abs=0.05)


def test_a_surface_is_turned_by_keys_and_by_the_mouse_and_saved(
    page: Any, address: str, records: dict[str, Record], tmp_path: Path
) -> None:
    show(page, address, {"elasticity": records["elasticity"]})
    surface = next(one for one in drawing_of(records["elasticity"]).figures if one.surface).surface
    assert surface is not None
    figure = page.locator('figure[data-figure="youngs-surface"]')
    plot, said = figure.locator("svg.surface"), figure.locator("[aria-live]")
    largest = max(max(row) for row in surface.distances)
    assert f"to {largest:.4g}".rstrip("0").rstrip(".") in plot.get_attribute("aria-label")

    def faces() -> list[str]:
        return cast(
            "list[str]",
            plot.locator("path.face").evaluate_all(
                "all => all.map(one => one.getAttribute('d')).filter(Boolean)"
            ),
        )

    whole = (len(surface.polar_deg) - 1) * (len(surface.azimuth_deg) - 1)
    before = faces()
    assert 0.3 * whole < len(before) < 0.7 * whole, "a face that looks away is not drawn"
    assert not any("NaN" in path for path in before)
    plot.focus()
    page.keyboard.press("ArrowRight")
    assert faces() != before
    assert "around z" in said.inner_text()
    page.keyboard.press("Home")
    assert faces() == before
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120)
    page.mouse.up()
    turned = faces()
    assert turned != before
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    assert faces() == turned, "it turns only while it is held"
    _save(page, figure, "SVG", tmp_path / "surface.svg")
    root = ElementTree.fromstring((tmp_path / "surface.svg").read_text(encoding="utf-8"))
    saved = [one.get("d") for one in root.iter() if one.get("class") == "face" and one.get("d")]
    assert saved == turned
    assert "var(" not in ElementTree.tostring(root, encoding="unicode")
    _save(page, figure, "PNG", tmp_path / "surface.png")
    assert (tmp_path / "surface.png").stat().st_size > 20_000
    _save(page, figure, "CSV", tmp_path / "surface.csv")
    rows = (tmp_path / "surface.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + len(surface.polar_deg) * len(surface.azimuth_deg)


def test_bars_and_bands_are_as_long_and_as_broad_as_their_numbers(
    page: Any, address: str, records: dict[str, Record]
) -> None:
    show(page, address, {"dynamics": records["dynamics"], "explained": records["explained"]})
    bars = page.locator('figure[data-figure="band-gap"]')
    figure = drawing_of(records["explained"]).figures[0]
    lengths = [abs(x) for series in figure.series for x in series.x if x is not None]
    drawn = cast(
        "list[float]",
        bars.locator("svg.plot .mark").evaluate_all("all => all.map(one => one.getBBox().width)"),
    )
    scale = max(drawn) / max(lengths)
    assert drawn == pytest.approx([scale * each for each in lengths], abs=0.2)
    bars.locator("svg.plot").focus()
    page.keyboard.press("ArrowRight")
    assert bars.locator("[aria-live]").inner_text() == "mean electronegativity difference = 1.74: +0.82 eV"
    # Each name is cut or whole within the picture.
    names = bars.locator("svg.plot text.row-name").evaluate_all("all => all.map(one => one.getBBox().x)")
    assert len(names) == 5
    assert min(names) > -1

    curve = page.locator('figure[data-figure="stress-strain"]')
    assert curve.locator("path.band").count() == 1
    assert curve.locator("path.whisker").count() == 0
    whole = page.locator('figure[data-figure="pair-distances"]')
    assert whole.locator("path.band").count() == 0
    assert whole.locator("path.whisker").count() == 10


def test_points_are_read_by_keys_and_by_the_mouse(
    page: Any, address: str, records: dict[str, Record]
) -> None:
    show(page, address, {"pattern": records["pattern"]})
    figure = page.locator('figure[data-figure="xray-pattern"]')
    plot, said = figure.locator("svg.plot"), figure.locator("[aria-live]")
    plot.focus()
    facts = cast("list[dict[str, Any]]", records["pattern"].outcome.facts["lines"])
    heard: list[str] = []
    for _ in facts:
        page.keyboard.press("ArrowRight")
        heard.append(said.inner_text())
    assert [f"({line['hkl']})" in text for line, text in zip(facts, heard, strict=True)] == [True] * len(
        facts
    )
    page.keyboard.press("Home")
    assert said.inner_text() == heard[0]
    assert page.locator(".tip").inner_text() == heard[0]
    page.keyboard.press("Escape")
    assert page.locator(".tip").is_hidden()

    box = figure.locator("svg.plot .mark").nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator(".tip").inner_text() == heard[1]

    figure.get_by_text("Numbers").click()
    # The table is filled once it is open, a moment after the click.
    figure.locator("tbody tr").first.wait_for()
    assert figure.locator("tbody tr").count() == len(facts)


def test_a_record_without_what_is_drawn_says_so(page: Any, address: str, records: dict[str, Record]) -> None:
    binary = records["binary"]
    facts = {name: value for name, value in binary.outcome.facts.items() if name != "competition_drawn"}
    old = binary.model_copy(update={"outcome": binary.outcome.model_copy(update={"facts": facts})})
    show(page, address, {"old": old})
    assert "Run stability again" in page.locator(".figures").inner_text()
    assert page.locator("svg.plot").count() == 0


@pytest.fixture
def run(settings: Settings, records: dict[str, Record]) -> str:
    """A run whose three candidates carry real records."""
    folder = settings.runs_dir / RUN
    folder.mkdir(parents=True)
    spec = DesignSpec(
        objective="a stiff metal",
        targets=[
            Target(property="bulk_modulus", relation=Relation.ABOVE, value=100, unit="GPa"),
            Target(property="shear_modulus", relation=Relation.MAXIMISE),
        ],
    )
    with Ledger(folder / "ledger.sqlite") as ledger:
        header = RunHeader(run=RUN, objective="a stiff metal", seed=0, reasoner="rules", version="0", started_at=datetime.now(UTC))  # fmt: skip
        ledger.append_many([("run", RUN, header), ("plan", RUN, Plan(spec=spec))])
        for number, name in enumerate(("elasticity", "phonons", "equation of state")):
            crystal = records[name].outcome.crystal or records["elasticity"].outcome.crystal
            assert crystal is not None
            stretched = tuple(tuple((1 + 0.01 * number) * value for value in row) for row in crystal.lattice)
            candidate = Candidate.of(
                crystal.model_copy(update={"lattice": stretched}), lineage=Lineage(strategy="known")
            )
            own = records[name]
            measured = records["elasticity"].model_copy(update={"inputs": {"structure": candidate.id}})
            measured = measured.model_copy(update={"id": measured.recomputed_id})
            ledger.append("candidate", candidate.id, candidate)
            for each in (own, measured):
                ledger.write_record(each)
            bulk = measured.quantities["bulk_modulus"]
            verdict = Verdict(
                candidate=candidate.id, target=0, property="bulk_modulus", answer=Answer.MET, probability=0.95, margin=bulk.value - 100,
                quantity=bulk, record=measured.id,
            )  # fmt: skip
            ledger.append(
                "judgement",
                candidate.id,
                Judgement(
                    candidate=candidate.id, round=0, relaxed=measured.id, records=[own.id, measured.id], verdicts=[verdict], meets=True,
                    score=float(number), novelty=NoveltyLabel(label=Novelty.KNOWN),
                ),
            )  # fmt: skip
        ledger.append("round", "0", RoundSummary(round=0, generated=3, simulated=3, met=3))
        ledger.append("stop", RUN, Stop(reason=StopReason.MET, sentence="Three were found.", elapsed_s=3.0))
    return RUN


def test_a_point_leads_to_its_record_in_the_run(
    page: Any, address: str, run: str, records: dict[str, Record]
) -> None:
    page.goto(f"{address}/#/runs/{run}")
    surface = page.locator('figure[data-figure="youngs-modulus"]').first
    surface.wait_for()
    surface.locator("svg.plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("elasticity")).wait_for()
    dialog = page.locator("#dialog")
    # The record, with its inputs, its method and its own figures.
    dialog.locator('figure[data-figure="youngs-modulus"]').wait_for()
    assert "strained by" in dialog.inner_text()
    dialog.get_by_text("Inputs").click()
    assert "structure" in dialog.locator("pre").first.inner_text()
    page.get_by_role("button", name="Close").click()

    # A candidate among the others: its two numbers, and from a number to its record.
    against = page.locator("figure", has=page.get_by_text("against", exact=False)).first
    assert against.locator("svg.plot .mark").count() == 3
    assert against.locator("svg.plot .whisker").count() == 6
    against.locator("svg.plot").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name=re.compile("GPa")).first.click()
    page.get_by_role("heading", name=re.compile("elasticity")).wait_for()
    page.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="X-ray pattern").click()
    pattern = page.locator('figure[data-figure="xray-pattern"]')
    pattern.wait_for()
    assert pattern.locator("svg.plot .mark").count() >= 3
    assert math.isfinite(float(pattern.locator("svg.plot").get_attribute("viewBox").split()[3]))
