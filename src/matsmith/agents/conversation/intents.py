"""What a person can want of a conversation, as the rules tell it apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of wishes."""

    HELP = "help"
    GREETING = "greeting"
    THANKS = "thanks"
    QUIT = "quit"
    TOOLS = "tools"
    FILES = "files"
    RECORDS = "records"
    RECORD = "record"
    ATTACH = "attach"
    TABLE = "table"
    LOOK = "look"
    EXPORT = "export"
    RUN_TOOL = "run_tool"
    CALCULATE = "calculate"
    LITERATURE = "literature"
    PLAN = "plan"
    SHOW_SPEC = "show_spec"
    CHANGE_SPEC = "change_spec"
    START = "start"
    LIST_RUNS = "list_runs"
    SHOW_RUN = "show_run"
    WATCH = "watch"
    STOP = "stop"
    RESUME = "resume"
    APPROVE = "approve"
    REFUSE = "refuse"
    EXPLAIN = "explain"
    NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, kw_only=True)
class Intent:
    """One wish. `what` is the property, the tool, the question or the objective; `about` the materials, candidates or files it concerns.

    `arguments` are those of a tool; `run` the run that is meant, "" for the one spoken of.
    """

    kind: Kind
    what: str = ""
    about: tuple[str, ...] = ()
    run: str = ""
    arguments: dict[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a sentence is read against: names of the thread's structures and tables, and whether a plan or a run is there to mean."""

    labels: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    has_spec: bool = False
    has_run: bool = False
    tools: tuple[str, ...] = ()
