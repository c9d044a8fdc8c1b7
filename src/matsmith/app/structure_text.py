"""Structures that come as text from programs that share no disk with the server: kept as records, so that tools take them by id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from matsmith.core.errors import ToolError, UsageError
from matsmith.tools.registry import get_tool

if TYPE_CHECKING:
    from matsmith.app.tool_service import ToolService
    from matsmith.core.crystal import Crystal
    from matsmith.tools.base import Tool

_LONGEST = 2_000_000
# Tools take 5000 atoms, which a CIF gives a line each. The parser's time grows with the square of the atoms: three times as many take
# minutes, so they are counted before.
MOST_LINES = 6000
_CLOSED = "Give the id of a record, or the text of a file itself; this server reads no files for its callers."


def with_structures(
    service: ToolService, name_of_tool: str, arguments: Mapping[str, Any], *, paths: bool
) -> dict[str, Any]:
    """Keep structures that came as text, and refuse paths where the caller is not on this machine. Raises `UsageError`, `ToolError`."""
    taken = dict(arguments)
    tool = get_tool(name_of_tool)
    kinds = tool.args.reference_fields()
    for name in tool.args.model_fields:
        value = taken.get(name)
        kind = kinds.get(name) or ("file" if _is_path(tool, name) else "")
        if isinstance(value, str) and kind == "structure" and "\n" in value:
            taken[name] = service.keep(_crystal(value, name), source="text")
        elif isinstance(value, str) and kind == "file" and "\n" in value:
            taken[name] = str(_kept_file(service, value, name))
        elif not paths:
            if isinstance(value, str) and kind == "structure" and service.record(value) is None:
                raise UsageError(f"The argument {name} names no record.", hint=_CLOSED)
            if any(_exists(text) for text in _texts(value)):
                raise UsageError(f"The argument {name} names a file of the server.", hint=_CLOSED)
    return taken


def refuse_huge(text: str, what: str) -> None:
    """Raises `UsageError` for a text of a structure that no tool could take, before it is parsed."""
    if len(text) > _LONGEST or text.count("\n") > MOST_LINES:
        raise UsageError(
            f"{what} has more than {MOST_LINES} lines or {_LONGEST} characters.",
            hint="Tools take cells of at most 5000 atoms: send a smaller one.",
        )


def _is_path(tool: Tool, name: str) -> bool:
    return "path of" in (tool.args.model_fields[name].description or "")


def _texts(value: object) -> list[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for inner in cast("Mapping[str, object]", value).values() for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in cast("list[object]", value) for text in _texts(inner)]
    return []


def _exists(text: str) -> bool:
    try:
        return len(text) < 4096 and Path(text).exists()
    except (OSError, ValueError):
        return False


def _kept_file(service: ToolService, text: str, name: str) -> Path:
    """Write a text that a tool takes as a file; the same text is the same file."""
    if len(text) > _LONGEST:
        raise UsageError(f"The text in {name} has more than {_LONGEST} characters.", hint="Send less of it.")
    folder = service.ledger.parent / "sent"
    folder.mkdir(parents=True, exist_ok=True)
    ending = ".cif" if "_cell_length_a" in text else ".txt"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}{ending}"
    path.write_text(text, encoding="utf-8")
    return path


def _crystal(text: str, name: str) -> Crystal:
    from tempfile import TemporaryDirectory

    from matsmith.core.errors import StructureError
    from matsmith.tools.structure_files import read_structure

    refuse_huge(text, f"The structure in {name}")
    suffix = ".cif" if "_cell_length_a" in text or text.lstrip().startswith("data_") else ".poscar"
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"structure{suffix}"
        path.write_text(text, encoding="utf-8")
        try:
            return read_structure(path)
        except StructureError as error:
            message = error.message.replace(str(path), f"the text in {name}")
            raise ToolError(message, hint=error.hint) from error
