"""Design runs in a conversation: plan, change, start, watch, question and stop them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matsmith.agents.conversation.chat_tools import Arguments, ChatTool, ToolReply, schema_of, single, text_of
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.explain import candidate_named, explain_candidate
from matsmith.agents.conversation.pieces import Piece, TablePiece, Tone, says
from matsmith.agents.conversation.run_news import RunState
from matsmith.agents.conversation.run_process import RunProcess
from matsmith.agents.conversation.spec_tools import current_spec, spec_tools, start_sentence
from matsmith.agents.conversation.structures import structure_table
from matsmith.agents.report.wording import answer_word, target_text, title_of, value_text
from matsmith.agents.runs import LEDGER, find_run, list_runs
from matsmith.core.errors import MatsmithError, UsageError
from matsmith.core.ledger import Ledger

_RUN = {
    "type": "string",
    "description": "name of a run, or its beginning; the one spoken of last when left out",
}
_CANDIDATE = {
    "type": "string",
    "description": "rank of a candidate, or the beginning of its id",
    "required": True,
}
_SHOWN = 8
_TONES: dict[RunState, Tone] = {
    RunState.RUNNING: "plain",
    RunState.FINISHED: "good",
    RunState.WAITING: "unsure",
    RunState.STOPPED: "unsure",
    RunState.FAILED: "bad",
}


def run_tools(desk: Desk) -> list[ChatTool]:
    """Everything about design runs."""
    return [
        *spec_tools(desk),
        ChatTool(
            schema=schema_of(
                "start_design",
                "Start a design run of the next specification in the background. Call plan_design or change_spec before. It goes on for minutes: "
                "tell the person so and do not wait for it.",
            ),
            run_many=single(lambda _: start_design(desk)),
            asks=lambda _: start_sentence(desk),
        ),
        ChatTool(
            schema=schema_of("list_runs", "The design runs at hand, newest first."),
            run_many=single(lambda _: runs_reply(desk)),
        ),
        ChatTool(
            schema=schema_of("watch_run", "How a design run stands now.", run=_RUN),
            run_many=single(lambda arguments: watch(desk, text_of(arguments, "run"))),
        ),
        ChatTool(
            schema=schema_of(
                "show_run", "What a design run has found: outcome, best candidates, what failed.", run=_RUN
            ),
            run_many=single(lambda arguments: show_run(desk, text_of(arguments, "run"))),
        ),
        ChatTool(
            schema=schema_of(
                "explain_candidate",
                "Everything on record of one candidate of a run: its verdicts with margins, why it was rejected, what failed.",
                candidate=_CANDIDATE,
                run=_RUN,
            ),
            run_many=single(
                lambda arguments: explain(
                    desk, text_of(arguments, "candidate"), run=text_of(arguments, "run")
                )
            ),
        ),
        ChatTool(
            schema=schema_of(
                "take_candidate",
                "Take a candidate's structure (relaxed when it was) from a run into this thread, so that tools can work on it.",
                candidate=_CANDIDATE,
                run=_RUN,
            ),
            run_many=single(
                lambda arguments: take(desk, text_of(arguments, "candidate"), run=text_of(arguments, "run"))
            ),
        ),
        ChatTool(
            schema=schema_of("stop_run", "Stop a design run that is at work; it can be resumed.", run=_RUN),
            run_many=single(lambda arguments: stop(desk, text_of(arguments, "run"))),
            asks=lambda arguments: f"Stop {_named(desk, text_of(arguments, 'run'))}.",
        ),
        ChatTool(
            schema=schema_of(
                "resume_run",
                "Go on with a run that was stopped, or that waits for the person's decision.",
                run=_RUN,
                decision={
                    "type": "string",
                    "enum": ["", "approve", "refuse"],
                    "description": "for a run that waits",
                },
            ),
            run_many=single(
                lambda arguments: resume(
                    desk, text_of(arguments, "run"), decision=text_of(arguments, "decision")
                )
            ),
            asks=lambda arguments: (
                f"Go on with {_named(desk, text_of(arguments, 'run'))}{_decided(arguments)}."
            ),
        ),
    ]


def start_design(desk: Desk) -> ToolReply:
    """Start the next specification."""
    start_sentence(desk)
    run = desk.runs.start(current_spec(desk), reasoner=desk.design_reasoner, seed=desk.seed)
    desk.speak_of(run.folder)
    text = f"Run {run.name} has begun in the background. Ask how it is doing, watch it, or stop it."
    return ToolReply(
        data={"started": run.name, "note": "it goes on in the background"},
        pieces=[says(text, "good")],
        runs=[run.folder],
    )


def runs_reply(desk: Desk) -> ToolReply:
    """The runs at hand."""
    started = {run.name: run for run in desk.runs.all()}
    rows: list[tuple[str, ...]] = []
    names = {info.name for info in list_runs(desk.settings)}
    for name, run in reversed(started.items()):
        if name not in names:
            rows.append((name, str(run.news().state), "", run.objective[:80]))
    for info in list_runs(desk.settings)[:20]:
        state = str(started[info.name].news().state) if info.name in started else info.state
        rows.append(
            (info.name, info.state if state == "finished" else state, str(info.met), info.objective[:80])
        )
    if not rows:
        return ToolReply(data={"runs": []}, pieces=[says("There are no design runs yet.", "quiet")])
    table = TablePiece(columns=("Run", "State", "Met", "Objective"), rows=tuple(rows))
    data = {"runs": [{"name": row[0], "state": row[1], "met": row[2], "objective": row[3]} for row in rows]}
    return ToolReply(data=data, pieces=[table], texts=[" ".join(row) for row in rows])


def watch(desk: Desk, name: str) -> ToolReply:
    """How a run stands."""
    run = started_run(desk, name)
    if run is None:
        return show_run(desk, name)
    desk.speak_of(run.folder)
    news = run.news()
    tone = _TONES[news.state]
    pieces: list[Piece] = [says(news.in_words(), tone)]
    pieces.extend(says(warning, "unsure") for warning in news.warnings[-3:])
    data = {
        "run": news.name, "state": str(news.state), "round": news.round, "stage": news.stage, "judged": news.judged, "met": news.met,
        "seconds_left": round(news.seconds_left), "sentence": news.sentence, "error": news.error, "waits_for": news.waiting_for,
    }  # fmt: skip
    return ToolReply(data=data, pieces=pieces, texts=[news.in_words()], runs=[run.folder])


def started_run(desk: Desk, name: str) -> RunProcess | None:
    """The run of this thread that is meant; None when it means one that was started elsewhere."""
    spoken = Path(desk.spoken_of).name if desk.spoken_of and not name else ""
    return desk.runs.find(name or spoken) if (name or spoken) else desk.runs.find("")


def folder_of(desk: Desk, name: str) -> Path:
    """The folder of the run that is meant. Raises `UsageError` when there is none."""
    run = started_run(desk, name)
    if run is not None:
        return run.folder
    if name:
        return find_run(name, settings=desk.settings)
    if desk.spoken_of:
        return Path(desk.spoken_of)
    runs = list_runs(desk.settings)
    if not runs:
        raise UsageError("There is no design run yet.", hint="Say what you want to design first.")
    return runs[0].folder


def show_run(desk: Desk, name: str) -> ToolReply:
    """What a run has found, from its ledger."""
    from matsmith.agents.report.collect import collect

    folder = folder_of(desk, name)
    if not (folder / LEDGER).is_file():
        return watch(desk, folder.name)
    desk.speak_of(folder)
    with Ledger(folder / LEDGER, create=False) as ledger:
        report = collect(ledger)
    targets = report.spec.targets if report.spec else []
    rows: list[tuple[str, ...]] = []
    best: list[dict[str, Any]] = []
    for candidate in report.candidates[:_SHOWN]:
        cells: list[str] = []
        for index, target in enumerate(targets):
            verdict = next((one for one in candidate.verdicts if one.target == index), None)
            shown = (
                f"{value_text(verdict.quantity)} [{verdict.record[:8]}]"
                if verdict and verdict.quantity
                else "–"
            )
            cells.append(f"{shown}: {answer_word(verdict, target)}" if verdict else shown)
        rows.append((str(candidate.rank), candidate.formula, str(candidate.novelty.label), *cells))
        values = {v.property: f"{{r:{v.record[:8]}.{v.property}}}" for v in candidate.verdicts if v.record}
        best.append(
            {"rank": candidate.rank, "formula": candidate.formula, "meets": candidate.meets, "write": values}
        )
    started = desk.runs.find(folder.name)
    news = started.news() if started is not None else None
    # A run at work has no outcome yet: the ledger alone cannot tell it from one that was broken off.
    at_work = news.in_words() if news is not None and news.state is RunState.RUNNING else ""
    outcome = at_work or f"Run {report.header.run}: {report.outcome}"
    pieces: list[Piece] = [says(outcome, "plain" if at_work else "good" if report.met else "unsure")]
    heads = [f"{title_of(target.property)} {target_text(target)}" for target in targets]
    if rows:
        left = len(report.candidates) - len(rows)
        note = f"{left} more in the report" if left > 0 else ""
        pieces.append(TablePiece(columns=("", "Formula", "", *heads), rows=tuple(rows), note=note))
    counted = ", ".join(f"{count} {why}" for why, count in report.rejected_by_reason.items())
    if counted:
        pieces.append(says(f"Rejected: {counted}", "quiet"))
    wanted = [record for candidate in report.candidates[:_SHOWN] for record in candidate.records]
    records = [report.records[one] for one in dict.fromkeys(wanted) if one in report.records]
    desk.import_records(records)
    data = {
        "run": report.header.run,
        "outcome": at_work or report.outcome,
        "met": report.met,
        "judged": len(report.candidates),
        "rejected": report.rejected_by_reason,
        "best": best,
        "report": "report.html" if (folder / "report.html").is_file() else "",
    }
    told = [outcome, counted, str(report.met), str(len(report.candidates))]
    return ToolReply(data=data, pieces=pieces, records=records, texts=told, runs=[folder])


def explain(desk: Desk, candidate: str, *, run: str = "") -> ToolReply:
    """Explain a candidate from its records."""
    from matsmith.agents.report.collect import collect

    folder = folder_of(desk, run)
    _wait_for_ledger(folder)
    desk.speak_of(folder)
    with Ledger(folder / LEDGER, create=False) as ledger:
        reply = explain_candidate(collect(ledger), candidate)
    desk.import_records(reply.records)
    return reply


def take(desk: Desk, candidate: str, *, run: str = "") -> ToolReply:
    """Bring a candidate's structure into the thread."""
    from matsmith.agents.report.collect import collect
    from matsmith.agents.report.model import RejectedCandidate

    folder = folder_of(desk, run)
    _wait_for_ledger(folder)
    desk.speak_of(folder)
    with Ledger(folder / LEDGER, create=False) as ledger:
        report = collect(ledger)
    found = candidate_named(report, candidate)
    if isinstance(found, RejectedCandidate):
        raise UsageError(
            f"{found.formula} was rejected ({found.reason}).", hint="Take a candidate that was judged."
        )
    source = f"candidate {found.rank} of run {report.header.run}" + (
        ", relaxed" if found.crystal_record else ", not relaxed"
    )
    shelved = desk.shelf.put(
        found.crystal,
        label=f"candidate {found.rank}",
        source=source,
        strategy="run",
        prototype=found.prototype,
    )
    piece = structure_table(found.crystal, title=shelved.label, source=source)
    return ToolReply(
        data={"structure": shelved.label, "id": shelved.id, "formula": shelved.formula, "from": source},
        pieces=[piece],
    )


