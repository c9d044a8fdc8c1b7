"""`matsmith ask`: what people and programs read, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from matsmith.app.application import make_app
from matsmith.core.settings import load_settings
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.readers.markdown import read_markdown


@pytest.fixture(autouse=True)
def words_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No library but those of a test, and nothing embedded."""
    monkeypatch.setenv("MATSMITH_LIBRARY", str(home / "library"))
    monkeypatch.setenv("MATSMITH_EMBEDDING_MODEL", "none")
    load_settings.cache_clear()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(make_app(), ["ask", *arguments])


def test_an_answer_has_its_sources() -> None:
    result = run("why is osmium not hard?")
    assert result.exit_code == 0
    assert "metallic bonds do not oppose shear" in result.stdout
    assert "[1] Kaner et al. 2005 · doi:10.1126/science.1109830" in result.stdout
    assert "Searched the built-in notes" in result.stdout


def test_no_answer_says_what_was_searched_and_ends_with_three() -> None:
    result = run("What is the Debye temperature of MgB2?")
    assert result.exit_code == 3
    assert "Cannot answer from this corpus." in result.stdout
    assert "“What is the Debye temperature of MgB2?”" in result.stdout


def test_json_holds_every_quote_with_its_place() -> None:
    result = run("why is osmium not hard?", "--json")
    found = json.loads(result.stdout)
    assert found["answered"] is True
    assert found["searched"]["mode"] == "bm25"
    assert found["searched"]["lacking"]
    quote = found["statements"][0]["quotes"][0]
    assert quote["end"] - quote["start"] == len(quote["text"])
    assert quote["dois"] == ["10.1126/science.1109830"]


def test_a_library_of_ones_own_is_asked_and_disagreement_shown(tmp_path: Path) -> None:
    with Library.open(tmp_path / "mine", create=True) as library:
        for name, value in (("a", "160 GPa"), ("b", "2.4 Mbar")):
            text = f"# Report {name}\n\nThe bulk modulus of MgO is {value} at room temperature.\n"
            library.add(read_markdown(text.encode(), path=f"{name}.md"))
    result = run("bulk modulus of MgO", "--library", str(tmp_path / "mine"))
    assert result.exit_code == 0
    assert "Sources disagree on the bulk modulus of MgO" in result.stdout
    assert "240 GPa (written: 2.4 Mbar)" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["", "--json"], "empty"),
        (["x", "--library", "nowhere"], "no library"),
        (["x", "--reasoner", "oracle"], "no reasoner"),
        (["x", "--reasoner", "openai"], "needs a key or a server"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
