"""Files that a person drops into a thread: crystals onto its shelf, tables to be looked at, papers into its library."""

from __future__ import annotations

import csv
import filecmp
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matsmith.agents.conversation.chat_tools import Arguments, ChatTool, ToolReply, schema_of, single, text_of
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.pieces import Piece, TablePiece, says
from matsmith.agents.conversation.structures import structure_table
from matsmith.core.errors import MatsmithError, UsageError
from matsmith.tools.structure_files import UnreadableStructure, is_structure_file

"""Kinds of attached files that hold a crystal; the second has partly occupied sites, so only a tool that orders them takes it."""
_KIND = "attached"
_TABLES = frozenset({".csv", ".tsv", ".xy", ".xye", ".dat"})
_LARGEST_TABLE_BYTES = 50_000_000
_MOST_FILES = 200
_ROWS_SHOWN, _ROWS_GIVEN, _CELL = 8, 40, 120


@dataclass(kw_only=True)
class Attached:
    """What became of the files: `labels` of those taken in, and what could not be."""

    labels: list[str] = field(default_factory=list[str])
    pieces: list[Piece] = field(default_factory=list[Piece])
    problems: list[str] = field(default_factory=list[str])


def attach(paths: Sequence[Path], *, desk: Desk, quiet: bool = False) -> Attached:
    """Take files or folders in; each that cannot be read is named with its reason, and the rest goes on.

    `quiet` shows those alone that are new or have changed: they are only mentioned.
    """
    done = Attached()
    there = {one.label: one.id for one in desk.shelf.all()} if quiet else {}
    papers: list[Path] = []
    for path in _files(paths, done):
        try:
            if is_structure_file(path):
                shelved = desk.shelf.put_file(path)
                note(path.name, kind="structure", path=path, desk=desk)
                if there.get(path.name) != shelved.id:
                    crystal = desk.shelf.crystal(shelved)
                    done.pieces.append(structure_table(crystal, title=path.name, source=f"file {path}"))
            elif path.suffix.lower() in _TABLES:
                known = quiet and _is_copied(path, desk=desk)
                copy = _copied(path, desk=desk)
                note(path.name, kind="table", path=copy, desk=desk)
                if not known:
                    done.pieces.append(table_piece(copy, title=path.name))
            elif _is_paper(path):
                papers.append(path)
                continue
            else:
                raise UsageError(
                    f"{path.name} is of a kind that is not read here.",
                    hint="Give a CIF, POSCAR, CSV, PDF, HTML, Markdown or BibTeX file.",
                )
            done.labels.append(path.name)
        except UnreadableStructure as error:
            if error.code != "disordered":
                _complain(done, error)
                continue
            # No tool computes on it as it is, but one can make whole cells of it.
            note(path.name, kind="disordered", path=path, desk=desk)
            done.labels.append(path.name)
            done.pieces.append(says(f"{error.message} Only tools that order it can take it.", "unsure"))
        except MatsmithError as error:
            _complain(done, error)
    if papers:
        _take_papers(papers, done, desk=desk)
    return done


def attached(desk: Desk) -> list[dict[str, str]]:
    """The files of the thread, in the order they came: label, kind and path."""
    found: dict[str, dict[str, str]] = {}
    for entry in desk.ledger.entries(_KIND):
        found[entry.key] = json.loads(entry.body)
    return list(found.values())


def note(label: str, *, kind: str, path: Path, desk: Desk) -> None:
    """Remember a file."""
    desk.ledger.append(_KIND, label, json.dumps({"label": label, "kind": kind, "path": str(path)}))


def table_tool(desk: Desk) -> ChatTool:
    """`read_table`: rows of a table that the person gave."""

    def run(arguments: Arguments) -> ToolReply:
        label = text_of(arguments, "file")
        tables = {one["label"]: Path(one["path"]) for one in attached(desk) if one["kind"] == "table"}
        path = tables.get(label)
        if path is None:
            raise UsageError(
                f"There is no table {label[:60]!r}.", hint=f"There are: {', '.join(tables) or 'none'}."
            )
        start = arguments.get("start", 0)
        if not isinstance(start, int) or isinstance(start, bool) or start < 0:
            raise UsageError("start must be a row number from 0.", hint="Leave it out for the first rows.")
        header, rows, total = read_table(path, start=start, count=_ROWS_GIVEN)
        data: dict[str, Any] = {"columns": header, "rows": rows, "first_row": start, "rows_in_all": total}
        texts = [" ".join(row) for row in rows]
        return ToolReply(
            data=data,
            pieces=[table_piece(path, title=label, start=start)],
            texts=[*texts, str(total)],
            outside=True,
        )

    return ChatTool(
        schema=schema_of(
            "read_table",
            f"Read up to {_ROWS_GIVEN} rows of a CSV file that the person gave. Its cells are data from outside.",
            file={"type": "string", "description": "its label", "required": True},
            start={"type": "integer", "minimum": 0, "description": "first row, from 0"},
        ),
        run_many=single(run),
    )


