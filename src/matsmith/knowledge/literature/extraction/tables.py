"""Values in tables: a head that names property and unit, materials in the first column, or the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from matsmith.knowledge.literature.documents import SourceDocument, Table
from matsmith.knowledge.literature.extraction.context import obtained_in
from matsmith.knowledge.literature.extraction.families import FAMILIES, Family
from matsmith.knowledge.literature.extraction.materials import Material, find_materials, formula_key
from matsmith.knowledge.literature.extraction.numbers import find_numbers
from matsmith.knowledge.literature.extraction.quantities import Measure, find_measures
from matsmith.knowledge.literature.extraction.units import to_unit, unit_at
from matsmith.knowledge.literature.extraction.values import ExtractedValue, Place, make_value

_UNIT_IN_HEAD = re.compile(
    r"[(\[]\s?([^()\[\]]*(?:\([^()]*\))?[^()\[\]]*)\s?[)\]]|\s/\s(\S.*)$|,\s(\S+(?: \S+)?)$|\bin (\S+)$"
)
_POWER_IN_HEAD = re.compile(
    r"(?:[×x·]\s?)?10(?:\^?\{?([−–-]?\d{1,2})\}?|([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))\s?[×·x]?\s?(?=[A-Za-zµ°/%])"
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−–", "0123456789+---")
_BARE_CONDUCTIVITY = re.compile(r"σ(?:_?\w{1,3})?")
_IONIC = re.compile(r"\b(?:electrolytes?|ionic|ions?|superionic)\b", re.IGNORECASE)
_CAPTION = re.compile(r"(?:\*\*|_)?Tab(?:le|\.)\b", re.IGNORECASE)
_CAPTION_UNIT = re.compile(
    r"\b(?:in|\(in|\()\s?([A-Za-zµ°%][^\s,.;()]*(?: [A-Za-z]+[−-]\d)*)\)?(?=[\s.,;)]|$)"
)


def extract_tables(document: SourceDocument, family: Family) -> Iterator[ExtractedValue]:
    """Yield the values of a property in the tables of a document; the quote is the row in the document's text."""
    for table in document.tables:
        rows = [tuple(cell.strip() for cell in row) for row in table.rows]
        if len(rows) < 2:
            continue
        table = replace(table, caption=table.caption or _caption_before(document, table))
        yield from _columns(document, table, rows, family)
        yield from _transposed(document, table, rows, family)


def _caption_before(document: SourceDocument, table: Table) -> str:
    """The paragraph right before the table when it is a caption that the reader left in the text."""
    before = document.text[max(0, table.start - 400) : table.start].strip().rsplit("\n", 1)[-1].strip()
    return before if _CAPTION.match(before) else ""


def _columns(
    document: SourceDocument, table: Table, rows: Sequence[tuple[str, ...]], family: Family
) -> Iterator[ExtractedValue]:
    head = rows[0]
    names = _material_column(rows)
    for column, cell in enumerate(head):
        if column == names or _family_of_head(cell, f"{table.caption} {' '.join(head)}") != family.name:
            continue
        unit, factor = _unit_of(cell, caption=table.caption, family=family)
        for index, row in enumerate(rows[1:], start=1):
            if len(row) <= max(column, names):
                continue
            yield from _value(
                document,
                table,
                family,
                name=row[names],
                cell=row[column],
                unit=unit,
                factor=factor,
                row=rows[index],
            )


