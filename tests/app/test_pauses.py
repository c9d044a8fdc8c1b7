"""A person in the loop at the command line: with nobody there, with an editor, with refusals and with mistakes."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from matsmith.agents.session import current_spec, waiting
from matsmith.app.main import main
from matsmith.app.spec_file import changes, read_spec, write_spec
from matsmith.core.errors import SpecError, UsageError
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec

# Settled by measured crystals alone: nothing is computed.
OBJECTIVE = "a binary oxide with a bulk modulus above 180 GPa"
WAIT = ["design", OBJECTIVE, "--accept-known", "--candidates", "1", "--out", "run", "--approve", "plan"]


class NoWorker:
    """A worker that must never be needed."""

    def stream(self, request: dict[str, Any], *, deadline: float | None = None) -> Iterator[dict[str, Any]]:
        raise AssertionError("the potential was asked")

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def no_worker(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*, log: Path | None = None, settings: Settings) -> NoWorker:
        return NoWorker()

    assert home.is_dir()
    monkeypatch.setattr("matsmith.agents.session.local_executor", none)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at a terminal who types these lines, and then closes it."""
    lines: list[str] = []

    def typed(console: Console, prompt: str = "", **options: Any) -> str:
        console.print(prompt)
        if not lines:
            raise EOFError
        return lines.pop(0)

    def yes(console: Console) -> bool:
        return bool(console.width)

    monkeypatch.setattr(Console, "input", typed)
    monkeypatch.setattr("matsmith.app.console.is_interactive", yes)
    return lines


def editor(home: Path, monkeypatch: pytest.MonkeyPatch, *edits: str) -> Path:
    """An editor that makes one edit each time it is opened: Python over `data`, the file's content."""
    script = home / "editor"
    queue = home / "edits.json"
    queue.write_text(json.dumps(list(edits)))
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, sys, yaml, pathlib\n"
        f"queue = pathlib.Path({str(queue)!r}); edits = json.loads(queue.read_text())\n"
        "path = pathlib.Path(sys.argv[-1]); data = yaml.safe_load(path.read_text())\n"
        "exec(edits[0]); queue.write_text(json.dumps(edits[1:])); path.write_text(yaml.safe_dump(data))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{script} --wait")
    return script


def test_with_nobody_there_the_run_waits_and_says_how_to_go_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(WAIT) == 5
    said = capsys.readouterr().err
    for words in ("waits for approval of the plan", "--approve", "--refuse", "plan-to-edit.yaml", "--spec"):
        assert words in said
    assert read_spec(home / "run" / "plan-to-edit.yaml") == current_spec(home / "run")
    assert main(["runs"]) == 0
    assert "waiting" in capsys.readouterr().out
    assert main(["show", "run"]) == 0
    shown = capsys.readouterr().out
    assert "It waits for your approval of the plan" in shown
    assert "bulk modulus" in shown
    # Asked again without a decision it waits on.
    assert main(["resume", "run"]) == 5
    assert main(["resume", "run", "--approve"]) == 0
    assert "meet every hard target" in capsys.readouterr().out


def test_a_program_reads_that_the_run_waits(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WAIT, "--json"]) == 5
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["kind"] == "waiting"
    assert events[-1]["data"]["point"] == "plan"
    assert main(["resume", "run", "--approve", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["kind"], last["data"]["exit_code"]) == ("finished", 0)
    assert (home / "run" / "report.html").is_file()


def test_a_refusal_from_the_command_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(WAIT)
    assert main(["resume", "run", "--refuse"]) == 3
    assert "was refused" in capsys.readouterr().out
    assert main(["resume", "run", "--approve"]) == 2
    assert "does not wait" in capsys.readouterr().err
    assert waiting(home / "run") is None


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_a_changed_plan_from_a_file(home: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    main(WAIT)
    data = yaml.safe_load((home / "run" / "plan-to-edit.yaml").read_text())
    data["targets"][0]["value"] = 240.0
    path = home / f"changed.{ending}"
    path.write_text(yaml.safe_dump(data) if ending == "yaml" else json.dumps(data))
    capsys.readouterr()
    assert main(["resume", "run", "--spec", str(path)]) == 0
    said = capsys.readouterr().out
    assert "Changed:" in said
    assert "targets.0.value: " in said
    assert "-> 240.0" in said
    assert current_spec(home / "run").targets[0].value == 240.0


def test_mistakes_in_a_changed_plan_leave_the_run_waiting(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(WAIT)
    (home / "bad.yaml").write_text("targets: [")
    assert main(["resume", "run", "--spec", "bad.yaml"]) == 2
    assert "is no YAML" in capsys.readouterr().err
    (home / "luck.yaml").write_text("targets: [{property: luck, relation: above, value: 3}]")
    assert main(["resume", "run", "--spec", "luck.yaml"]) == 2
    assert "unknown property 'luck'" in capsys.readouterr().err
    (home / "much.yaml").write_text("targets: [{property: bulk_modulus, relation: above, value: 5000}]")
    assert main(["resume", "run", "--spec", "much.yaml"]) == 4
    assert "changed plan cannot be met" in capsys.readouterr().err
    assert waiting(home / "run") is not None


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["design", OBJECTIVE, "--approve", "plans"], 2, "no point 'plans'"),
        (["resume", "run", "--approve", "--refuse"], 2, "not both"),
        (["resume", "run", "--refuse", "--spec", "x.json"], 2, "not both"),
        (["resume", "nothing", "--approve"], 2, "no run"),
    ],
)
def test_commands_that_make_no_sense_are_said(
    capsys: pytest.CaptureFixture[str], words: list[str], status: int, says: str
) -> None:
    assert main(words) == status
    assert says in capsys.readouterr().err