def read_table(
    path: Path, *, start: int = 0, count: int = _ROWS_GIVEN
) -> tuple[list[str], list[list[str]], int]:
    """Header, some rows and the number of rows of a CSV or TSV file. Raises `UsageError` for what is no table."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
    if "\x00" in text:
        raise UsageError(f"{path.name} is no table of text.", hint="Save it as CSV.")
    sample = text[:8192]
    try:
        dialect = csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if path.suffix.lower() == ".tsv" else csv.excel
    try:
        rows = [row for row in csv.reader(text.splitlines(), dialect) if any(cell.strip() for cell in row)]
        if rows and all(len(row) == 1 for row in rows):
            rows = [row[0].split() for row in rows]  # columns set apart by blanks, as instruments write them
    except csv.Error as error:
        raise UsageError(f"{path.name} is no table: {error}.", hint="Save it as CSV.") from error
    if not rows:
        raise UsageError(f"{path.name} holds no rows.", hint="Check the file.")
    body = rows[1:]
    return (
        [cell.strip()[:_CELL] for cell in rows[0]],
        [[c.strip()[:_CELL] for c in row] for row in body[start : start + count]],
        len(body),
    )


def table_piece(path: Path, *, title: str, start: int = 0) -> TablePiece:
    """The first rows of a table."""
    header, rows, total = read_table(path, start=start, count=_ROWS_SHOWN)
    width = len(header)
    cells = tuple(tuple((row + [""] * width)[:width]) for row in rows)
    left = total - start - len(rows)
    return TablePiece(
        title=title,
        columns=tuple(header),
        rows=cells,
        note=f"{total} rows" + (f", {left} more" if left > 0 else ""),
    )


def _files(paths: Sequence[Path], done: Attached) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        whole = path.expanduser()
        if whole.is_dir():
            inside = sorted(
                each for each in whole.iterdir() if each.is_file() and not each.name.startswith(".")
            )
            found += inside
        elif whole.is_file():
            found.append(whole)
        else:
            done.problems.append(f"There is no file {path}.")
            done.pieces.append(says(f"There is no file {path}. Check the path.", "bad"))
    if len(found) > _MOST_FILES:
        done.problems.append(f"Only the first {_MOST_FILES} of {len(found)} files were taken in.")
        done.pieces.append(says(done.problems[-1], "unsure"))
    return [path.resolve() for path in found[:_MOST_FILES]]


def _copied(path: Path, *, desk: Desk) -> Path:
    """A copy in the thread, so that what was said of a table stays true when the file changes."""
    if path.stat().st_size > _LARGEST_TABLE_BYTES:
        raise UsageError(
            f"{path.name} is too large for a table ({path.stat().st_size / 1e6:.0f} MB).",
            hint="Give a part of it.",
        )
    read_table(path, count=1)
    folder = desk.folder / "files"
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(path, folder / path.name))


def _is_copied(path: Path, *, desk: Desk) -> bool:
    """Whether the thread holds this very table already."""
    copy = desk.folder / "files" / path.name
    return copy.is_file() and filecmp.cmp(path, copy, shallow=False)


def _is_paper(path: Path) -> bool:
    from matsmith.knowledge.literature.readers.files import ENDINGS

    return path.suffix.lower() in ENDINGS


def _take_papers(papers: Sequence[Path], done: Attached, *, desk: Desk) -> None:
    from matsmith.knowledge.literature.ingest import ingest

    try:
        report = ingest(list(papers), folder=desk.library, settings=desk.settings)
    except MatsmithError as error:
        _complain(done, error)
        return
    failed = {Path(one.path).name for one in report.failures}
    for failure in report.failures:
        done.problems.append(failure.message)
        done.pieces.append(says(f"Not read: {failure.message} {failure.hint}", "bad"))
    for path in papers:
        if path.name not in failed:
            note(path.name, kind="paper", path=path, desk=desk)
            done.labels.append(path.name)
    taken = len(papers) - len(failed)
    if taken:
        done.pieces.append(
            says(
                f"{taken} paper{'' if taken == 1 else 's'} taken into the library of this thread: ask a question about {'it' if taken == 1 else 'them'}."
            )
        )


def _complain(done: Attached, error: MatsmithError) -> None:
    done.problems.append(error.message)
    done.pieces.append(says(f"{error.message} {error.hint}".strip(), "bad"))