def stop(desk: Desk, name: str) -> ToolReply:
    """Stop a run of this thread."""
    run = started_run(desk, name)
    if run is None:
        raise UsageError("No run of this thread is at work.", hint="`list runs` shows those at hand.")
    before = run.news()
    if before.state is not RunState.RUNNING:
        return ToolReply(data={"run": run.name, "state": str(before.state)}, pieces=[says(before.in_words())])
    run.stop()
    news = run.news()
    still = news.state is RunState.RUNNING
    text = (
        f"Run {run.name} was asked to stop and is still closing what is open." if still else news.in_words()
    )
    return ToolReply(data={"run": run.name, "state": str(news.state)}, pieces=[says(text)], runs=[run.folder])


def resume(desk: Desk, name: str, *, decision: str = "") -> ToolReply:
    """Go on with a run."""
    folder = folder_of(desk, name)
    _wait_for_ledger(folder)
    if decision not in ("", "approve", "refuse"):
        raise UsageError(f"There is no decision {decision[:40]!r}.", hint="Choose approve or refuse.")
    run = desk.runs.resume(folder, decision=decision)
    desk.speak_of(folder)
    return ToolReply(
        data={"resumed": run.name},
        pieces=[says(f"Run {run.name} goes on in the background.", "good")],
        runs=[folder],
    )


def _wait_for_ledger(folder: Path) -> None:
    if not (folder / LEDGER).is_file():
        raise UsageError(f"Run {folder.name} has written nothing yet.", hint="Ask again in a moment.")


def _named(desk: Desk, name: str) -> str:
    try:
        return f"run {folder_of(desk, name).name}"
    except MatsmithError:
        return f"run {name}"


def _decided(arguments: Arguments) -> str:
    decision = text_of(arguments, "decision")
    return f" and {decision} what it asks" if decision else ""
