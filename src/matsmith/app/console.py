"""Where people read: one console for standard output and one for standard error, alike in style."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

# Without a terminal nobody sees the edge, and wide lines are easier to search than wrapped ones.
_WIDTH_WITHOUT_TERMINAL = 160


def make_console(*, stderr: bool = False, file: IO[str] | None = None) -> Console:
    """Return a console. Texts from outside go in as `rich.text.Text`, never as markup."""
    from rich.console import Console
    from rich.theme import Theme

    stream = file or (sys.stderr if stderr else sys.stdout)
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    theme = Theme(
        {
            "met": "green",
            "not_met": "red",
            "unknown": "yellow",
            "quiet": "dim",
            "label": "bold",
            "known": "cyan",
            "bar.complete": "cyan",
            "bar.finished": "cyan",
        }
    )
    return Console(
        file=stream,
        width=_WIDTH_WITHOUT_TERMINAL if wide else None,
        highlight=False,
        markup=False,
        emoji=False,
        theme=theme,
    )


def write_json(value: object) -> None:
    """Write one JSON document to standard output."""
    import json

    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def write_json_lines(values: Iterable[object]) -> None:
    """Write one JSON document a line to standard output."""
    import json

    for value in values:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def is_interactive(console: Console) -> bool:
    """Whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and console.is_terminal


def plain_table(*columns: str, right: frozenset[str] = frozenset(), **options: Any) -> Any:
    """Return a table with a thin line under its head and nothing else."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold", **options)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table
