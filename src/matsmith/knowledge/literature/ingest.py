"""Takes files into a library, one by one: what is there already is left alone, what cannot be read is said, the rest goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from matsmith.core.errors import DataError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.file_search import find_files, shown
from matsmith.knowledge.literature.library import Added, Library, SourceState
from matsmith.knowledge.literature.readers.bibtex import Reference
from matsmith.knowledge.literature.readers.docling_pdf import docling_lacks
from matsmith.knowledge.literature.readers.files import MOST_BYTES, PdfReader, size_of
from matsmith.knowledge.literature.readers.process import ReaderProcess
from matsmith.knowledge.literature.retrieval import Retriever

if TYPE_CHECKING:
    from matsmith.knowledge.literature.metadata.work import MetadataService

Stage = Literal["reading", "asking", "words", "meaning"]
Tell = Callable[[Stage, int, int, str], None]
"""Called with the stage, how much of it is done, how much there is, and what is being worked on."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A file that could not be ingested, and what to do about it."""

    path: str
    message: str
    hint: str


@dataclass(kw_only=True)
class Ingestion:
    """What came of it. Files are counted once; `skipped` have an ending that is not read.

    `asked` counts the papers that public services were asked about, `known` those that one of them knew.
    """

    library: Path
    new: int = 0
    same: int = 0
    better: int = 0
    unchanged: int = 0
    skipped: int = 0
    pages: int = 0
    retracted: int = 0
    asked: int = 0
    known: int = 0
    documents: int = 0
    passages: int = 0
    failures: list[Failure] = field(default_factory=list[Failure])
    warnings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    dense_note: str = ""


def ingest(
    paths: list[Path],
    *,
    folder: Path,
    settings: Settings,
    tell: Tell | None = None,
    again: bool = False,
    reader: PdfReader = "pdfium",
    services: Sequence[MetadataService] = (),
) -> Ingestion:
    """Take files and folders into the library in `folder`, which is made when it is not there, and bring its stores up to it.

    Files that have not changed since are not read again, unless `again`. After an interruption the same call goes on where it stopped.
    A file that cannot be read becomes a `Failure`. `reader` reads the PDF files. `services` are asked about the papers; without any, nothing touches the network.
    DataError when the library itself cannot be used or written, or the reader is not installed.
    """
    lacking = docling_lacks() if reader == "docling" else None
    if lacking:
        raise DataError(lacking, hint="Leave --reader out: PDF files are then read without it.")
    found = find_files(paths)
    report = Ingestion(library=folder, skipped=found.skipped)
    report.failures += [
        Failure(path=path, message=message, hint=hint) for path, message, hint in found.failures
    ]
    with Library.open(folder, create=True) as library:
        library.synchronise_notes()
        with ReaderProcess(reader=reader) as process:
            for number, path in enumerate(found.files):
                if tell is not None:
                    tell("reading", number, len(found.files), shown(path))
                _take_file(path, found.known.get(path.resolve()), library, process, report, again=again)
        for path, reference in found.abstracts:
            _take_abstract(path, reference, library, report)
        if tell is not None:
            tell("reading", len(found.files), len(found.files), "")
        if services:
            _ask_about(library, services, report, again=again, tell=tell)
        retriever = Retriever(library, settings=settings)
        retriever.update(
            tell_words=None if tell is None else lambda done, total: tell("words", done, total, ""),
            tell_meaning=None if tell is None else lambda done, total: tell("meaning", done, total, ""),
        )
        report.dense_note = retriever.dense_note
        entries = library.documents()
        report.documents = sum(1 for entry in entries if entry.kind != "note")
        report.retracted = sum(1 for entry in entries if entry.retracted)
        report.passages = library.passage_count
    return report


def _ask_about(
    library: Library,
    services: Sequence[MetadataService],
    report: Ingestion,
    *,
    again: bool,
    tell: Tell | None,
) -> None:
    """Before the stores are written, because a better title is indexed with its passages."""
    from matsmith.knowledge.literature.metadata.completion import complete

    done = complete(
        library,
        services,
        again=again,
        tell=None if tell is None else lambda done, total, name: tell("asking", done, total, name),
    )
    report.asked, report.known = done.asked, done.known
    report.warnings += done.notes


def _take_file(
    path: Path,
    reference: Reference | None,
    library: Library,
    reader: ReaderProcess,
    report: Ingestion,
    *,
    again: bool,
) -> None:
    name = shown(path.resolve())
    try:
        state = size_of(path, shown=shown(path))
        before = library.source(name)
        if (
            before is not None
            and not again
            and (before.bytes, before.modified_ns) == (state.st_size, state.st_mtime_ns)
        ):
            report.unchanged += 1
            return
        digest = _digest(path)
        if before is not None and not again and before.digest == digest:
            library.note_source(
                name,
                SourceState(
                    bytes=state.st_size,
                    modified_ns=state.st_mtime_ns,
                    digest=digest,
                    document_ids=before.document_ids,
                ),
            )
            report.unchanged += 1
            return
        document = reader.read(path, shown=name)
        if reference is not None:
            document = reference.describe(document)
        passages = cut(document)
    except (DataError, OSError) as error:
        hint = error.hint if isinstance(error, DataError) else "Check the file and its permissions."
        message = (
            error.message
            if isinstance(error, DataError)
            else f"{name} cannot be read: {error.strerror or error}."
        )
        report.failures.append(Failure(path=name, message=message, hint=hint))
        return
    # From here on a failure is the library's and no file's, and ends the work.
    earlier = _earlier(before, path=name, library=library)
    _count(library.add(document, passages, instead_of=earlier), report)
    report.pages += len(document.pages)
    report.warnings += [(name, warning) for warning in document.warnings]
    library.note_source(
        name,
        SourceState(
            bytes=state.st_size,
            modified_ns=state.st_mtime_ns,
            digest=digest,
            document_ids=(library.kept_id(document),),
        ),
    )


def _earlier(before: SourceState | None, *, path: str, library: Library) -> set[str]:
    """The documents of an earlier state of a file, but those that another file is the source of too.

    They go before the new state is compared with what is here, or a shorter new state would count as a lesser copy of the old one.
    """
    if before is None:
        return set()
    still = {each for source, ids in library.sources().items() if source != path for each in ids}
    return set(before.document_ids) - still


def _take_abstract(path: Path, reference: Reference, library: Library, report: Ingestion) -> None:
    name = f"{shown(path.resolve())}#{reference.key}"
    content = json.dumps(
        [reference.title, reference.authors, reference.year, reference.doi, reference.abstract]
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    before = library.source(name)
    if before is not None and before.digest == digest:
        report.unchanged += 1
        return
    document = reference.document(name)
    if document is None:
        report.failures.append(
            Failure(
                path=name,
                message=f"The entry {reference.key} names no file that is here and has no abstract.",
                hint="Put its PDF into the folder, or export the references with abstracts.",
            )
        )
        return
    earlier = _earlier(before, path=name, library=library)
    _count(library.add(document, instead_of=earlier), report)
    kept = library.kept_id(document)
    library.note_source(name, SourceState(bytes=0, modified_ns=0, digest=digest, document_ids=(kept,)))


def _count(added: Added, report: Ingestion) -> None:
    if added == "new":
        report.new += 1
    elif added == "better":
        report.better += 1
    else:
        report.same += 1


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    left = MOST_BYTES
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(1 << 20, left))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
