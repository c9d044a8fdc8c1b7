"""The structure that a name means: of the thread, of a run's candidate, in a file, or known by its formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import note as note_file
from matsmith.agents.conversation.materials import formula_of
from matsmith.agents.conversation.structures import Shelved, find_by_formula
from matsmith.core.elements import parse_formula
from matsmith.core.errors import SpecError, ToolError
from matsmith.tools.structure_files import is_structure_file


def silent(text: str) -> None:
    """Say nothing."""
    del text


def structure_named(
    name: str, *, desk: Desk, prototype: str = "", note: Callable[[str], None] = silent
) -> Shelved:
    """The structure that a name means; `note` hears which one was taken where a formula has several forms.

    Raises `ToolError` or another `MatsmithError` that says what there is.
    """
    shelf = desk.shelf
    if name == "it":
        last = shelf.last()
        if last is None:
            raise ToolError(
                "There is no structure yet that this could mean.",
                hint="Name a file or a formula, such as MgO.",
            )
        return last
    if name.lower().startswith("candidate ") and shelf.find(name) is None:
        from matsmith.agents.conversation.run_tools import take

        reply = take(desk, name.split()[1])
        name = str(reply.data["structure"])
    found = None if prototype else shelf.find(name)
    if found is not None:
        return found
    path = Path(name).expanduser()
    if is_structure_file(path) and path.is_file():
        shelved = shelf.put_file(path)
        note_file(path.name, kind="structure", path=path.resolve(), desk=desk)
        return shelved
    if is_structure_file(path) or "/" in name:
        raise ToolError(f"There is no file {name!r}.", hint="Check the path.")
    return _by_formula(name, prototype=prototype, desk=desk, note=note)


def composition_named(name: str, *, desk: Desk) -> Shelved | None:
    """A formula as a subject without a structure (its id is ""); None for "it", for a structure of the thread, a candidate or a file."""
    if name == "it" or name.lower().startswith("candidate ") or desk.shelf.find(name) is not None:
        return None
    formula = formula_of(name) or name
    try:
        parse_formula(formula)
    except SpecError:
        return None
    return Shelved(label=formula, id="", formula=formula, source="its formula")


def _by_formula(name: str, *, prototype: str, desk: Desk, note: Callable[[str], None]) -> Shelved:
    formula = formula_of(name) or name
    try:
        parse_formula(formula)
    except SpecError:
        desk.shelf.reference(formula)  # raises, and names the structures there are
    found = find_by_formula(formula, prototype=prototype)
    if formula != name:
        # A name such as diamond means one form.
        found.sort(key=lambda one: name.casefold() not in one.label.casefold())
    if not found:
        raise ToolError(
            f"No structure of {formula} is known here.",
            hint=f"Give a CIF, or name a structure type: {formula} in the rocksalt structure.",
        )
    first = found[0]
    others = (
        f" Other forms known here: {', '.join(one.label for one in found[1:4])}." if len(found) > 1 else ""
    )
    note(f"{name} is taken as {first.label} ({first.source}).{others}")
    return desk.shelf.put(
        first.crystal,
        label=first.label,
        source=first.source,
        strategy="formula",
        prototype=first.prototype,
    )
