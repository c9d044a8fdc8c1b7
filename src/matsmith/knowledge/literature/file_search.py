"""The files to ingest: those named, and those in named folders with an ending that is read; Zotero and BibTeX describe them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.literature.readers.bibtex import Reference, linked_file, read_references
from matsmith.knowledge.literature.readers.files import ENDINGS, load
from matsmith.knowledge.literature.readers.zotero import is_zotero, read_zotero


@dataclass
class Findings:
    """What there is to read: files in order, what is known of each, references without a file, and what went wrong."""

    files: list[Path] = field(default_factory=list[Path])
    known: dict[Path, Reference] = field(default_factory=dict[Path, Reference])
    abstracts: list[tuple[Path, Reference]] = field(default_factory=list[tuple[Path, Reference]])
    skipped: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])


def find_files(paths: list[Path]) -> Findings:
    """Look through files and folders, hidden ones and links to folders aside; UsageError when a path is not there."""
    found = Findings()
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            if is_zotero(path):
                _take_zotero(path, found)
            files += _in_folder(path, found)
        elif path.exists():
            files.append(path)
        else:
            raise UsageError(f"There is nothing at {shown(path)}.", hint="Give files or folders of papers.")
    for path in files:
        if path.suffix.lower() == ".bib" and path.is_file():
            _take_references(path, found)
    known = {path.resolve(): reference for path, reference in found.known.items()}
    found.known = known
    seen: set[Path] = set()
    for path in [*files, *known]:
        real = path.resolve()
        if path.suffix.lower() != ".bib" and real not in seen:
            seen.add(real)
            found.files.append(path)
    return found


def shown(path: Path) -> str:
    """A path as it can be printed and stored: what cannot be shown in its name, or steers a terminal, becomes a mark."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(path))


def _in_folder(folder: Path, found: Findings) -> list[Path]:
    files: list[Path] = []

    def refused(error: OSError) -> None:
        name = shown(Path(error.filename or folder))
        found.failures.append(
            (name, f"{name} cannot be looked into: {error.strerror}.", "Check its permissions.")
        )

    for place, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if Path(name).suffix.lower() in ENDINGS and not name.startswith("."):
                files.append(Path(place) / name)
            elif not name.startswith("."):
                found.skipped += 1
    return files


def _take_zotero(folder: Path, found: Findings) -> None:
    try:
        found.known.update(read_zotero(folder))
    except DataError as error:
        found.failures.append((shown(folder), error.message, error.hint))


def _take_references(path: Path, found: Findings) -> None:
    name = shown(path)
    try:
        references, unreadable = read_references(load(path, shown=name), path=name)
    except DataError as error:
        found.failures.append((name, error.message, error.hint))
        return
    if unreadable:
        found.failures.append(
            (name, f"{unreadable} entries of {name} cannot be read.", "Check their braces and commas.")
        )
    for reference in references:
        linked = [file for each in reference.files if (file := linked_file(each, path.parent))]
        for file in linked:
            found.known[file] = reference
        if not linked:
            found.abstracts.append((path, reference))
