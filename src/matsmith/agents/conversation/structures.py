"""The structures of a thread: files that were dropped in, crystals found by formula, candidates of design runs.

Each stands in the thread's ledger as a candidate, so every tool takes it by its id. A model names structures by label or id and never by a path: it
can read no file that the person did not give.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from matsmith.agents.conversation.crystal_numbers import Rows, conventional_lattice, edges_and_angles
from matsmith.agents.conversation.pieces import TablePiece
from matsmith.agents.report.details import cell_text
from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS, parse_formula
from matsmith.core.errors import DataError, LedgerError, SpecError, StructureError, ToolError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record, Status
from matsmith.tools.structure_files import read_structure

_KIND = "shelf"
_SHOWN = 12
_SITES_SHOWN = 8
# Others return the crystal that they worked on, which is no news.
MAKE_STRUCTURES = frozenset({"relax", "orderings", "generate_crystals"})


@dataclass(frozen=True, kw_only=True)
class Shelved:
    """One structure of a thread. `record` is the record that holds it, for one that a tool has returned."""

    label: str
    id: str
    formula: str
    source: str
    record: str = ""


class Shelf:
    """The structures that a thread knows, in the order they came."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def all(self) -> list[Shelved]:
        """Every structure, the last one last; a label that was used twice stands for the later one."""
        found: dict[str, Shelved] = {}
        for entry in self._ledger.entries(_KIND):
            found.pop(entry.key, None)
            found[entry.key] = Shelved(**json.loads(entry.body))
        return list(found.values())

    def last(self) -> Shelved | None:
        """What "it" means: the structure that came or was computed last."""
        shelved = self.all()
        return shelved[-1] if shelved else None

    def put(
        self, crystal: Crystal, *, label: str, source: str, strategy: str, prototype: str = ""
    ) -> Shelved:
        """Take a crystal in. The same crystal under the same label is there already."""
        candidate = Candidate.of(
            crystal, lineage=Lineage(strategy=strategy, prototype=prototype, note=source[:300])
        )
        if self._ledger.latest("candidate", candidate.id) is None:
            self._ledger.append("candidate", candidate.id, candidate)
        shelved = Shelved(label=label, id=candidate.id, formula=candidate.formula, source=source)
        self._note(shelved)
        return shelved

    def put_file(self, path: Path) -> Shelved:
        """Read a structure file. Raises `StructureError` that says why it is none."""
        crystal = read_structure(path)
        return self.put(crystal, label=path.name, source=f"file {path.name}", strategy="file")

    def put_record(self, record: Record, *, of: str) -> None:
        """Remember the structure that a tool returned, so that "it" means this one from now on."""
        made = record.tool in MAKE_STRUCTURES and record.status is Status.SUCCESS
        if made and record.outcome.crystal is not None:
            crystal = record.outcome.crystal
            label = f"{of} ({record.tool})"
            self._note(
                Shelved(
                    label=label,
                    id=crystal.canonical_hash,
                    formula=crystal.formula,
                    source=record.tool,
                    record=record.id,
                )
            )

    def touch(self, shelved: Shelved) -> None:
        """Make it the last one, since it was spoken of."""
        last = self.last()
        if last is None or last.label != shelved.label:
            self._note(shelved)

    def find(self, name: str) -> Shelved | None:
        """By label, formula, or the beginning of an id; None when nothing or more than one thing answers."""
        shelved = self.all()
        wanted = name.strip()
        for exact in (
            [one for one in shelved if one.label == wanted],
            [one for one in shelved if one.label.casefold() == wanted.casefold()],
            [
                one
                for one in shelved
                if wanted and one.label.rsplit(".", 1)[0].casefold() == wanted.casefold()
            ],
            [one for one in shelved if _same_formula(one.formula, wanted)],
            [
                one
                for one in shelved
                if len(wanted) >= 4 and wanted in (one.id[: len(wanted)], one.record[: len(wanted)])
            ],
        ):
            if exact:
                return exact[-1]
        return None

    def reference(self, name: str) -> str:
        """What a tool takes for a name: the id of a candidate or of a record with a structure. Raises `ToolError` with what there is."""
        found = self.find(name)
        if found is not None:
            return found.record or found.id
        record = self.record(name)
        if record is not None:
            return record.id
        labels = ", ".join(one.label for one in self.all()[-_SHOWN:]) or "none yet"
        raise ToolError(
            f"This thread has no structure {name[:60]!r}.",
            hint=f"Its structures: {labels}. find_structure looks one up by formula; a file is taken in with its path.",
        )

    def record(self, name: str) -> Record | None:
        """The record whose id begins so."""
        wanted = name.strip().lower()
        if not 4 <= len(wanted) <= 64 or set(wanted) - set("0123456789abcdef"):
            return None
        try:
            return self._ledger.find_record(wanted)
        except LedgerError:
            return None

    def crystal(self, shelved: Shelved) -> Crystal:
        """The structure itself."""
        if shelved.record:
            record = self._ledger.record(shelved.record)
            if record is not None and record.outcome.crystal is not None:
                return record.outcome.crystal
        body = self._ledger.latest("candidate", shelved.id)
        if body is None:
            raise ToolError(f"The structure {shelved.label} is missing.", hint="Give its file again.")
        return Candidate.model_validate_json(body).crystal

    def _note(self, shelved: Shelved) -> None:
        self._ledger.append(_KIND, shelved.label, json.dumps(shelved.__dict__))


