"""The numbers that stand in a person's own files: a model may repeat them, as they may repeat what the person wrote."""

from __future__ import annotations

from pathlib import Path

from matsmith.agents.conversation.crystal_numbers import numbers_of
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attached, read_table
from matsmith.agents.conversation.number_units import unit_of_column
from matsmith.agents.conversation.numbers import KnownNumbers
from matsmith.agents.conversation.structures import Shelved
from matsmith.core.errors import MatsmithError

_MOST_ROWS = 1000


def learn_files(desk: Desk) -> None:
    """Make the numbers of every file and structure of a thread known, each with the file as its source; what is known already is left alone."""
    for file in attached(desk):
        path = Path(file["path"])
        if file["kind"] == "table" and path.is_file():
            _learn_table(path, label=file["label"], known=desk.known)
    for shelved in desk.shelf.all():
        learn_structure(shelved, desk=desk)


def learn_structure(shelved: Shelved, *, desk: Desk) -> None:
    """Make the numbers of one structure's cell known."""
    if desk.known.is_new_source(f"{shelved.label} {shelved.record or shelved.id}"):
        desk.known.add_values(numbers_of(desk.shelf.crystal(shelved)), source=shelved.label)


def _learn_table(path: Path, *, label: str, known: KnownNumbers) -> None:
    if not known.is_new_source(f"{label} {path.stat().st_mtime_ns}"):
        return
    try:
        header, rows, total = read_table(path, count=_MOST_ROWS)
    except MatsmithError:
        return  # it was read when it was given, and has been changed since: it backs nothing
    known.add_values([(float(total), ""), (float(len(header)), "")], source=label)
    for text in cells_with_units(header, rows):
        known.add_text(text, source=label)


def cells_with_units(header: list[str], rows: list[list[str]]) -> list[str]:
    """The cells of a table, each number with the unit that stands at the head of its column.

    >>> cells_with_units(["formula", "K (GPa)"], [["MgO", "162.3"]])
    ['MgO', '162.3 gpa']
    """
    units = [unit_of_column(name) for name in header]
    return [
        f"{cell} {unit}".strip()
        for row in rows
        for cell, unit in zip(row, [*units, *[""] * len(row)], strict=False)
    ]
