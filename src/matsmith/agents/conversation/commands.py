"""Commands: what begins with a slash, and what each takes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable

from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.core.errors import UsageError

COMMANDS: dict[str, str] = {
    "/help": "what can be said here",
    "/tools": "the tools, what they measure and cost",
    "/run TOOL KEY=VALUE ...": "run one tool",
    "/relax FILE": "relax a crystal",
    "/ask QUESTION": "ask the literature",
    "/add FILE ...": "take in crystals, tables and papers",
    "/files": "files and structures of this thread",
    "/records": "what was computed in this thread",
    "/record ID": "one record, whole",
    "/cif NAME [FILE]": "write a structure as CIF",
    "/plan OBJECTIVE": "plan a design run; nothing is spent",
    "/spec": "the next design run",
    "/set PATH=VALUE ...": "change it, such as candidates=5 budget.wall_time_s=600",
    "/start": "start it in the background",
    "/runs": "the design runs",
    "/watch [RUN]": "how a run stands; Ctrl-C goes back",
    "/show [RUN]": "what a run has found",
    "/why CANDIDATE [RUN]": "why a candidate is where it is",
    "/stop [RUN]": "stop a run; it can be resumed",
    "/resume [RUN]": "go on with it",
    "/approve [RUN]": "agree to what a run waits for (/refuse to end it)",
    "/quit": "leave; the thread is kept and runs go on",
}


def read_command(text: str, situation: Situation) -> Intent:
    """The wish that a command is. Raises `UsageError` for one that does not exist or is written wrongly."""
    name, _, rest = text[1:].partition(" ")
    rest = rest.strip()
    made = _COMMANDS.get(name)
    if made is None:
        raise UsageError(f"There is no command /{name}.", hint="/help lists them.")
    return made(rest, situation)


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"That cannot be read: {error}.", hint="Close the quotes.") from error


def _run_tool(rest: str, situation: Situation) -> Intent:
    words = _words(rest)
    if not words:
        raise UsageError(
            "Name a tool.", hint="Write it like: /run relax structure=MgO.cif. /tools lists them."
        )
    arguments: dict[str, object] = {}
    for word in words[1:]:
        key, sign, value = word.partition("=")
        if not sign:
            if "structure" in arguments:
                raise UsageError(
                    f"{word!r} is no KEY=VALUE.",
                    hint="Write it like: /run relax structure=MgO.cif max_steps=100.",
                )
            key, value = "structure", word
        arguments[key] = (
            value if key in ("structure", "relaxed", "record", "formula") else parsed_value(value)
        )
    del situation
    return Intent(kind=Kind.RUN_TOOL, what=words[0], arguments=arguments)


def _set_spec(rest: str, situation: Situation) -> Intent:
    del situation
    changes: dict[str, object] = {}
    for word in _words(rest):
        path, sign, value = word.partition("=")
        if not (path and sign):
            raise UsageError(
                f"{word!r} is no PATH=VALUE.",
                hint="Write it like: /set candidates=5 budget.wall_time_s=600 chemistry.excluded='[\"Co\"]'.",
            )
        place: dict[str, object] = changes
        *parents, last = path.split(".")
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{path} cannot be set twice.", hint="Give each path once.")
            place = inner  # pyright: ignore[reportUnknownVariableType]
        place[last] = parsed_value(value)
    if not changes:
        raise UsageError(
            "There is nothing to set.", hint="Write it like: /set candidates=5 budget.wall_time_s=600."
        )
    return Intent(kind=Kind.CHANGE_SPEC, arguments=changes)


def _with(kind: Kind, *, needs: str = "") -> Callable[[str, Situation], Intent]:
    def make(rest: str, situation: Situation) -> Intent:
        del situation
        if needs and not rest:
            raise UsageError(f"Say {needs}.", hint="/help shows how.")
        return Intent(kind=kind, what=rest)

    return make


def _of_run(kind: Kind) -> Callable[[str, Situation], Intent]:
    def make(rest: str, situation: Situation) -> Intent:
        del situation
        return Intent(kind=kind, run=rest)

    return make


def _why(rest: str, situation: Situation) -> Intent:
    del situation
    words = _words(rest)
    if not words:
        raise UsageError("Say which candidate.", hint="Write it like: /why 3, or /why 3 RUN.")
    return Intent(kind=Kind.EXPLAIN, about=(words[0],), run=words[1] if len(words) > 1 else "")


def _show(rest: str, situation: Situation) -> Intent:
    words = _words(rest)
    if len(words) > 1:
        return Intent(kind=Kind.EXPLAIN, about=(words[1],), run=words[0])
    if words and words[0].isdecimal() and len(words[0]) <= 4:
        return Intent(kind=Kind.EXPLAIN, about=(words[0],))
    named = {label.casefold() for label in situation.labels}
    if words and words[0].casefold() in named:
        return Intent(kind=Kind.LOOK, about=(words[0],))
    return Intent(kind=Kind.SHOW_RUN, run=words[0] if words else "")


def _cif(rest: str, situation: Situation) -> Intent:
    del situation
    words = _words(rest)
    if not words:
        raise UsageError("Say which structure.", hint="Write it like: /cif MgO.cif relaxed.cif.")
    return Intent(kind=Kind.EXPORT, what=words[1] if len(words) > 1 else "", about=(words[0],))


def _relax(rest: str, situation: Situation) -> Intent:
    del situation
    words = _words(rest)
    if not words:
        raise UsageError("Say what to relax.", hint="Write it like: /relax MgO.cif.")
    return Intent(kind=Kind.CALCULATE, what="tool:relax", about=tuple(words))


_COMMANDS: dict[str, Callable[[str, Situation], Intent]] = {
    "help": _with(Kind.HELP),
    "tools": _with(Kind.TOOLS),
    "run": _run_tool,
    "relax": _relax,
    "ask": _with(Kind.LITERATURE, needs="what to ask"),
    "add": _with(Kind.ATTACH, needs="which files"),
    "files": _with(Kind.FILES),
    "records": _with(Kind.RECORDS),
    "record": _with(Kind.RECORD, needs="which record"),
    "cif": _cif,
    "plan": _with(Kind.PLAN, needs="what you want"),
    "design": _with(Kind.PLAN, needs="what you want"),
    "spec": _with(Kind.SHOW_SPEC),
    "set": _set_spec,
    "start": _with(Kind.START),
    "runs": _with(Kind.LIST_RUNS),
    "watch": _of_run(Kind.WATCH),
    "show": _show,
    "why": _why,
    "stop": _of_run(Kind.STOP),
    "resume": _of_run(Kind.RESUME),
    "approve": _of_run(Kind.APPROVE),
    "refuse": _of_run(Kind.REFUSE),
    "quit": _with(Kind.QUIT),
    "exit": _with(Kind.QUIT),
}


def parsed_value(value: str) -> object:
    """The value of KEY=VALUE: JSON where it is, text where it is not."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
