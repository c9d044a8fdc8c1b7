"""Zotero: its folder (`zotero.sqlite` and `storage/`) gives the metadata of every attachment in it."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import clean_doi
from matsmith.knowledge.literature.readers.bibtex import Reference

DATABASE = "zotero.sqlite"
_ATTACHMENTS = """
SELECT items.key, itemAttachments.path, itemAttachments.parentItemID
FROM itemAttachments JOIN items USING (itemID)
WHERE itemAttachments.path LIKE 'storage:%' AND items.itemID NOT IN (SELECT itemID FROM deletedItems)
"""
_FIELDS = """
SELECT fields.fieldName, itemDataValues.value
FROM itemData JOIN fields USING (fieldID) JOIN itemDataValues USING (valueID)
WHERE itemData.itemID = ?
"""
_CREATORS = """
SELECT creators.lastName, creators.firstName
FROM itemCreators JOIN creators USING (creatorID) JOIN creatorTypes USING (creatorTypeID)
WHERE itemCreators.itemID = ? AND creatorTypes.creatorType = 'author' ORDER BY itemCreators.orderIndex
"""


def is_zotero(folder: Path) -> bool:
    """Whether a folder is Zotero's data folder."""
    return (folder / DATABASE).is_file()


def read_zotero(folder: Path) -> dict[Path, Reference]:
    """The attachments that are here, each with what Zotero knows of its paper; DataError when the database cannot be read.

    The database is opened as a file that does not change, so that a running Zotero neither blocks nor is disturbed.
    """
    database = folder / DATABASE
    found: dict[Path, Reference] = {}
    try:
        connection = sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True)
        try:
            for key, path, parent in connection.execute(_ATTACHMENTS).fetchall():
                file = folder / "storage" / str(key) / Path(str(path).removeprefix("storage:")).name
                if file.is_file():
                    found[file] = _reference(connection, str(key), parent)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise DataError(
            f"The Zotero database {database} cannot be read: {error}.",
            hint="Close Zotero and try again, or export the library as BibTeX with its files.",
        ) from error
    return found


def _reference(connection: sqlite3.Connection, key: str, item: int | None) -> Reference:
    if item is None:
        return Reference(key=key, title="")
    fields = {str(name): str(value) for name, value in connection.execute(_FIELDS, (item,))}
    year = re.search(r"\b(?:19|20)\d\d\b", fields.get("date", ""))
    return Reference(
        key=key,
        title=fields.get("title", ""),
        authors=tuple(
            ", ".join(part for part in (last, first) if part)
            for last, first in connection.execute(_CREATORS, (item,))
        ),
        year=int(year.group()) if year else None,
        doi=clean_doi(fields.get("DOI", "") or fields.get("extra", "") or fields.get("url", "")),
        abstract=fields.get("abstractNote", ""),
    )
