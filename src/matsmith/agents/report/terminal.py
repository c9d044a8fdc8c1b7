"""A run and its candidates in the terminal, for `matsmith show RUN [CANDIDATE]`. Colours repeat what words say."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from matsmith.agents.report.details import cell_text
from matsmith.agents.report.markup import visible
from matsmith.agents.report.model import CandidateReport, RejectedCandidate, RunReport
from matsmith.agents.report.pieces import overall, phase_of
from matsmith.agents.report.wording import (
    answer_word,
    duration_text,
    fact_text,
    fact_title,
    margin_text,
    probability_text,
    stop_word,
    target_text,
    title_of,
    value_text,
)
from matsmith.core.errors import UsageError
from matsmith.core.run import StopReason
from matsmith.core.spec import Target
from matsmith.core.verdict import Verdict

_STYLES = {"met": "green", "not met": "red", "unknown": "yellow", "ranked": "dim", "not-met": "red"}
_STOP_STYLES = {StopReason.MET: "green", StopReason.IMPOSSIBLE: "red"}
_SHOWN = 20


def show_run(report: RunReport) -> RenderableType:
    """The run on one screen: objective, verdict, the best candidates, what was rejected, how to go on."""
    style = _STOP_STYLES.get(report.stop.reason, "yellow") if report.stop else "yellow"
    reason = report.stop.reason if report.stop else None
    head = Text.assemble(
        (_plain(report.header.objective) or "(no objective was given)", "bold"),
        "\n\n",
        (stop_word(reason).capitalize(), f"bold {style}"),
        "  ",
        _plain(report.outcome),
        "\n",
        (
            f"{report.met} met, {len(report.candidates)} judged, {len(report.rejected)} rejected, "
            f"{len(report.rounds)} round{'' if len(report.rounds) == 1 else 's'}, {duration_text(report.elapsed_s)}",
            "dim",
        ),
    )
    parts: list[RenderableType] = [
        Panel(head, title=Text(f"run {_plain(report.header.run)}"), title_align="left", border_style=style)
    ]
    if report.candidates:
        parts.append(_ranking(report))
    if report.front:
        names = {candidate.id: candidate for candidate in report.candidates}
        kept = [names[one] for one in report.front if one in names]
        listed = ", ".join(f"{_plain(one.formula)} ({one.rank})" for one in kept[:_SHOWN])
        parts.append(
            Text.assemble(("Front  ", "bold"), f"{listed}: none beats another by more than the errors")
        )
    if report.rejected_by_reason:
        counted = ", ".join(f"{count} {_plain(why)}" for why, count in report.rejected_by_reason.items())
        parts.append(Text.assemble(("Rejected  ", "bold"), counted))
    if report.not_understood:
        words = ", ".join(f"“{_plain(text)}”" for text in report.not_understood)
        parts.append(Text.assemble(("Not understood  ", "bold yellow"), words))
    if report.evidence:
        parts.append(
            Text.assemble(
                ("Literature  ", "bold"),
                f"{len(report.evidence)} quote{'' if len(report.evidence) == 1 else 's'}, in the report",
            )
        )
    parts.append(
        Text(
            f"seed {report.header.seed}, reasoner {_plain(report.header.reasoner)}, matsmith {_plain(report.header.version)}, "
            f"ledger head {report.ledger_head[:16]}",
            style="dim",
        )
    )
    return Group(*parts)


def _ranking(report: RunReport) -> Table:
    targets = report.spec.targets if report.spec else []
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in (
        "#",
        "candidate",
        "novelty",
        *(f"{title_of(one.property)}\n{target_text(one)}" for one in targets),
        "id",
    ):
        table.add_column(name, vertical="top", overflow="fold")
    for candidate in report.candidates[:_SHOWN]:
        kind, words = overall(candidate)
        cells: list[Text] = []
        for index, target in enumerate(targets):
            verdict = next((one for one in candidate.verdicts if one.target == index), None)
            cells.append(_answer(verdict, target))
        _add(
            table,
            str(candidate.rank),
            Text.assemble((_plain(candidate.formula), "bold"), "\n", (words, _STYLES[kind])),
            str(candidate.novelty.label),
            *cells,
            Text(_plain(candidate.id)[:8], style="dim"),
        )
    left = len(report.candidates) - _SHOWN
    if left > 0:
        table.caption = Text(f"{left} more: `matsmith show {_plain(report.header.run)} RANK`, or report.json")
    return table


def _answer(verdict: Verdict | None, target: Target) -> Text:
    if verdict is None or verdict.quantity is None:
        return Text.assemble("–\n", ("unknown", _STYLES["unknown"]))
    word = answer_word(verdict, target)
    chance = f", p {probability_text(verdict.probability)}" if target.is_constraint else ""
    return Text.assemble(value_text(verdict.quantity), "\n", (word, _STYLES[word]), (chance, "dim"))


def show_candidate(report: RunReport, key: str) -> RenderableType:
    """One candidate, by its rank or the first characters of its id. Raises `UsageError` when none or several answer to it."""
    found = find_candidate(report, key)
    return _rejected(found) if isinstance(found, RejectedCandidate) else _candidate(report, found)


def find_candidate(report: RunReport, key: str) -> CandidateReport | RejectedCandidate:
    """The candidate of this rank or id; rejected ones have no rank and answer to their id."""
    wanted = key.strip().lower()
    if wanted.isdecimal() and len(wanted) <= 4:
        for candidate in report.candidates:
            if candidate.rank == int(wanted):
                return candidate
    everyone = [*report.candidates, *report.rejected]
    found = [one for one in everyone if wanted and one.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    hint = f"`matsmith show {_plain(report.header.run)}` lists them."
    if found:
        raise UsageError(f"{len(found)} candidates begin with {_plain(key)!r}.", hint="Give more of the id.")
    raise UsageError(f"This run has no candidate {_plain(key)!r}.", hint=hint)


def _rejected(candidate: RejectedCandidate) -> RenderableType:
    rows = _grid()
    _add(rows, "why", _plain(candidate.reason))
    _add(rows, "strategy", f"{_plain(candidate.strategy)}, round {candidate.round}")
    _add(rows, "prototype", _plain(candidate.prototype) or "–")
    _add(rows, "novelty", str(candidate.novelty.label))
    for failure in candidate.failures:
        text = f"{failure.tool}: {_plain(failure.message)} {_plain(failure.hint)}".strip()
        _add(rows, "failure", Text.assemble(text, (f"  record {failure.record[:8]}", "dim")))
    title = Text.assemble(
        (_plain(candidate.formula), "bold"), ("  rejected  ", "bold red"), (_plain(candidate.id), "dim")
    )
    return Group(title, Padding(rows, (0, 0, 0, 2)))


def _candidate(report: RunReport, candidate: CandidateReport) -> RenderableType:
    kind, words = overall(candidate)
    title = Text.assemble(
        (f"{candidate.rank}  ", "dim"),
        (_plain(candidate.formula), "bold"),
        "  ",
        (words, f"bold {_STYLES[kind]}"),
        "  ",
        str(candidate.novelty.label),
        "  ",
        (_plain(candidate.id), "dim"),
    )
    structure = _grid()
    _add(structure, "phase", _plain(phase_of(candidate)) or "–")
    state = (
        f"record {candidate.crystal_record[:8]}" if candidate.crystal_record else "as generated, not relaxed"
    )
    _add(structure, "cell", Text.assemble(cell_text(candidate.crystal), (f"  {state}", "dim")))
    lineage = candidate.lineage
    parents = (
        f", from {', '.join(_plain(parent)[:8] for parent in lineage.parents)}" if lineage.parents else ""
    )
    _add(
        structure,
        "lineage",
        f"{_plain(lineage.strategy)}, round {lineage.round}, seed {lineage.seed}{parents}",
    )
    if lineage.note:
        _add(structure, "made as", _plain(lineage.note))
    lists = "; ".join(map(_plain, candidate.novelty.lists)) or "no list"
    match = f", equals {_plain(candidate.novelty.match)}" if candidate.novelty.match else ""
    _add(structure, "novelty", f"{candidate.novelty.label}{match}; checked against {lists}")
    parts: list[RenderableType] = [title, Padding(structure, (0, 0, 1, 2))]
    if candidate.verdicts:
        parts += [Text("Verdicts", style="bold"), Padding(_verdicts(report, candidate), (0, 0, 1, 2))]
    if candidate.quantities:
        parts += [Text("Quantities", style="bold"), Padding(_quantities(report, candidate), (0, 0, 1, 2))]
    if candidate.facts:
        facts = _grid()
        for fact in candidate.facts:
            text = _plain(fact_text(fact.value))
            _add(
                facts, fact_title(fact.name), Text.assemble(text, (f"  {fact.tool} {fact.record[:8]}", "dim"))
            )
        parts += [Text("Facts", style="bold"), Padding(facts, (0, 0, 1, 2))]
    parts += [Text(f"! {_plain(warning)}", style="yellow") for warning in candidate.warnings]
    for failure in candidate.failures:
        parts.append(
            Text(f"! {failure.tool} failed: {_plain(failure.message)} {_plain(failure.hint)}", style="red")
        )
    return Group(*parts)


def _verdicts(report: RunReport, candidate: CandidateReport) -> Table:
    targets = report.spec.targets if report.spec else []
    table = _columns("target", "value", "verdict", "margin", "probability", "record")
    for verdict in candidate.verdicts:
        target = targets[verdict.target] if verdict.target < len(targets) else None
        word = answer_word(verdict, target)
        constraint = target is None or target.is_constraint
        reason = f" ({_plain(verdict.reason)})" if verdict.reason else ""
        _add(
            table,
            f"{title_of(verdict.property)} {target_text(target) if target else ''}".strip(),
            value_text(verdict.quantity) if verdict.quantity else "–",
            Text.assemble((word, _STYLES[word]), reason),
            margin_text(verdict) if constraint else "–",
            probability_text(verdict.probability) if constraint else "–",
            Text(verdict.record[:8], style="dim"),
        )
    return table


def _quantities(report: RunReport, candidate: CandidateReport) -> Table:
    table = _columns("quantity", "value", "sigma is against", "method", "tool", "record")
    for one in candidate.quantities:
        record = report.records.get(one.record)
        method = record.outcome.method if record else None
        _add(
            table,
            one.title,
            one.text,
            str(one.quantity.truth) if one.quantity.sigma else "exact",
            _plain(" ".join(part for part in (method.name, method.weights_hash[:8]) if part))
            if method
            else "–",
            one.tool,
            Text(one.record[:8], style="dim"),
        )
    return table


def _columns(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _add(table: Table, *cells: str | Text) -> None:
    """Add a row whose strings are taken as they are: rich would read square brackets in them as its markup."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(_plain(cell)) for cell in cells))


def _plain(text: str) -> str:
    """Text on one line, without the escape sequences that could write over what stands in the terminal."""
    return visible(text, limit=600).replace("\n", " ").replace("\t", " ")
