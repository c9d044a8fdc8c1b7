"""How fast papers are taken in and questions answered from many: 1,000 PDF pages, then 50,000 passages.

Run: python benchmarks/ingest_speed.py [--pages 1000] [--passages 50000] [--skip-ingest] [--skip-question] [--json FILE]

The papers are made here: prose from a fixed vocabulary of materials science, two tables a paper, about 3,000 characters a page, written by
`pdf_writer`. For the second part the passages are put into a library directly, and their vectors are random (how long a search takes does
not depend on what vectors mean; embedding 50,000 passages is the first part's work fifty times over); questions are embedded by the real model.
Wall time depends on what else the machine does, so processor time stands beside it, and limits are judged by it: an ingest over two cores
(nearly all of it is embedding, which takes every core), a question over one. On an idle machine that is close to the time on the clock; on a
busy one the clock shows more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pdf_writer import Words, page_of_lines, write_pdf

from matsmith.core.settings import Settings
from matsmith.knowledge.literature.documents import SourceDocument, document_id
from matsmith.knowledge.literature.ingest import ingest
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.minilm import MiniLM
from matsmith.knowledge.literature.retrieval import Retriever

PAGES_A_PAPER = 10
LINES_A_PAGE, LINE = 38, 85
_WORDS_TEXT = """
SUBJECTS: The cubic phase|The annealed sample|This garnet|The doped oxide|Each film|The quenched alloy|A single crystal
VERBS: shows|reaches|keeps|loses|exceeds|retains|approaches
PROPERTIES: bulk modulus|ionic conductivity|band gap|hardness|thermal conductivity|lattice parameter|Seebeck coefficient
FORMULAS: Li7La3Zr2O12|BaTiO3|MgAl2O4|TiN|HfB2|Cu2ZnSnS4|LiFePO4|Bi2Te3|ZrO2|CsPbBr3|GaN|Ti3SiC2|SrTiO3|Fe3O4
UNITS: GPa|S/cm|eV|W/(m K)|nm|meV/atom|K|MPa
CLAUSES: because the oxygen vacancies order along the chains|after sintering at {t} K for {h} hours|which agrees with earlier work
MORE: although grain boundaries scatter phonons strongly|when the dopant content passes {x} per formula unit|as impedance confirms
"""
WORDS = {
    name: words.split("|")
    for name, _, words in (line.partition(": ") for line in _WORDS_TEXT.split("\n") if line)
}
SUBJECTS, VERBS, PROPERTIES = WORDS["SUBJECTS"], WORDS["VERBS"], WORDS["PROPERTIES"]
FORMULAS, UNITS, CLAUSES = WORDS["FORMULAS"], WORDS["UNITS"], WORDS["CLAUSES"] + WORDS["MORE"]
QUESTIONS = (
    "What limits the ionic conductivity of garnet electrolytes?",
    "Bulk modulus of barium titanate",
    "Which treatment raises the hardness of TiN above 20 GPa?",
    "How do oxygen vacancies order in ZrO2?",
    "thermal conductivity of bismuth telluride at 300 K",
)


def sentence(dice: random.Random) -> str:
    """One made sentence."""
    clause = dice.choice(CLAUSES).format(
        t=dice.randrange(400, 1900), h=dice.randrange(1, 48), x=round(dice.random(), 2)
    )
    value = f"{dice.uniform(0.1, 400):.{dice.randrange(3)}f} {dice.choice(UNITS)}"
    return f"{dice.choice(SUBJECTS)} of {dice.choice(FORMULAS)} {dice.choice(VERBS)} a {dice.choice(PROPERTIES)} of {value} {clause}."


def prose(dice: random.Random, characters: int) -> str:
    """Made sentences of about this many characters."""
    parts: list[str] = []
    while sum(map(len, parts)) < characters:
        parts.append(sentence(dice))
    return " ".join(parts)


def wrap(text: str) -> list[str]:
    """Lines as a printer sets them."""
    import textwrap

    return textwrap.wrap(text, LINE)


def make_paper(number: int) -> bytes:
    """A paper of ten pages with two tables."""
    dice = random.Random(number)
    title = f"On the {dice.choice(PROPERTIES)} of {dice.choice(FORMULAS)}, part {number}"
    pages: list[list[Words]] = []
    for page in range(PAGES_A_PAPER):
        words = [Words(x=60, y=775, text=f"J. Made Mater. {number} (2020) {page + 1}", size=8)]
        if page == 0:
            words.append(Words(x=60, y=745, text=title, size=16))
        lines = [f"{page + 1}. Section of results"] if page % 3 == 0 else []
        lines += wrap(prose(dice, LINES_A_PAGE * LINE))[:LINES_A_PAGE]
        words += page_of_lines(lines, size=9, top=715)
        if page in (3, 7):
            words.append(Words(x=60, y=160, text=f"Table {page}. Values of the samples.", size=9))
            for row in range(5):
                cells = [dice.choice(FORMULAS), f"{dice.uniform(1, 300):.1f}", f"{dice.uniform(1, 9):.2f}"]
                words += [
                    Words(x=60 + 130 * column, y=145 - 13 * row, text=cell, size=9)
                    for column, cell in enumerate(cells)
                ]
        pages.append(words)
    return write_pdf(pages, title=title, author="Anna Made; Bert Made")


def processor_s() -> float:
    """Processor time of this process and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def memory_mb() -> float:
    """Most memory that this process and its largest child ever had, together."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return (own.ru_maxrss + children.ru_maxrss) / 1024


def measure_ingest(folder: Path, pages: int) -> dict[str, float]:
    """Ingest that many pages; seconds by stage."""
    papers = folder / "papers"
    papers.mkdir()
    for number in range(pages // PAGES_A_PAPER):
        (papers / f"{number:04}.pdf").write_bytes(make_paper(number))
    settings = Settings(cache_dir=folder / "cache", library_dir=folder / "library")
    ends: dict[str, float] = {}
    begin, begin_processor = time.perf_counter(), processor_s()

    def tell(stage: str, done: int, total: int, name: str) -> None:
        ends[stage] = time.perf_counter() - begin
        if done % 500 < 60 and not name:
            print(f"  {stage}: {done:,} of {total:,} after {ends[stage]:.0f} s", flush=True)

    report = ingest([papers], folder=folder / "library", settings=settings, tell=tell)
    if report.failures or report.dense_note:
        raise SystemExit(f"the measurement failed: {report.failures[:1]} {report.dense_note}")
    wall, processor = time.perf_counter() - begin, processor_s() - begin_processor
    return {
        "pages": report.pages,
        "passages": report.passages,
        "wall_s": round(wall, 1),
        "processor_s": round(processor, 1),
        "processor_s_on_two_cores": round(processor / 2, 1),
        "seconds_for_1000_pages": round(processor / 2 * 1000 / report.pages, 1),
        "reading_s": round(ends["reading"], 1),
        "words_s": round(ends["words"] - ends["reading"], 1),
        "meaning_s": round(wall - ends["words"], 1),
        "memory_mb": round(memory_mb()),
    }


class RandomVectors:
    """Random unit vectors for passages, the real model for questions."""

    name = MiniLM.name

    def __init__(self) -> None:
        self._dice = np.random.default_rng(0)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of shape (texts, 384)."""
        vectors = self._dice.normal(size=(len(texts), 384)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def embed_question(self, text: str) -> npt.NDArray[np.float32]:
        """The model's vector."""
        return MiniLM.installed().embed_question(text)


def fill(folder: Path, passages: int) -> None:
    """A library of that many passages with both stores."""
    settings = Settings(cache_dir=folder / "cache")
    dice = random.Random(1)
    with Library.open(folder, create=True) as library:
        while library.passage_count < passages:
            text = "\n\n".join(prose(dice, 900) for _ in range(500))
            name = f"made {library.document_count}"
            library.add(
                SourceDocument(
                    id=document_id(text),
                    title=name,
                    authors=(),
                    year=None,
                    doi="",
                    kind="text",
                    path=name,
                    retracted=None,
                    text=text,
                )
            )
        Retriever(library, settings=settings, model=RandomVectors()).update()


COLD = """
import sys, time
begin = time.perf_counter()
from pathlib import Path
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.retrieval import Retriever
import json, resource
with Library.open(Path(sys.argv[1])) as library:
    retriever = Retriever(library, settings=Settings(cache_dir=Path(sys.argv[1]) / "cache"))
    times, processor = [], []
    for question in json.loads(sys.argv[2]):
        found = retriever.search(question, limit=8)
        assert len(found) == 8 and not retriever.dense_note, retriever.dense_note
        assert all(library.verify(passage) for passage in found)
        assert not {'chromadb', 'torch'} & set(sys.modules)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        times.append(time.perf_counter() - begin)
        processor.append(usage.ru_utime + usage.ru_stime)
print(json.dumps({"times": times, "processor": processor, "memory_mb": usage.ru_maxrss / 1024}))
"""


def measure_questions(folder: Path, passages: int) -> dict[str, float]:
    """Seconds to a first answer in a new process, and to each later one, at that many passages."""
    begin = time.perf_counter()
    fill(folder, passages)
    filled = time.perf_counter() - begin
    print(f"  {passages:,} passages filled in after {filled:.0f} s", flush=True)
    runs: list[dict[str, object]] = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", COLD, str(folder), json.dumps(QUESTIONS)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    times = [list(map(float, run["times"])) for run in runs]  # pyright: ignore[reportArgumentType]
    processor = [list(map(float, run["processor"])) for run in runs]  # pyright: ignore[reportArgumentType]
    later = [b - a for each in times for a, b in pairwise(each)]
    later_processor = [b - a for each in processor for a, b in pairwise(each)]
    return {
        "passages": passages,
        "fill_s": round(filled, 1),
        "first_answer_wall_s": round(min(each[0] for each in times), 2),
        "first_answer_processor_s": round(min(each[0] for each in processor), 2),
        "later_answer_wall_s": round(statistics.median(later), 3),
        "later_answer_processor_s": round(statistics.median(later_processor), 3),
        "memory_mb": round(max(float(run["memory_mb"]) for run in runs)),  # pyright: ignore[reportArgumentType]
    }


def main() -> None:
    """Measure, print, and say what is over its limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--skip-ingest", action="store_true")
    parser.add_argument("--skip-question", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        if not given.skip_ingest:
            print(f"Ingesting {given.pages} made pages on {os.cpu_count()} cores", flush=True)
            (Path(place) / "one").mkdir()
            results["ingest"] = measure_ingest(Path(place) / "one", given.pages)
        if not given.skip_question:
            print(f"Asking a library of {given.passages:,} passages", flush=True)
            results["questions"] = measure_questions(Path(place) / "two", given.passages)
    limits = {
        "ingest": {"seconds_for_1000_pages": 300.0, "memory_mb": 1500.0},
        "questions": {"first_answer_processor_s": 2.0, "memory_mb": 1500.0},
    }
    for part, values in results.items():
        for name, value in values.items():
            limit = limits[part].get(name)
            verdict = "" if limit is None else f"   limit {limit:g}: {'met' if value < limit else 'MISSED'}"
            print(f"{part:10} {name:26} {value:>10,}{verdict}")
    if not given.skip_ingest and given.pages != 1000:
        print(f"1,000 pages are reckoned in proportion from {given.pages:,}, the built-in notes counted in.")
    if given.json:
        given.json.write_text(json.dumps(results, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
