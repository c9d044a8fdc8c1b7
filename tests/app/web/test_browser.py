"""The page in a real browser, without any other host: a run started, watched and stopped; a crystal drawn; a plot saved."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.agents.decisions import Plan, RoundSummary
from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity, Relation
from matsmith.core.record import Method, Outcome, Record
from matsmith.core.run import Judgement, RunHeader, Stop, StopReason
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, Verdict

pytestmark = pytest.mark.timeout(280)
RUN = "a-finished-run"


def judged(formula: str, edge: float, modulus: float) -> tuple[Candidate, Record, Judgement]:
    cell = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(edge), formula.split("-"), [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    crystal = Crystal.from_pymatgen(cell)
    candidate = Candidate.of(crystal, lineage=Lineage(strategy="known", prototype="AB_cF8_225_a_b"))
    record = Record.of(
        Outcome(
            crystal=crystal,
            quantities={
                "bulk_modulus": Quantity(value=modulus, unit="GPa", sigma=10.0),
                "density": Quantity(value=20.0 / edge, unit="g/cm3", sigma=0.1),
            },
            method=Method(name="a made-up measurement"),
        ),
        tool="equation_of_state",
        tool_version="1",
        inputs={"structure": crystal.canonical_hash},
        identity="",
        seed=0,
    )
    verdict = Verdict(
        candidate=candidate.id, target=0, property="bulk_modulus", answer=Answer.MET if modulus > 150 else Answer.NOT_MET,
        probability=0.99 if modulus > 150 else 0.01, margin=modulus - 150, quantity=record.quantities["bulk_modulus"], record=record.id,
    )  # fmt: skip
    judgement = Judgement(
        candidate=candidate.id, round=0, relaxed=record.id, records=[record.id], verdicts=[verdict],
        meets=modulus > 150, score=modulus, novelty=NoveltyLabel(label=Novelty.KNOWN),
    )  # fmt: skip
    return candidate, record, judgement


@pytest.fixture
def finished(settings: Settings) -> str:
    """A run in the list, with three candidates."""
    folder = settings.runs_dir / RUN
    folder.mkdir(parents=True)
    spec = DesignSpec(
        objective="a stiff oxide",
        targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=150, unit="GPa")],
    )
    with Ledger(folder / "ledger.sqlite") as ledger:
        header = RunHeader(
            run=RUN,
            objective="a stiff oxide",
            seed=0,
            reasoner="rules",
            version="0",
            started_at=datetime.now(UTC),
        )
        ledger.append_many([("run", RUN, header), ("plan", RUN, Plan(spec=spec))])
        for formula, edge, modulus in (("Mg-O", 4.21, 160.0), ("Ca-O", 4.81, 112.0), ("Ni-O", 4.18, 190.0)):
            candidate, record, judgement = judged(formula, edge, modulus)
            ledger.append("candidate", candidate.id, candidate)
            ledger.write_record(record)
            ledger.append("judgement", candidate.id, judgement)
        ledger.append("round", "0", RoundSummary(round=0, generated=3, simulated=3, met=2))
        ledger.append("stop", RUN, Stop(reason=StopReason.MET, sentence="Two were found.", elapsed_s=3.0))
    return RUN


def test_a_crystal_is_drawn_a_number_leads_to_its_record_and_a_plot_is_saved(
    page: Any, address: str, finished: str, tmp_path: Path, accessible: Callable[[Any], None]
) -> None:
    page.goto(f"{address}/#/runs/{finished}")
    stage = page.locator(".viewer[data-atoms]")
    stage.wait_for()
    # Rock salt: 8 atoms in the cell; on corners, edges and faces they are drawn on all of them, 27 in all.
    assert stage.get_attribute("data-atoms-in-cell") == "8"
    assert stage.get_attribute("data-atoms") == "27"
    page.get_by_label("Cells shown").select_option("2")
    page.locator('.viewer[data-atoms="64"]').wait_for()
    page.get_by_label("polyhedra").check()

    rows = page.locator("tr.choosable")
    assert [row.split("\t")[1] for row in rows.all_inner_texts()] == ["NiO", "MgO", "CaO"]
    page.get_by_role("button", name="bulk modulus", exact=True).click()
    assert [row.split("\t")[1] for row in rows.all_inner_texts()] == ["CaO", "MgO", "NiO"]

    page.get_by_role("button", name=re.compile("190")).first.click()
    page.get_by_role("heading", name=re.compile("equation_of_state")).wait_for()
    assert "a made-up measurement" in page.locator("#dialog").inner_text()
    accessible(page)
    page.get_by_role("button", name="Close").click()

    for kind in ("SVG", "PNG"):
        with page.expect_download() as download:
            page.locator("figure").first.get_by_role("button", name=kind).click()
        target = tmp_path / f"plot.{kind.lower()}"
        download.value.save_as(target)
        start = target.read_bytes()[:200]
        assert start.startswith(b"\x89PNG") if kind == "PNG" else b"<svg" in start
        assert target.stat().st_size > 1500
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CIF").click()
    download.value.save_as(tmp_path / "x.cif")
    assert len(Structure.from_file(tmp_path / "x.cif")) in (2, 8)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_view_can_be_used_by_everybody(
    page: Any, address: str, finished: str, scheme: str, width: int, accessible: Callable[[Any], None]
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 840})
    for view, shows in (
        ("", "Design a material"), ("runs", "Runs"), ("library", "Library"), ("tools", "Tools"), ("chat", "Chat"),
        (f"runs/{finished}", "a stiff oxide"),
    ):  # fmt: skip
        page.goto(f"{address}/#/{view}")
        page.reload()
        page.get_by_role("heading", level=1, name=shows).wait_for()
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), view


def told(page: Any, count: int) -> None:
    """Wait until the page has heard so many events of the run."""
    limit = time.monotonic() + 90
    while int(page.evaluate("document.body.dataset.events || '0'")) < count:
        assert time.monotonic() < limit, "the page hears nothing of the run"
        page.wait_for_timeout(100)


def what_is_looked_at_stays(page: Any) -> None:
    """Sort the candidates, choose one and mark the nodes: while the run goes on, they are changed and not made anew."""
    page.locator("tr.choosable").first.wait_for()
    page.get_by_role("button", name="Formula", exact=True).click()
    page.locator("tr.choosable").first.click()
    page.locator(".viewer[data-atoms]").wait_for()
    page.evaluate(
        "for (const each of ['tr.choosable', '.viewer']) document.querySelector(each).dataset.mark = 'mine'"
    )
    page.locator("tr.choosable").first.focus()
    before = page.get_by_role("heading", name="Candidates:").inner_text()
    page.wait_for_function(
        "before => ![...document.querySelectorAll('h2')].some((each) => each.textContent === before)",
        arg=before,
    )
    assert page.locator('tr.choosable[data-mark="mine"]').count() == 1
    assert page.locator('.viewer[data-mark="mine"][data-atoms]').count() == 1
    assert page.evaluate("document.activeElement.dataset.mark") == "mine"
    assert page.locator('th[aria-sort="ascending"]').inner_text().strip().lower() == "formula"
    formulas = page.locator("tr.choosable strong").all_inner_texts()
    assert formulas == sorted(formulas)


def test_a_run_is_started_watched_and_stopped_from_the_page(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_label("Objective").fill("a copper-gold intermetallic, bulk modulus above 100 GPa")
    page.get_by_role("button", name="Understand").click()
    page.get_by_role("button", name="Start the design run").click()
    page.wait_for_url("**/#/runs/**")
    page.locator(".chip.running").wait_for()
    told(page, 4)
    assert page.locator(".log p").count() >= 1
    # Leave and come back: the page catches up.
    run = page.url
    page.goto(f"{address}/#/runs")
    page.goto(run)
    told(page, 4)
    # A second window sees the same run, and what is done in the first one.
    elsewhere = page.context.browser.new_context()
    other = elsewhere.new_page()
    other.set_default_timeout(90_000)
    other.goto(run)
    other.locator(".chip.running").wait_for()
    told(other, 4)
    # A lost connection: the page says nothing wrong, and catches up by itself.
    page.context.set_offline(True)
    page.wait_for_timeout(700)
    page.context.set_offline(False)
    heard = int(page.evaluate("document.body.dataset.events || '0'"))
    told(page, heard + 1)
    what_is_looked_at_stays(page)
    page.get_by_role("button", name="Stop").click()
    page.locator(".chip.interrupted").wait_for()
    other.locator(".chip.interrupted").wait_for()
    elsewhere.close()
    assert page.get_by_role("button", name="Go on").is_visible()


def late(route: Any) -> None:
    """Let a request through after a second."""
    time.sleep(1)
    route.continue_()


def test_a_conversation_and_a_question(page: Any, address: str, accessible: Callable[[Any], None]) -> None:
    # What was said earlier comes late: who is quicker says something all the same.
    page.route(re.compile(r"/api/threads/[^/]+$"), late)
    page.goto(f"{address}/#/chat")
    page.get_by_label("Say something").fill("/help")
    page.keyboard.press("Enter")
    page.locator(".said:not(.mine):not([aria-busy])").wait_for()
    page.goto(f"{address}/#/library")
    page.get_by_label("Question").fill("Which garnet conducts lithium ions?")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.locator("blockquote").first.wait_for()
    accessible(page)
