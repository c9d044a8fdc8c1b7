"""The notebook runs from its first cell to its last in a fresh home, and what its cells show is what the run's records hold."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents import open_run
from matsmith.agents.report.wording import value_text
from matsmith.core.ledger import Ledger
from matsmith.core.settings import Settings

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "first_design.ipynb"
_VARIABLES = ("MATSMITH_DATA", "OPENAI_API_KEY", "OPENAI_BASE_URL", "MP_API_KEY", "MATSMITH_OPTIMADE")
# A design of a minute among its cells.
pytestmark = pytest.mark.timeout(600)

Cell = dict[str, Any]


def test_what_is_committed_holds_no_outputs_and_no_paths() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = json.loads(text)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 8
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert not re.search(r"/(home|tmp|root|Users|work)/", text)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


class Ran:
    """The notebook after it ran, and the home that it ran in."""

    def __init__(self, cells: list[Cell], settings: Settings) -> None:
        self.cells = cells
        self.settings = settings

    def showing(self, words: str) -> str:
        """All that the one cell with these words in its code has shown, HTML as text."""
        (cell,) = [cell for cell in self.cells if words in cell["source"]]
        shown: list[str] = []
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            data = output.get("data", {})
            html = re.sub(r"<[^>]*>", " ", data.get("text/html", ""))
            shown += [output.get("text", ""), data.get("text/plain", ""), " ".join(unescape(html).split())]
        return "\n".join(shown)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    nbformat = pytest.importorskip("nbformat", reason="the notebook's tools are not installed")
    nbclient = pytest.importorskip("nbclient", reason="the notebook's tools are not installed")
    pytest.importorskip("ipykernel", reason="the notebook's tools are not installed")
    home = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        for name in _VARIABLES:
            patch.delenv(name, raising=False)
        for name in ("STATE_DIR", "CACHE_DIR", "LIBRARY", "DATA"):
            patch.setenv(f"MATSMITH_{name}", str(home / name.lower()))
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
        client: Any = nbclient.NotebookClient(
            notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(home)}}
        )
        client.execute()
    settings = Settings(
        runs_dir=home / "matsmith-runs", state_dir=home / "state_dir", cache_dir=home / "cache_dir"
    )
    return Ran([dict(cell) for cell in notebook.cells if cell.cell_type == "code"], settings)


def test_the_cells_show_what_the_run_holds(ran: Ran) -> None:
    (folder,) = ran.settings.runs_dir.iterdir()
    run = open_run(folder, settings=ran.settings)
    assert run.finished
    assert len(run) > 3
    told = ran.showing("design_events(")
    assert f"started: {folder.name}" in told
    assert run.outcome in told
    assert run.objective in ran.showing("result = events.result")
    assert run.outcome in ran.showing("result = events.result")
    best = run.candidate(1)
    assert best.meets
    modulus = best.quantities["bulk_modulus"]
    assert modulus.probability(low=180.0) >= 0.84
    assert "Pb" not in best.crystal.elements
    assert value_text(modulus) in ran.showing("best = result.candidate(1)")
    table = ran.showing("table = result.to_pandas()")
    for candidate in run.candidates[:8]:
        assert candidate.formula in table
    assert "PeriodicSite: O" in ran.showing("best.structure()")
    assert best.explain() in ran.showing("print(best.explain())")
    assert str(modulus) in ran.showing('best.record_of("bulk_modulus")')
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        assert ledger.verify().intact


def test_the_plan_the_tools_and_the_literature_answer(ran: Ran) -> None:
    plan = ran.showing("check = matsmith.plan(")
    assert "bulk modulus > 180 GPa must be met" in plan
    assert "without Pb" in plan
    assert "5000 GPa" in ran.showing("above 5000 GPa")
    with Ledger(ran.settings.state_dir / "tool-calls.sqlite", create=False) as ledger:
        records = [ledger.record(entry.key) for entry in ledger.entries("record")]
    assert [record.tool for record in records if record] == ["relax", "equation_of_state", "symmetry"]
    relaxed, curve, symmetry = (record for record in records if record)
    assert relaxed.outcome.crystal is not None
    computed = curve.quantities["bulk_modulus"]
    assert str(computed) in ran.showing('modulus["bulk_modulus"]')
    (folder,) = ran.settings.runs_dir.iterdir()
    looked_up = open_run(folder, settings=ran.settings).candidate(1).quantities["bulk_modulus"]
    # A potential and a measurement of one crystal: within three of their joint sigmas.
    assert abs(computed.value - looked_up.value) < 3 * (computed.sigma**2 + looked_up.sigma**2) ** 0.5
    assert str(symmetry.outcome.facts["space_group_symbol"]) in ran.showing('run_tool("symmetry"')
    answer = ran.showing("matsmith.ask(")
    assert "GPa" in answer
    assert "Searched the built-in notes" in answer
