"""What a model is shown of a thread: the rules, the turns that fit, the older ones in short, and how things stand now."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attached
from matsmith.agents.conversation.run_news import RunState
from matsmith.agents.conversation.thread_store import Turn
from matsmith.prompts.loader import clean, load_prompt

CHARACTERS = 60_000
"""Of earlier turns; a third or so of that many tokens."""
_FOLDED_TURNS, _FOLDED_LINE, _OLD_RESULT = 40, 240, 2_000
_LISTED = 24


def messages_for(
    text: str, *, turns: Sequence[Turn], desk: Desk, characters: int = CHARACTERS
) -> list[dict[str, Any]]:
    """The messages of a new turn. What changes stands last, so that a server can keep what comes before."""
    prompt = load_prompt("chat")
    kept: list[list[dict[str, Any]]] = []
    room = characters
    for turn in reversed(turns):
        shown = _shortened(turn)
        size = sum(len(str(message.get("content") or "")) + 200 for message in shown)
        if size > room:
            break
        room -= size
        kept.append(shown)
    folded = turns[: len(turns) - len(kept)]
    rendered = prompt.render(state=state_text(desk, folded=folded), seed=desk.seed)
    messages: list[dict[str, Any]] = [dict(rendered[0])]
    for shown in reversed(kept):
        messages += shown
    messages.append({"role": "user", "content": f"{rendered[1]['content']}\n\n{clean(text)}"})
    return messages


def state_text(desk: Desk, *, folded: Sequence[Turn] = ()) -> str:
    """The thread as plain data: its files and structures, the next run, runs at hand, and earlier turns in short."""
    state: dict[str, Any] = {}
    files = [{"label": one["label"], "kind": one["kind"]} for one in attached(desk)][-_LISTED:]
    if files:
        state["files"] = files
    structures = [
        {"label": one.label, "formula": one.formula, **({"record": one.record[:8]} if one.record else {})}
        for one in desk.shelf.all()
    ]
    if structures:
        state["structures"] = structures[-_LISTED:]
    spec = desk.spec
    if spec is not None:
        state["next_design_run"] = spec.model_dump(mode="json", exclude_defaults=True)
    runs = [run.news() for run in desk.runs.all()[-4:]]
    if runs:
        state["design_runs"] = [
            {
                "run": one.name,
                "state": str(one.state),
                **({"sentence": one.sentence} if one.state is RunState.FINISHED else {}),
            }
            for one in runs
        ]
    if folded:
        state["earlier_turns"] = [_line(turn) for turn in folded[-_FOLDED_TURNS:]]
    return json.dumps(state, ensure_ascii=False) if state else "nothing yet"


def kept_messages(messages: Sequence[dict[str, Any]], *, before: int, text: str) -> list[dict[str, Any]]:
    """What a finished turn has added, as it is kept: the person's own words without the state that stood beside them, and all that followed.

    `before` counts the messages that the turn began with, the person's own among them.
    """
    return [{"role": "user", "content": clean(text)}, *messages[before:]]


def _shortened(turn: Turn) -> list[dict[str, Any]]:
    """The messages of an earlier turn, long results of tools cut: the records can be asked again."""
    if not turn.messages:
        # A turn by rules: what was said and what came out.
        return [
            {"role": "user", "content": turn.said},
            {"role": "assistant", "content": turn.answered or f"({turn.ended})"},
        ]
    shown: list[dict[str, Any]] = []
    for message in turn.messages:
        content = message.get("content")
        if message.get("role") == "tool" and isinstance(content, str) and len(content) > _OLD_RESULT:
            message = {**message, "content": content[:_OLD_RESULT] + " … (cut)"}
        shown.append(message)
    if shown[-1].get("role") == "user":
        shown.append({"role": "assistant", "content": f"({turn.ended})"})
    return shown


def _line(turn: Turn) -> str:
    """An older turn in one line, made from its calls and their records."""
    calls = ", ".join(
        f"{call['name']}{' -> record ' + ', '.join(one[:8] for one in call['records'][:4]) if call['records'] else '' if call['ok'] else ' (failed)'}"
        for call in turn.calls[:6]
    )
    return clean(f"asked: {turn.said[:_FOLDED_LINE]}" + (f"; done: {calls}" if calls else f"; {turn.ended}"))