@dataclass(frozen=True, kw_only=True)
class Found:
    """A crystal found for a formula, and where."""

    crystal: Crystal
    label: str
    source: str
    prototype: str = ""


def find_by_formula(formula: str, *, prototype: str = "") -> list[Found]:
    """Crystals of a formula, best known first: measured ones, then relaxed reference phases, then decorations of a named structure type.

    With a structure type or the name of a mineral (`rutile`, `anatase`) only those that bear it. Raises `SpecError` for what is no formula and `StructureError` for a structure type that the formula does not fit.
    """
    amounts = parse_formula(formula)
    known = [*_measured(formula), *_reference(formula, amounts)]
    if not prototype:
        return known
    named = [one for one in known if prototype.casefold() in f"{one.label} {one.prototype}".casefold()]
    return named or _decorated(amounts, formula=formula, prototype=prototype)


def _measured(formula: str) -> list[Found]:
    from matsmith.knowledge.crystals import find

    try:
        crystals = find(formula)
    except DataError as error:
        raise SpecError(error.message, hint=error.hint) from error
    found: list[Found] = []
    for one in crystals:
        structure = one.structure().get_primitive_structure()
        plain = Crystal.from_pymatgen(structure)
        name = one.name if one.name and one.name != one.formula else one.prototype
        found.append(
            Found(
                crystal=plain,
                label=f"{plain.formula} {name}".strip(),
                source="measured crystal: " + "; ".join(each.text for each in one.citations),
                prototype=one.prototype,
            )
        )
    return found


def _reference(formula: str, amounts: dict[str, float]) -> list[Found]:
    from matsmith.agents.report.collect import structure_type
    from matsmith.knowledge.phases import shipped_phases

    phases = [one for one in shipped_phases(list(amounts)) if _same_formula(one.formula, formula)]
    return [
        Found(
            crystal=one.crystal(),
            label=f"{one.formula} {structure_type(one.prototype)}".strip(),
            source="reference phase, relaxed with the built-in potential",
            prototype=one.prototype,
        )
        for one in phases[:6]
    ]


def _decorated(amounts: dict[str, float], *, formula: str, prototype: str) -> list[Found]:
    from matsmith.knowledge.prototypes import by_common_name, decorate

    types = by_common_name(prototype)
    if not types:
        raise StructureError(
            f"No structure type is called {prototype[:60]!r}.",
            hint="Try rocksalt, perovskite, wurtzite or fluorite.",
        )
    elements = tuple(sorted(amounts, key=SYMBOLS.index))
    found: list[Found] = []
    for kind in types:
        for order in kind.distinct_assignments(elements):
            crystal = Crystal.from_pymatgen(decorate(kind, dict(zip(kind.slots, order, strict=True))))
            if _same_formula(crystal.formula, formula):
                found.append(
                    Found(
                        crystal=crystal,
                        label=f"{crystal.formula} {kind.label}",
                        source=f"the structure type {kind.label} with these elements, not relaxed",
                        prototype=kind.name,
                    )
                )
    if not found:
        raise StructureError(
            f"{formula} does not fit the structure type {prototype[:60]}.",
            hint="Name another structure type, or give a CIF.",
        )
    return found


def structure_table(crystal: Crystal, *, title: str, source: str) -> TablePiece:
    """A structure in short: cell, atoms and where it came from."""
    amounts = ", ".join(f"{symbol}{count}" for symbol, count in crystal.amounts.items())
    return TablePiece(
        title=title,
        columns=("", ""),
        rows=(
            ("formula", crystal.formula),
            ("cell", cell_text(crystal)),
            ("atoms", amounts),
            ("id", crystal.canonical_hash),
            ("from", source),
        ),
    )


def cell_table(crystal: Crystal) -> TablePiece:
    """Edges, angles and volume of a cell, and the positions of its first atoms."""
    rows = _side_rows(crystal.lattice)
    conventional = conventional_lattice(crystal)
    if conventional is not None:
        rows += [(f"conventional {name}", *sides) for name, *sides in _side_rows(conventional)]
    sites = list(zip(crystal.species, crystal.positions, strict=True))
    rows += [
        (symbol, *(f"{round(x, 4) % 1.0:.4f}" for x in position)) for symbol, position in sites[:_SITES_SHOWN]
    ]
    left = len(sites) - _SITES_SHOWN
    return TablePiece(
        title=f"Cell of {crystal.formula}",
        columns=("", "", "", ""),
        rows=tuple(rows),
        note=f"{left} more atoms" if left > 0 else "",
    )


def _side_rows(lattice: Rows) -> list[tuple[str, ...]]:
    edges, angles = edges_and_angles(lattice)
    return [
        ("a, b, c (Å)", *(f"{edge:.4f}" for edge in edges)),
        ("α, β, γ (°)", *(f"{angle:.2f}" for angle in angles)),
    ]


def _same_formula(one: str, other: str) -> bool:
    from matsmith.knowledge.formulas import reduced_key

    try:
        return reduced_key(one) == reduced_key(other)
    except (DataError, SpecError, ValueError):
        return False
