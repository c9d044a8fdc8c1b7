"""matsmith from Python: a run as tables and structures, its records, plans, answers, and what is told when something is wrong."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import matsmith
from matsmith import agents
from matsmith.agents import RunResult, SavedRun, ask, design, my_runs, open_run, plan, resume
from matsmith.agents.report.wording import value_text
from matsmith.agents.structure_exchange import crystal_of_any
from matsmith.core.candidate import Candidate
from matsmith.core.errors import ImpossibleObjective, LedgerError, SpecError, UsageError
from matsmith.core.executor import Executor
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.run import Event, EventKind, Judgement
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import Answer

OBJECTIVE = "a stable binary oxide with a bulk modulus above 180 GPa"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("home")
    return Settings(
        data_dir=folder / "none",
        cache_dir=folder / "cache",
        state_dir=folder / "state",
        runs_dir=folder / "runs",
        library_dir=folder / "library",
        openai_api_key=None,
        mp_api_key=None,
        reasoner="rules",
        device="cpu",
        threads=1,
    )


@pytest.fixture(scope="module")
def result(home: Settings, worker: Executor) -> Iterator[RunResult]:
    """A real run that measured crystals settle."""

    def kept(*, log: Path | None = None, settings: Settings) -> Executor:
        return worker

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matsmith.agents.session.local_executor", kept)
        yield design(OBJECTIVE, settings=home, accept_known=True, candidates=2, budget_s=600)


class Strict(HTMLParser):
    """Collects tags, and fails on one that is closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def safe(html: str) -> str:
    """The HTML is whole and runs nothing; its text without tags."""
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert not parser.open
    assert not parser.seen & {"script", "iframe", "img", "link", "object", "style", "a"}
    assert not {name for name in parser.attributes if name.startswith("on")}
    return unescape(re.sub(r"<[^>]*>", " ", html))


def shown(thing: object) -> str:
    """What a notebook shows of a thing."""
    return getattr(thing, "_repr_html_")()  # noqa: B009 - the protocol of notebooks, private to others by name only


def test_the_table_says_what_the_records_say(result: RunResult) -> None:
    frame: Any = result.to_pandas()
    assert len(frame) == len(result) == len(result.candidates) > 1
    assert list(frame["rank"]) == list(range(1, len(frame) + 1))
    assert frame.attrs["units"]["bulk_modulus (GPa)"] == "GPa"
    assert {
        "energy_above_hull (eV/atom)",
        "energy_above_hull sigma (eV/atom)",
        "stability tier",
        "novelty",
    } <= set(frame)
    for row in frame.to_dict("records"):
        candidate = result.candidate(str(row["id"]))
        assert candidate.formula == row["formula"]
        for verdict in candidate.verdicts:
            if verdict.quantity is None:
                continue
            assert row[f"{verdict.property} record"] == verdict.record
            kept = result.record(verdict.record[:10]).quantities[verdict.property]
            assert row[f"{verdict.property} ({kept.unit})"] == kept.value == verdict.quantity.value
            assert row[f"{verdict.property} sigma ({kept.unit})"] == kept.sigma
            assert row[f"{verdict.property} verdict"] == str(verdict.answer)
    best = frame[frame["meets"]]
    assert len(best) == len(result.stop.met) >= 2
    assert (best["bulk_modulus (GPa)"] > 180).all()


def test_more_columns_and_rows_on_request(result: RunResult) -> None:
    plain: Any = result.to_pandas()
    whole: Any = result.to_pandas(rejected=True, everything=True)
    assert set(plain) < set(whole)
    assert list(plain["id"]) == list(whole["id"][: len(plain)])
    assert len(whole) == len(plain) + len(result.contents.rejected)
    others = {one.name for one in result.contents.candidates[0].quantities} - {
        "bulk_modulus",
        "energy_above_hull",
    }
    for name in others:
        assert any(column.split(" ")[0] == name for column in map(str, whole.columns))


