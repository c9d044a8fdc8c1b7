"""`matsmith chat`: one message, messages from a pipe, threads that are kept, and what is asked before something costly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from matsmith.app.chat_view import ChatView, arguments_text
from matsmith.app.commands_chat import chat
from matsmith.app.console import make_console
from matsmith.core.settings import load_settings


@pytest.fixture(autouse=True)
def words_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATSMITH_LIBRARY", str(home / "library"))
    monkeypatch.setenv("MATSMITH_EMBEDDING_MODEL", "none")
    load_settings.cache_clear()


def run(*arguments: str, said: str = "") -> Any:
    app = typer.Typer()
    app.command()(chat)
    return CliRunner().invoke(app, list(arguments), input=said)


def test_one_message_is_answered_and_kept() -> None:
    result = run("space group of NaCl")
    assert result.exit_code == 0, result.output
    assert "Fm-3m" in result.stdout
    listed = run("--list")
    assert "main" in listed.stdout
    assert "space group of NaCl" in listed.stdout


def test_a_pipe_gives_one_turn_a_line(home: Path) -> None:
    result = run("--thread", "piped", "--json", said="space group of NaCl\nhello\n\n/quit\nnever said\n")
    turns = [json.loads(line) for line in result.stdout.splitlines()]
    assert [turn["ended"] for turn in turns] == ["answered", "answered"]
    assert turns[0]["records"]
    assert turns[0]["pieces"][-1]["record"]["outcome"]["facts"]["space_group_number"] == 225
    assert (home / "state" / "threads" / "piped" / "ledger.sqlite").is_file()


@pytest.mark.parametrize(
    ("said", "status"),
    [("hello", 0), ("flarb the gnorp", 2), ("relax nothing.cif", 1), ("/nonsense", 1), ("start", 2)],
)
def test_the_exit_status_says_how_it_ended(said: str, status: int) -> None:
    assert run(said).exit_code == status


def test_nothing_costly_starts_without_a_word(home: Path) -> None:
    run("a stable oxide with a bulk modulus above 150 GPa")
    result = run("start")
    assert result.exit_code == 3
    assert "no terminal to ask on" in result.output
    assert not (home / "runs").exists()


def test_a_file_is_given_by_option(home: Path) -> None:
    table = home / "values.csv"
    table.write_text("formula,K\nMgO,162\n", encoding="utf-8")
    result = run("--files", str(table), "what is in values.csv?")
    assert result.exit_code == 0
    assert "MgO" in result.stdout


def test_threads_are_deleted_by_name() -> None:
    run("hello", "--thread", "gone")
    assert run("--delete", "gone").exit_code == 0
    assert "no threads" in run("--list").stdout
    result = run("--delete", "gone")
    assert result.exit_code == 2
    assert run("hello", "--thread", "../up").exit_code == 2


def test_why_a_candidate_is_no_answer(run_folder: Path) -> None:
    assert run_folder.is_dir()
    result = run("why was candidate 3 rejected?")
    assert result.exit_code == 0
    assert "does not meet the bulk modulus" in result.stdout
    assert "74.0 ± 8.0 GPa" in result.stdout


def test_a_model_without_a_server_is_one_sentence() -> None:
    result = run("hello", "--reasoner", "openai")
    assert result.exit_code == 2
    assert "OPENAI_API_KEY" in result.output


def test_words_are_wrapped_and_harmless(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from matsmith.agents.conversation.tool_loop import TurnEvent

    monkeypatch.setenv("COLUMNS", "40")
    view = ChatView(make_console())
    with view:
        for piece in (
            "Some ",
            "words ",
            "that ",
            "go on ",
            "and on ",
            "beyond the ed",
            "ge of it.\x1b[2J\n",
            "Next.",
        ):
            view(TurnEvent(kind="text", text=piece))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert all(len(line) <= 40 for line in shown.splitlines())
    assert "beyond the edge of it." in " ".join(shown.split())


def test_long_arguments_are_cut() -> None:
    assert len(arguments_text({"objective": "x" * 500})) < 80
