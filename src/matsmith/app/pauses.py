"""A run that waits for a person: it is shown, and the person approves, edits, refuses or leaves it waiting.

The run has ended when this begins and holds nothing; whatever is decided goes to `resume`. So a terminal that is closed in the middle of a
question loses nothing.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.app.guard import complain
from matsmith.app.spec_file import changes, read_spec, visible_line, write_spec
from matsmith.core.errors import MatsmithError

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.approvals import AwaitingApproval, Decision, Pause
    from matsmith.core.settings import Settings
    from matsmith.core.spec import DesignSpec

_YES, _EDIT, _NO, _LATER = (
    ("", "a", "approve", "y", "yes"),
    ("e", "edit"),
    ("r", "refuse", "n", "no"),
    ("l", "later"),
)
_NAMES = {
    "plan": "plan-to-edit.yaml",
    "spend": "plan-before-computing-{}.yaml",
    "round": "plan-before-round-{}.yaml",
}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a person decided at a pause."""

    decision: Decision
    spec: DesignSpec | None = None


def ask_person(
    wait: AwaitingApproval, *, console: Console, settings: Settings, edit_file: Path | None
) -> Reply | None:
    """Show a pause and ask until there is a decision; None leaves the run waiting."""
    from matsmith.agents.approvals import Decision
    from matsmith.agents.session import current_spec

    before = current_spec(wait.folder)
    show_pause(wait.pause, folder=wait.folder, console=console, settings=settings)
    path = file_to_edit(wait.pause, folder=wait.folder, given=edit_file)
    fresh = True
    while True:
        answer = _input(
            console, f"\n Approve {wait.pause.point.question}? [a]pprove, [e]dit, [r]efuse, [l]ater: "
        )
        word = "l" if answer is None else answer.strip().lower()
        if word in _YES:
            return Reply(decision=Decision.APPROVE)
        if word in _NO:
            return Reply(decision=Decision.REFUSE)
        if word in _LATER:
            return None
        if word not in _EDIT:
            console.print(" Type a, e, r or l.")
            continue
        if fresh and not (edit_file and path.exists()):
            write_spec(path, before, note=_note(wait))
        fresh = False
        after = _edited(path, console=console, settings=settings, by_hand=edit_file is not None)
        if after is not None and _confirmed(before, after, console=console):
            return Reply(decision=Decision.APPROVE, spec=after)


def show_pause(pause: Pause, *, folder: Path, console: Console, settings: Settings) -> None:
    """Print what a pause shows: the plan where it is to be approved, else what the round has shown or will cost."""
    from matsmith.agents.approvals import Point
    from matsmith.agents.context import last_plan
    from matsmith.agents.planner import PlanCheck
    from matsmith.app.pause_view import pause_view
    from matsmith.app.plan_view import plan_view
    from matsmith.core.ledger import Ledger

    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        plan = last_plan(ledger)
        console.print()
        if pause.point is Point.PLAN:
            console.print(plan_view(PlanCheck.of(plan, settings=settings)))
        console.print(pause_view(pause, ledger=ledger, spec=plan.spec))


def leave_waiting(wait: AwaitingApproval, *, edit_file: Path | None) -> Path:
    """Write the specification for editing, unless that file exists, say how to go on, and return the file."""
    from matsmith.agents.session import current_spec

    path = file_to_edit(wait.pause, folder=wait.folder, given=edit_file)
    if not path.exists():
        write_spec(path, current_spec(wait.folder), note=_note(wait))
    run = shlex.quote(str(wait.folder))
    complain(
        wait.message,
        hint=f"Go on with: matsmith resume {run} --approve, or --refuse, or edit {shlex.quote(str(path))} and give it with --spec.",
    )
    return path


def file_to_edit(pause: Pause, *, folder: Path, given: Path | None) -> Path:
    """The file in which a specification is edited at a pause."""
    return given or folder / _NAMES[pause.point.value].format(pause.round)


def _note(wait: AwaitingApproval) -> str:
    return (
        f"The specification of the run {wait.folder.name}. Change it and save it; what you approve is what is searched for.\n"
        f"From a shell: matsmith resume {shlex.quote(str(wait.folder))} --spec THIS_FILE"
    )


def _edited(path: Path, *, console: Console, settings: Settings, by_hand: bool) -> DesignSpec | None:
    """Let the person edit the file and read it; None with the reason printed when it cannot be used."""
    from matsmith.agents.planner import PlanCheck

    editor = [] if by_hand else _editor()
    if not editor or not _run_editor(editor, path, console=console):
        console.print(f" Edit {path} and save it.", soft_wrap=True)
        if _input(console, " Press Enter when it is done: ") is None:
            return None
    try:
        spec = read_spec(path)
    except MatsmithError as error:
        console.print(f" {error}", style="not_met", soft_wrap=True)
        return None
    refusal = PlanCheck.from_spec(spec, settings=settings).refusal
    if refusal is not None:
        console.print(f" That cannot be met: {refusal}", style="not_met", soft_wrap=True)
        return None
    return spec


def _editor() -> list[str]:
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        return shlex.split(chosen)
    except ValueError:
        return []


def _run_editor(editor: Sequence[str], path: Path, *, console: Console) -> bool:
    """Run the person's editor on the file; False when it cannot be started or fails."""
    try:
        done = subprocess.run([*editor, str(path)], check=False)
    except OSError as error:
        console.print(f" The editor {editor[0]} cannot be started: {error.strerror}.", style="unknown")
        return False
    if done.returncode != 0:
        console.print(f" The editor ended with status {done.returncode}.", style="unknown")
    return done.returncode == 0


def _confirmed(before: DesignSpec, after: DesignSpec, *, console: Console) -> bool:
    changed = changes(before, after)
    tell_changes(changed, console=console)
    if not changed:
        return False
    answer = _input(console, " Go on with the changed plan? [Y/n] ")
    return answer is not None and answer.strip().lower() in ("", "y", "yes")


def tell_changes(changed: Sequence[str], *, console: Console) -> None:
    """Print what differs from the plan as it was, a line each."""
    console.print(" Changed:" if changed else " Nothing was changed.")
    for line in changed:
        console.print(f"   {visible_line(line)}", soft_wrap=True)


def _input(console: Console, prompt: str) -> str | None:
    try:
        return console.input(prompt, markup=False)
    except EOFError:
        return None
