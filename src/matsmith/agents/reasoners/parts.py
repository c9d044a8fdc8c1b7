"""Leave out of an answer the single items that cannot be read, so that one slip does not cost the rest."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, cast

from pydantic import ValidationError

from matsmith.agents.decisions import Answer

_PASSES = 3  # an item that was taken out may have hidden another fault
_NO_CONTAINER = frozenset({"dict_type", "list_type"})


def without_faulty_parts(data: Any, *, model: type[Answer]) -> tuple[list[str], object]:
    """The complaints about items of the model's `parts` that are not valid, and the data without them; other faults stay.

    A list that is too long is cut where it should have ended. The data that is given is not changed.
    """
    complaints: list[str] = []
    given = data
    for _ in range(_PASSES if model.parts and isinstance(given, dict) else 0):
        try:
            model.model_validate(given)
        except ValidationError as problem:
            errors = problem.errors(include_url=False, include_input=False)
        else:
            break
        mended = cast("object", copy.deepcopy(given))
        found = [line for part in model.parts if (line := _mend(mended, part, errors))]
        if not found:
            break
        complaints += found
        given = mended
    return complaints, cast("object", given)


def _mend(data: object, part: tuple[str, ...], errors: Sequence[Any]) -> str:
    """Take the faulty items of one part out of the data, in place; one complaint for all of them, "" when there are none."""
    depth = len(part)
    mine = [error for error in errors if tuple(error["loc"][:depth]) == part]
    holder = data
    for name in part[:-1]:
        holder = cast("dict[str, object]", holder).get(name) if isinstance(holder, dict) else None
    if not mine or not isinstance(holder, dict):
        return ""
    fields = cast("dict[str, object]", holder)
    held, name = fields.get(part[-1]), ".".join(part)
    faults = {error["loc"][depth]: str(error["msg"]) for error in mine if len(error["loc"]) > depth}
    if isinstance(held, list) and faults:
        items = cast("list[object]", held)
        fields[part[-1]] = [item for place, item in enumerate(items) if place not in faults]
        return _said(name, faults, first=f"number {next(iter(faults)) + 1}")
    if isinstance(held, dict) and faults:
        entries = cast("dict[str, object]", held)
        fields[part[-1]] = {key: value for key, value in entries.items() if key not in faults}
        return _said(name, faults, first=repr(str(next(iter(faults)))[:60]))
    for error in mine:
        longest = error.get("ctx", {}).get("max_length")
        if isinstance(held, list) and error["type"] == "too_long" and isinstance(longest, int):
            fields[part[-1]] = cast("list[object]", held)[:longest]
            return f"{name}: only the first {longest} can be taken."
        if error["type"] in _NO_CONTAINER and part[-1] in fields:
            del fields[part[-1]]
            return f"{name}: {error['msg']}."
    return ""


def _said(name: str, faults: dict[Any, str], *, first: str) -> str:
    count = "1 item" if len(faults) == 1 else f"{len(faults)} items"
    return f"{name}: {count} could not be read; {first}: {next(iter(faults.values()))}."
