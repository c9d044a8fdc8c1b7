"""Claims that code can refute: records that were changed, verdicts that do not follow from them, candidates that break a wish, false quotes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from matsmith.agents.bench.answer_checks import CandidatesCheck, Wish
from matsmith.agents.bench.attempt import Attempt
from matsmith.agents.bench.independent import contradiction
from matsmith.agents.bench.reading import Claimed, NamedQuantity, Reading, claimed_in_words
from matsmith.agents.bench.task_files import documents_folder
from matsmith.core.quantity import Quantity
from matsmith.core.record import Status

# One sigma on one side, as everywhere in matsmith, computed here anew; the allowance is for rounding alone.
_PROBABILITY_MET = 0.84
_ROUNDING = 1e-6


def records_refuted(reading: Reading) -> Iterator[str]:
    """What is wrong with the records that an answer rests on."""
    used = {one.record.id: one.record for one in reading.named}
    for claimed in reading.claimed:
        used |= {one.record.id: one.record for one in claimed.named}
        for verdict in claimed.verdicts:
            if verdict.answer.value == "met" and verdict.record not in reading.records:
                yield f"{claimed.formula}: {verdict.property} is called met without a record"
    for record in used.values():
        if record.status is not Status.SUCCESS:
            yield f"record {record.id} of {record.tool} failed and is named"
        elif record.recomputed_id != record.id:
            yield f"record {record.id} of {record.tool} does not have the id that its content gives"


def candidates_of(check: CandidatesCheck, reading: Reading) -> list[Claimed]:
    """The candidates that are claimed: those of a design run, or formulas for which a text names every property that is wished for."""
    if reading.claimed:
        return reading.claimed
    wanted = {wish.property for wish in check.wishes}
    return [
        one
        for one in claimed_in_words(reading)
        if one.named and wanted <= {named.property for named in one.named}
    ]


def candidate_problems(claimed: Claimed, check: CandidatesCheck, *, data_dir: Path) -> Iterator[str]:
    """Wishes that a claimed candidate breaks, each as a sentence."""
    yield from _composition(claimed, check)
    number = _space_group(claimed)
    low, high = check.space_groups
    if number is not None and not low <= number <= high:
        yield f"{claimed.formula} has the space group {number}, and {low} to {high} were asked for"
    for wish in check.wishes:
        named = [one for one in claimed.named if one.property == wish.property]
        if not named:
            yield f"{claimed.formula}: no record gives its {wish.property}"
        yield from (problem for one in named for problem in _broken(wish, one, formula=claimed.formula))
        against = contradiction(wish, formula=claimed.formula, crystal=claimed.crystal, data_dir=data_dir)
        if against is not None:
            yield against


def _composition(claimed: Claimed, check: CandidatesCheck) -> Iterator[str]:
    from matsmith.agents.bench.independent import elements_of

    held = set(claimed.crystal.species) if claimed.crystal is not None else elements_of(claimed.formula)
    missing = [symbol for symbol in check.all_of if symbol not in held]
    forbidden = [symbol for symbol in check.none_of if symbol in held]
    if missing:
        yield f"{claimed.formula} holds no {missing[0]}"
    if forbidden:
        yield f"{claimed.formula} holds {forbidden[0]}, which is excluded"
    if check.any_of and not held & set(check.any_of):
        yield f"{claimed.formula} holds none of {', '.join(check.any_of)}"
    others = sorted(held - set(check.only))
    if check.only and others:
        yield f"{claimed.formula} holds {others[0]}, which is not among those allowed"
    low, high = check.elements
    if not low <= len(held) <= high:
        yield f"{claimed.formula} has {len(held)} elements, and {low} to {high} were asked for"


def _space_group(claimed: Claimed) -> int | None:
    if claimed.crystal is None:
        return None
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    return int(SpacegroupAnalyzer(claimed.crystal.to_pymatgen(), symprec=0.1).get_space_group_number())


def _broken(wish: Wish, named: NamedQuantity, *, formula: str) -> Iterator[str]:
    if _probability(named.quantity, wish) < _PROBABILITY_MET - _ROUNDING:
        bounds = " and ".join(
            f"{word} {limit:g}"
            for word, limit in (("above", wish.above), ("below", wish.below))
            if limit is not None
        )
        yield f"{formula}: {wish.property} {bounds} does not follow from {named.quantity}"


def _probability(quantity: Quantity, wish: Wish) -> float:
    low = -math.inf if wish.above is None else wish.above
    high = math.inf if wish.below is None else wish.below
    if quantity.sigma == 0:
        return float(low <= quantity.value <= high)
    scale = quantity.sigma * math.sqrt(2.0)
    return 0.5 * (math.erf((high - quantity.value) / scale) - math.erf((low - quantity.value) / scale))


def false_quotes(attempt: Attempt, *, folder: Path) -> Iterator[str]:
    """Quotes that stand in none of the task's documents and in no note that ships."""
    if not attempt.quotes:
        return
    sources = [_folded(text) for text in _sources(folder)]
    for quote in attempt.quotes:
        wanted = _folded(quote.text)
        if not wanted or not any(wanted in source for source in sources):
            yield f"the quote {quote.text[:80]!r} stands in no source"


def _sources(folder: Path) -> Iterator[str]:
    from importlib import resources

    documents = documents_folder(folder)
    for path in sorted(documents.iterdir()) if documents.is_dir() else []:
        yield path.read_text(encoding="utf-8", errors="replace")
    for entry in resources.files("matsmith.knowledge").joinpath("notes").iterdir():
        if entry.name.endswith(".md"):
            yield entry.read_text(encoding="utf-8")


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
