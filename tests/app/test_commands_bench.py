"""`matsmith bench` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from matsmith.app.commands_bench import bench_app
from matsmith.core.settings import load_settings

Run = Callable[..., Result]
SUITE = """tasks:
- id: refused-at-once
  kind: trap
  door: design
  success: refused
  prompt: a material with a bulk modulus above 2000 GPa
  answer: [{check: refuses, because: [diamond]}]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command in an empty folder with no key."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MATSMITH_MODEL", "MATSMITH_REASONER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SUITE, encoding="utf-8")
    load_settings.cache_clear()
    runner = CliRunner()

    def invoke(*words: str) -> Result:
        return runner.invoke(bench_app(), list(words))

    yield invoke
    load_settings.cache_clear()


def test_a_suite_is_run_reported_and_resumed(run: Run, tmp_path: Path) -> None:
    first = run("agents", "--suite", "mine.yaml", "--out", "out")
    assert first.exit_code == 0, first.output
    assert "1/1" in first.output
    assert "100 %" in first.output
    assert "claims of success that code refutes: 0" in " ".join(first.output.split())
    data = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert data["summaries"][0]["passed"] == 1
    assert (tmp_path / "out" / "report.csv").read_text(encoding="utf-8").startswith("task,kind,arm")
    twice = run("agents", "--suite", "mine.yaml", "--out", "out")
    assert twice.exit_code == 2
    assert "--resume" in twice.output
    resumed = run("agents", "--suite", "mine.yaml", "--out", "out", "--resume")
    assert resumed.exit_code == 0
    assert "kept" in resumed.output
    told = run("report", "out", "--json")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["bench"]["suite"] == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("agents", "--suite", "mine.yaml", "--arms", "rules,six"), "no arm 'six'"),
        (("agents", "--suite", "mine.yaml", "--arms", "five"), "need a language model"),
        (("agents", "--suite", "mine.yaml", "--reasoner", "openai"), "needs a key or a server"),
        (("agents", "--suite", "nothing"), "There is no suite"),
        (("agents", "--suite", "mine.yaml", "--tasks", "calc-*"), "No task of the suite mine"),
        (("report", "nowhere"), "holds no bench"),
    ],
)
def test_a_wrong_wish_is_one_sentence_before_anything_is_tried(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    found = run(*words)
    assert found.exit_code == 2
    assert said in found.output
    assert not list(tmp_path.glob("**/results.jsonl"))


def test_the_tasks_are_listed(run: Run) -> None:
    found = run("tasks", "--suite", "quick")
    assert found.exit_code == 0
    assert "calc-eos-mgo" in found.output
    assert "10 tasks" in found.output
    assert len(json.loads(run("tasks", "--json").stdout)) >= 40


def test_the_help_shows_how_the_model_arms_are_run(run: Run) -> None:
    found = run("agents", "--help")
    assert "--reasoner openai" in found.output
    assert "--resume" in found.output