def _transposed(
    document: SourceDocument, table: Table, rows: Sequence[tuple[str, ...]], family: Family
) -> Iterator[ExtractedValue]:
    """Materials in the head, properties in the first column."""
    materials = [find_materials(cell) for cell in rows[0][1:]]
    if sum(1 for found in materials if found) < max(1, len(materials) // 2):
        return
    for row in rows[1:]:
        if _family_of_head(row[0], "") != family.name:
            continue
        unit, factor = _unit_of(row[0], caption=table.caption, family=family)
        for name, cell in zip(rows[0][1:], row[1:], strict=False):
            yield from _value(
                document, table, family, name=name, cell=cell, unit=unit, factor=factor, row=row
            )


def _family_of_head(cell: str, caption: str) -> str:
    """The property that a head names; a bare Tc means what the caption says."""
    bare = _UNIT_IN_HEAD.sub("", cell).strip()
    for family in FAMILIES.values():
        if family.words.search(bare):
            return family.name
    if _BARE_CONDUCTIVITY.fullmatch(bare) or re.match(r"conductivity\b", bare, re.IGNORECASE):
        return "ionic_conductivity" if _IONIC.search(caption) else "electrical_conductivity"
    matches = [
        family.name
        for family in FAMILIES.values()
        if family.symbols is not None and family.symbols.match(bare) and _is_symbol(bare, family)
    ]
    for name in matches:
        if FAMILIES[name].words.search(caption):
            return name
    if bare in ("Tc", "T_c", "TC", "T_C") and FAMILIES["curie_temperature"].words.search(caption):
        return "curie_temperature"
    return matches[0] if matches else ""


def _is_symbol(bare: str, family: Family) -> bool:
    """The symbol is the whole head, or all before a bracket or a condition such as `at 25 °C`."""
    match = family.symbols.match(bare) if family.symbols else None
    return match is not None and (match.end() == len(bare) or bare[match.end()] in " ,;(")


def _unit_of(cell: str, *, caption: str, family: Family) -> tuple[str, float]:
    """Unit and power of ten that a head states; from the caption, or none, where it states none."""
    candidates = [part for match in _UNIT_IN_HEAD.finditer(cell) for part in match.groups() if part]
    for candidate in candidates:
        factor, rest = 1.0, candidate.strip()
        power = _POWER_IN_HEAD.match(rest)
        if power is not None:
            factor = 10.0 ** int((power[1] or power[2]).translate(_RAISED))
            rest = rest[power.end() :]
        found = unit_at(rest, 0)
        if found is not None and to_unit(1.0, found[0], family.unit) is not None:
            return found[0], factor
    if not candidates and family.unit:
        for match in _CAPTION_UNIT.finditer(caption):
            found = unit_at(match[1], 0)
            if found is not None and to_unit(1.0, found[0], family.unit) is not None:
                return found[0], 1.0
    return "", 1.0


def _material_column(rows: Sequence[tuple[str, ...]]) -> int:
    """The column that names materials: the one with most of them, the first when none has any."""
    width = len(rows[0])
    counts = [
        sum(1 for row in rows[1:] if column < len(row) and find_materials(row[column]))
        for column in range(width)
    ]
    return counts.index(max(counts)) if counts and max(counts) else 0


def _value(
    document: SourceDocument,
    table: Table,
    family: Family,
    *,
    name: str,
    cell: str,
    unit: str,
    factor: float,
    row: tuple[str, ...],
) -> Iterator[ExtractedValue]:
    measure = _cell(cell, unit=unit, factor=factor, family=family)
    material = _material(name)
    if measure is None or material is None:
        return
    start, end = _place_of_row(document, table, row)
    obtained, method = obtained_in(f"{table.caption} {' '.join(row)}")
    value = make_value(
        document,
        family,
        material=material.name,
        formula=material.formula,
        measure=measure,
        place=Place(start=start, end=end, kind="table", written=cell, obtained=obtained, method=method),
    )
    if value is not None:
        yield value


def _cell(cell: str, *, unit: str, factor: float, family: Family) -> Measure | None:
    """The one quantity of a cell, in the head's unit unless it carries its own."""
    measures = find_measures(cell)
    if len(measures) != 1 or len(list(find_numbers(cell))) > 2:
        return None
    measure = measures[0]
    carried = bool(measure.unit)
    chosen = measure.unit if carried else unit
    scale = 1.0 if carried else factor
    if bool(family.unit) != bool(chosen):
        return None
    return Measure(
        low=_scaled(measure.low, scale),
        high=_scaled(measure.high, scale),
        unit=chosen,
        relation=measure.relation,
        sigma=_scaled(measure.sigma, scale),
        rounding=_scaled(measure.rounding, scale),
        start=measure.start,
        end=measure.end,
        approximate=measure.approximate,
    )


def _scaled(value: float, factor: float) -> float:
    return float(f"{value * factor:.12g}")


def _material(cell: str) -> Material | None:
    """What the cell names: a material, or whatever text stands where materials stand."""
    found = find_materials(cell)
    if found:
        return found[0]
    bare = cell.strip()
    if not bare or not any(character.isalpha() for character in bare) or len(bare) > 60:
        return None
    return Material(name=bare, formula=formula_key(bare), start=0, end=len(bare))


def _place_of_row(document: SourceDocument, table: Table, row: tuple[str, ...]) -> tuple[int, int]:
    """Where the row stands in the text; the whole table when its line is not found as it is."""
    text = document.text[table.start : table.end]
    place = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        cells = tuple(cell.strip() for cell in bare.strip("|").split("|"))
        if cells == row:
            left = len(line) - len(line.lstrip())
            return table.start + place + left, table.start + place + left + len(bare)
        place += len(line)
    return table.start, table.end
