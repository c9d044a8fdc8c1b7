"""The arm of one agent: a model in one loop with all tools, and none of the loop, the roles or the rules of the five."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from matsmith.agents.bench.attempt import Attempt
from matsmith.agents.bench.chat_door import LEDGER, agreed, chat_model, of_turn, turn_budget
from matsmith.agents.bench.task import Door, Task
from matsmith.agents.conversation.conversation import Conversation
from matsmith.agents.conversation.files import attach
from matsmith.agents.conversation.tool_loop import run_turn
from matsmith.core.settings import Settings


def attempt_alone(
    task: Task, *, folder: Path, files: Sequence[Path], settings: Settings, seed: int
) -> Attempt:
    """Give the model the prompt, the files and every tool but the design loop."""
    model, _ = chat_model(task.budget, settings=settings, seed=seed)
    thread = folder / "thread"
    with Conversation(
        folder=thread,
        settings=settings,
        model=model,
        confirm=agreed,
        budget=turn_budget(task.budget),
        seed=seed,
    ) as conversation:
        taken = attach(list(files), desk=conversation.desk)
        turn = run_turn(
            model,
            messages_of(task, labels=[*taken.labels, *taken.problems]),
            conversation.tools(design_runs=False),
            budget=turn_budget(task.budget),
            confirm=agreed,
            known=conversation.desk.known,
        )
    return of_turn(turn, ledgers=[thread / LEDGER], by_rules=False)


def messages_of(task: Task, *, labels: Sequence[str]) -> list[dict[str, Any]]:
    """What the model is told: its rules, the task, by which names tools know the files, or why one could not be taken."""
    rules = resources.files("matsmith.agents.bench").joinpath("one_agent.md").read_text(encoding="utf-8")
    words = [task.prompt]
    if task.door is Door.DESIGN:
        wanted = task.candidates or 3
        known = "known materials count" if task.accept_known else "only materials that stand in no list count"
        words.append(f"(Design task: {wanted} such material{'s' if wanted > 1 else ''}; {known}.)")
    words += [f"File: {label}" for label in labels]
    return [{"role": "system", "content": rules}, {"role": "user", "content": "\n".join(words)}]