def test_structures_in_the_forms_that_other_programs_take(result: RunResult, tmp_path: Path) -> None:
    for candidate, structure, atoms in zip(
        result.candidates, result.structures(), result.atoms(), strict=True
    ):
        crystal = candidate.crystal
        assert structure.composition.reduced_formula == candidate.formula == crystal.formula
        assert structure.volume == pytest.approx(crystal.volume_angstrom3)
        assert atoms.get_volume() == pytest.approx(crystal.volume_angstrom3)
        assert [str(symbol) for symbol in atoms.symbols] == list(crystal.species)
        # The same distances, whichever way they are counted.
        if len(atoms) > 1:
            assert atoms.get_distance(0, 1, mic=True) == pytest.approx(structure.get_distance(0, 1), abs=1e-6)
    path = tmp_path / "first.cif"
    path.write_text(result.candidate(1).cif(), encoding="utf-8")
    assert crystal_of_any(path).formula == result.candidate(1).formula
    assert result.candidate(1).verdicts[0].record in path.read_text(encoding="utf-8")


def test_without_ase_it_says_what_to_install(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ase", None)
    with pytest.raises(UsageError, match="pip install ase"):
        result.atoms()


def test_a_candidate_by_rank_formula_and_id_and_what_is_known_of_it(result: RunResult) -> None:
    first = result.candidate(1)
    assert first.rank == 1
    assert first.meets
    assert result.candidate(first.id[:8]) == first
    assert result.candidate(first.formula).formula == first.formula
    modulus = first.quantities["bulk_modulus"]
    record = first.record_of("bulk_modulus")
    assert record.quantities["bulk_modulus"] == modulus
    assert record in first.records
    told = first.explain()
    assert first.formula in told
    assert "meets every hard target" in told
    assert f"value {value_text(modulus)}" in told
    assert record.id[:8] in told
    assert first.rejected == ""
    with pytest.raises(UsageError, match=r"There are: .*bulk_modulus"):
        first.record_of("hardness")
    with pytest.raises(UsageError, match=r"no candidate of rank 99999. Ranks run from 1 to"):
        result.candidate(99999)
    with pytest.raises(UsageError, match="no candidate 'zzz'"):
        result.candidate("zzz")
    with pytest.raises(LedgerError, match="no record 'beef'"):
        result.record("beef")


def test_html_is_escaped_whole_and_runs_nothing(result: RunResult, home: Settings) -> None:
    first = result.candidate(1)
    assert value_text(first.quantities["bulk_modulus"]) in safe(shown(first))
    assert "<svg" in shown(first)
    assert 'class="edge"' not in shown(first)  # a style sheet that is not there would draw it
    assert "180 GPa" in safe(shown(result))
    evil = plan("an oxide with a bulk modulus above 150 GPa <script>alert(1)</script>", settings=home)
    assert "alert(1)" in safe(shown(evil))
    assert "&lt;script&gt;" in shown(evil)
    assert "<script" not in shown(evil.spec)
    quantity = Quantity(value=150.0, unit="<b>GPa", sigma=5.0)
    assert "± 5.0 <b>GPa" not in shown(quantity)
    assert "150.0 ± 5.0" in safe(shown(quantity))


def test_runs_are_found_again_and_read_the_same(result: RunResult, home: Settings) -> None:
    listed = my_runs(settings=home)
    assert result.folder in [one.folder for one in listed]
    for name in (result.folder, result.folder.name, result.folder.name[:20]):
        found = open_run(name, settings=home)
        assert type(found) is SavedRun
        assert found.finished
        assert found.outcome == result.stop.sentence
        assert found.to_pandas().equals(result.to_pandas())
    again = resume(result.folder.name, settings=home)
    assert again.stop == result.stop
    with pytest.raises(UsageError, match=r"no run 'nothing-of-that-name'. `matsmith runs` lists them"):
        open_run("nothing-of-that-name", settings=home)
    with pytest.raises(UsageError, match="no run 'neither'"):
        resume("neither", settings=home)


def test_rejected_candidates_say_why(
    result: RunResult, made_candidate: Callable[..., Candidate], tmp_path: Path
) -> None:
    """What is added to a ledger after it was read is read too."""
    shutil.copytree(result.folder, tmp_path / "run")
    run = SavedRun(folder=tmp_path / "run")
    before = len(run.to_pandas(rejected=True))
    candidate = made_candidate("Ba")
    judgement = Judgement(candidate=candidate.id, round=0, rejected="overlap: Ba and O at 0.7 Å")
    with Ledger(run.folder / "ledger.sqlite", create=False) as ledger:
        ledger.append_many([("candidate", candidate.id, candidate), ("judgement", candidate.id, judgement)])
    found = run.candidate(candidate.id)
    assert found.rejected == judgement.rejected
    assert found.rank is None
    assert found.judged is None
    assert not found.meets
    assert found.crystal == candidate.crystal
    assert "overlap: Ba and O at 0.7 Å" in safe(shown(found))
    assert "left the run in round 0" in found.explain()
    table: Any = run.to_pandas(rejected=True)
    assert len(table) == before + 1
    assert table.iloc[-1]["rejected"] == judgement.rejected
    assert len(run.to_pandas()) == len(run)


def test_a_plan_is_checked_before_anything_is_spent(home: Settings) -> None:
    check = plan(OBJECTIVE, settings=home, candidates=7)
    assert check.spec.candidates == 7
    assert check.refusal is None
    assert "must be met" in safe(shown(check))
    impossible = plan("an oxide with a bulk modulus above 5000 GPa", settings=home)
    assert impossible.refusal is not None
    assert impossible.refusal in safe(shown(impossible))
    with pytest.raises(ImpossibleObjective):
        design(impossible, settings=home)
    assert not home.runs_dir.exists() or "5000" not in " ".join(one.name for one in home.runs_dir.iterdir())
    spec = DesignSpec.model_validate(check.spec.model_dump() | {"candidates": 2})
    assert plan(spec, settings=home).spec == spec
    with pytest.raises(UsageError, match="already says how many"):
        plan(spec, settings=home, candidates=3)
    for empty in ("", "   "):
        with pytest.raises(SpecError, match="empty"):
            plan(empty, settings=home)


def test_an_answer_prints_with_its_sources(home: Settings) -> None:
    found = ask("what limits the ionic conductivity of garnet electrolytes?", library=None, settings=home)
    assert found.answered
    for statement in found.statements:
        assert statement.text in str(found)
        assert all(quote.text in statement.text or statement.text in quote.text for quote in statement.quotes)
    assert found.statements[0].quotes[0].citation.split(",")[0] in safe(shown(found)).replace("&#x27;", "'")
    unknown = ask("who won the chess tournament of Hastings in 1895?", library=None, settings=home)
    assert not unknown.answered
    assert str(unknown) == unknown.refusal
    assert "no answer" in safe(shown(unknown))
    with pytest.raises(UsageError, match="no library"):
        ask("anything?", library=home.state_dir / "no-such", settings=home)
    with pytest.raises(UsageError):
        ask(" ", library=None, settings=home)


def test_an_interrupt_says_how_to_go_on(home: Settings, result: RunResult) -> None:
    """A keyboard interrupt ends the run where it stands, names the call that goes on, and that call finishes it."""

    def interrupt(event: Event) -> None:
        if event.kind is EventKind.ROUND:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        design(OBJECTIVE, settings=home, accept_known=True, candidates=2, budget_s=600, on_event=interrupt)
    note = " ".join(caught.value.__notes__)
    folder = Path(ast.literal_eval(re.findall(r"resume\((.*?)\)", note)[0]))
    stopped = open_run(folder, settings=home)
    assert not stopped.finished
    assert "resume" in stopped.outcome
    finished = resume(str(folder), settings=home)
    assert finished.stop.met == result.stop.met
    assert all(verdict.answer is Answer.MET for verdict in finished.candidate(1).verdicts)


def test_everything_public_is_there_and_costs_nothing_before_it_is_used() -> None:
    for name in agents.__all__:
        assert getattr(matsmith, name) is getattr(agents, name)
        assert name in dir(matsmith)
    stub = (Path(matsmith.__file__).with_suffix(".pyi")).read_text(encoding="utf-8")
    assert set(re.findall(r"as (\w+)$", stub, flags=re.MULTILINE)) == set(agents.__all__)
    with pytest.raises(AttributeError, match="no attribute 'desing'"):
        _ = matsmith.desing  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
    code = "import sys, matsmith, matsmith.agents; print([m for m in sys.modules if m.startswith(('numpy', 'torch', 'pydantic', 'pymatgen'))])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