def test_a_person_at_the_terminal_approves(
    home: Path, says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    says += ["what?", "a"]
    assert main(WAIT) == 0
    shown = capsys.readouterr().out
    assert "Type a, e, r or l." in shown
    assert "bulk modulus" in shown
    assert "Left:" in shown
    assert "meet every hard target" in shown
    assert (home / "run" / "report.html").is_file()


@pytest.mark.parametrize(("word", "status"), [("l", 5), ("r", 3)])
def test_a_person_may_leave_it_or_refuse(home: Path, says: list[str], word: str, status: int) -> None:
    says.append(word)
    assert main(WAIT) == status
    assert (waiting(home / "run") is not None) == (word == "l")


def test_a_closed_terminal_leaves_the_run_waiting(home: Path, says: list[str]) -> None:
    assert says == []
    assert main(WAIT) == 5
    assert waiting(home / "run") is not None


def test_a_person_edits_until_it_is_right(
    home: Path, says: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    editor(
        home,
        monkeypatch,
        "data['targets'][0]['property'] = 'luck'",
        "data['targets'][0].update(property='bulk_modulus', value=5000.0)",
        "data['targets'][0]['value'] = 240.0",
    )
    says += ["e", "e", "e", "y"]
    assert main(WAIT) == 0
    shown = capsys.readouterr().out
    assert "unknown property 'luck'" in shown
    assert "That cannot be met" in shown
    assert "targets.0.value: 180.0 -> 240.0" in shown
    assert current_spec(home / "run").targets[0].value == 240.0


def test_an_edit_that_changes_nothing_asks_again(
    home: Path, says: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    editor(home, monkeypatch, "pass")
    says += ["e", "r"]
    assert main(WAIT) == 3
    assert "Nothing was changed." in capsys.readouterr().out


def test_without_an_editor_the_file_is_edited_by_hand(
    home: Path, says: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDITOR", "/no/such/editor")
    says += ["e"]
    assert main([*WAIT, "--edit-file", "mine.yaml"]) == 5
    shown = capsys.readouterr().out
    assert "Edit mine.yaml and save it." in shown
    data = yaml.safe_load((home / "mine.yaml").read_text())
    data["candidates"] = 2
    (home / "mine.yaml").write_text(yaml.safe_dump(data))
    says += ["e", "", "y"]
    assert main(["resume", "run", "--edit-file", "mine.yaml"]) == 0
    assert current_spec(home / "run").candidates == 2


def test_an_open_question_is_put_to_the_person_once(
    home: Path, says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    # "1 to 300" the wrong way round is an ambiguity that the planner names.
    objective = "an oxide with a bulk modulus between 300 and 200 GPa"
    says += ["", "l"]
    words = ["design", objective, "--accept-known", "--out", "run", "--approve", "plan"]
    assert main(words) == 5
    shown = capsys.readouterr().out
    assert shown.count("Enter keeps this reading") == 1
    assert main(["design", objective, "--out", "other", "--yes", "--approve", "plan"]) == 5
    assert "Enter keeps this reading" not in capsys.readouterr().out
    says += ["no cobalt", "l"]
    assert main([*words[:-4], "--out", "third", "--approve", "plan"]) == 5
    spec = current_spec(home / "third")
    assert "Co" in spec.chemistry.excluded
    assert spec.objective == f"{objective}, no cobalt"


def test_words_that_were_not_understood_are_asked_about_once(
    home: Path, says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    objective = "a compound of oxygen and unobtainium with a bulk modulus above 150 GPa"
    says += ["titanium", "l"]
    assert main(["design", objective, "--out", "run", "--approve", "plan"]) == 5
    shown = capsys.readouterr().out
    assert shown.count("was not understood, and it stands where a requirement stands") == 1
    spec = current_spec(home / "run")
    assert sorted(spec.chemistry.required) == ["O", "Ti"]
    assert "unobtainium" not in spec.objective
    # Where the plan itself is to be approved it is shown there, and nobody need be asked twice.
    assert main(["design", objective, "--out", "other", "--yes", "--approve", "plan"]) == 5
    assert main(["design", objective, "--out", "third", "--yes"]) == 2


def test_specifications_go_through_files_unchanged(tmp_path: Path) -> None:
    spec = DesignSpec.model_validate(
        {
            "objective": 'ein Öxid: "hart" # nicht weich\nund mehr',
            "targets": [{"property": "bulk_modulus", "relation": "above", "value": 150}],
            "chemistry": {"required": ["No", "O"]},
        }
    )
    path = tmp_path / "spec.yml"
    write_spec(path, spec, note="One.\nTwo.")
    assert path.read_text(encoding="utf-8").startswith("# One.\n# Two.\n")
    # The element nobelium is no "no".
    assert read_spec(path) == spec
    # What is written under another ending is read by it too.
    write_spec(tmp_path / "spec.json", spec, note="One.")
    assert read_spec(tmp_path / "spec.json") == spec
    other = spec.model_copy(update={"candidates": 7, "targets": []})
    assert "candidates: 3 -> 7" in changes(spec, other)
    assert any(line.startswith("targets") for line in changes(spec, other))
    assert changes(spec, spec) == []
    with pytest.raises(UsageError, match="cannot be written"):
        write_spec(tmp_path / "none" / "spec.yaml", spec, note="")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="no JSON"):
        read_spec(tmp_path / "binary.json")
