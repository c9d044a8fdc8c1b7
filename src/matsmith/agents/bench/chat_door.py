"""An attempt through the conversation: by its rules, or by a model that has the whole product at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matsmith.agents.bench.ask_door import quotes_of
from matsmith.agents.bench.attempt import Attempt, Ending, MadeCall
from matsmith.agents.bench.task import Task, TaskBudget
from matsmith.agents.conversation.chat_tools import Confirmation
from matsmith.agents.conversation.conversation import Conversation
from matsmith.agents.conversation.pieces import RecordPiece, TablePiece, TextPiece
from matsmith.agents.conversation.tool_loop import Ended, TurnBudget, TurnResult
from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.chat_model import ChatModel, make_chat_model
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.core.settings import Settings

LEDGER = "ledger.sqlite"
_HONEST = {
    Ended.NOT_UNDERSTOOD: Ending.NOT_UNDERSTOOD,
    Ended.REFUSED: Ending.REFUSED,
    Ended.FAILED: Ending.FAILED,
    Ended.EMPTY: Ending.FAILED,
    Ended.INTERRUPTED: Ending.STOPPED,
}
_CALLS_PER_ROUND = 4


def attempt_chat(
    task: Task, *, reasoner: str, folder: Path, files: Sequence[Path], settings: Settings, seed: int
) -> Attempt:
    """Say the prompt once. Whatever costs something is agreed to, as by a user who has said --yes."""
    model: ChatModel | None = None
    reader: Reasoner | None = None
    if reasoner != "rules":
        model, reader = chat_model(task.budget, settings=settings, seed=seed)
    thread = folder / "thread"
    with Conversation(
        folder=thread,
        settings=settings,
        model=model,
        reasoner=reader,
        confirm=agreed,
        budget=turn_budget(task.budget),
        seed=seed,
    ) as conversation:
        turn = conversation.say(task.prompt, files=list(files))
    attempt = of_turn(turn, ledgers=[thread / LEDGER], by_rules=model is None)
    return attempt if reader is None else attempt.model_copy(update={"usage": attempt.usage + reader.usage})


def agreed(wish: Confirmation) -> bool:
    """Agree to whatever is asked: what an attempt must not do is checked afterwards."""
    del wish
    return True


def chat_model(budget: TaskBudget, *, settings: Settings, seed: int) -> tuple[ChatModel, Reasoner]:
    """The model of the conversation and the one that plans and reads papers, paid from one budget."""
    from matsmith.agents.reasoners.providers import from_settings

    shared = ModelBudget(calls=budget.model_calls, tokens=budget.model_tokens)
    return (
        make_chat_model(settings, budget=shared, role="chat", seed=seed),
        from_settings(settings, budget=shared, seed=seed),
    )


def turn_budget(budget: TaskBudget) -> TurnBudget:
    """The task's limits as those of one turn."""
    return TurnBudget(
        tool_rounds=budget.tool_rounds,
        tool_calls=_CALLS_PER_ROUND * budget.tool_rounds,
        seconds=budget.wall_time_s,
        tokens=budget.model_tokens,
    )


def of_turn(turn: TurnResult, *, ledgers: Sequence[Path], by_rules: bool) -> Attempt:
    """A turn as an attempt. By rules the answer is what is shown; by a model it is what its text names."""
    shown = [piece.record.id for piece in turn.pieces if isinstance(piece, RecordPiece)] if by_rules else []
    records = list(dict.fromkeys([*turn.records, *shown]))
    quotes = [quote for answer in turn.literature for quote in quotes_of(answer)]
    failed = [f"{call.name}: {call.error}" for call in turn.calls if call.error]
    ending = _ending(turn, has_something=bool(records or quotes or turn.runs), by_rules=by_rules)
    # Without a model a turn that gives nothing is code's own sentence of why.
    own_words = by_rules and not ending.claims
    return Attempt(
        ending=ending,
        said="" if own_words else turn.text,
        raw="" if own_words else turn.raw_text,
        told="\n".join(
            [
                *([turn.text] if own_words else []),
                *_shown_text(turn),
                *failed,
                *(answer.refusal for answer in turn.literature),
            ]
        ),
        records=[] if own_words else records,
        ledgers=[str(path) for path in ledgers if path.is_file()],
        runs=[str(run) for run in turn.runs],
        calls=[
            MadeCall(name=call.name, ok=call.ok, error=call.error, records=list(call.record_ids))
            for call in turn.calls
        ],
        quotes=quotes,
        unbacked=turn.unbacked,
        usage=turn.usage,
        error=turn.error,
    )


def _ending(turn: TurnResult, *, has_something: bool, by_rules: bool) -> Ending:
    """An answer needs something that it rests on; a text without is a refusal, and a limit without is a stop.

    A turn of the rules fails by a typed error that says why: a refusal, or a gap beside what did work. One of a model fails by its server.
    """
    if turn.ended is Ended.FAILED and by_rules:
        return Ending.ANSWERED if any(call.ok for call in turn.calls) else Ending.REFUSED
    if turn.ended in _HONEST:
        return _HONEST[turn.ended]
    if turn.text.strip() or turn.pieces:
        return Ending.ANSWERED if has_something else Ending.REFUSED
    return Ending.STOPPED


def _shown_text(turn: TurnResult) -> list[str]:
    lines: list[str] = []
    for piece in turn.pieces:
        match piece:
            case TextPiece():
                lines.append(piece.text)
            case TablePiece():
                lines += [piece.title, *(" | ".join(row) for row in piece.rows), piece.note]
            case RecordPiece():
                failure = piece.record.outcome.failure
                lines += [
                    piece.title,
                    *(f"{name}: {value}" for name, value in piece.record.outcome.facts_to_read.items()),
                    *([failure.message] if failure else []),
                ]
    return [line for line in lines if line]
