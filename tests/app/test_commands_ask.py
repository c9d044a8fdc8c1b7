"""`matsmith ask`: what people and programs read, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from matsmith.app.application import make_app
from matsmith.app.commands_ask import answer_json
from matsmith.core.errors import DataError
from matsmith.core.settings import load_settings
from matsmith.knowledge.literature.answers import answer_question
from matsmith.knowledge.literature.corpus import LibraryCorpus
from matsmith.knowledge.literature.documents import SourceDocument
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


def quotes_in(found: Any) -> Iterator[dict[str, Any]]:
    """Every quote of an answer as it is printed, wherever it stands."""
    if isinstance(found, dict):
        held: dict[str, Any] = found  # pyright: ignore[reportUnknownVariableType]
        if {"text", "start", "end", "document"} <= set(held):
            yield held
        for value in held.values():
            yield from quotes_in(value)
    elif isinstance(found, list):
        for value in found:  # pyright: ignore[reportUnknownVariableType]
            yield from quotes_in(value)


def check_verbatim(question: str, corpus: LibraryCorpus) -> int:
    """Every quote of the printed answer stands word for word in its document; returns how many there are."""
    printed = json.loads(json.dumps(answer_json(answer_question(question, corpus=corpus))))
    count = 0
    for quote in quotes_in(printed):
        document = corpus.document(quote["document"])
        assert document is not None
        assert document.text[quote["start"] : quote["end"]] == quote["text"]
        count += 1
    for statement in printed["statements"]:
        # Without a model a statement is its quote.
        assert [quote["text"] for quote in statement["quotes"]] == [statement["text"]]
    return count


QUESTIONS = Path(__file__).parents[2] / "benchmarks" / "retrieval_set.yaml"


def test_every_quote_that_is_printed_stands_in_its_note() -> None:
    kinds: dict[str, list[dict[str, Any]]] = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    with Library.built_in() as library:
        corpus = LibraryCorpus(library)
        counted = [check_verbatim(row["ask"], corpus) for rows in kinds.values() for row in rows]
    assert len(counted) > 150
    assert sum(counted) > 200


PIECES = st.sampled_from(
    [
        "The bulk modulus of MgO is 160 GPa.",
        "MgO has a bulk modulus of 1.62\u00a0Mbar (Fig. 2)\u2014a value that\nruns over the line.",
        "The bulk modulus of MgO is 300 GPa, said Nobody et al. [3].",
        "| material | bulk modulus (GPa) |\n| --- | --- |\n| MgO | 155 |\n| CaO | 113 |",
        "## Results",
        "\u201cIts\u201d band gap is 7.8\u2009eV; that of CaO, 6.2 e\u00adV.",
        "Nothing is said here \u200b at all.",
    ]
)


def paper(pieces: list[str]) -> SourceDocument:
    return read_markdown(("# On magnesium oxide\n\n" + "\n\n".join(pieces) + "\n").encode(), path="p.md")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(PIECES, min_size=1, max_size=6), min_size=1, max_size=3),
    st.sampled_from(["What is the bulk modulus of MgO?", "band gap of CaO and MgO", "bulk modulus"]),
)
def test_every_quote_of_a_made_corpus_is_printed_as_it_stands(texts: list[list[str]], question: str) -> None:
    try:
        documents = [paper(pieces) for pieces in texts]
    except DataError:
        return
    with Library.in_memory(documents) as library:
        check_verbatim(question, LibraryCorpus(library))
