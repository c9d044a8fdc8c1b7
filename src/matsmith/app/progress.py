"""How a run shows itself while it goes on: a live panel on a terminal, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO, cast

from matsmith.app.durations import clock
from matsmith.app.run_view import Found, RunView
from matsmith.core.run import Event, EventKind

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_MARKS = {"met": ("✓", "met"), "not met": ("✗", "not_met"), "unknown": ("?", "unknown")}
_STAGES = {"generate": "generating", "screen": "screening", "relax": "relaxing", "measure": "measuring"}


class Progress(AbstractContextManager["Progress"], Protocol):
    """Takes events between entering and leaving."""

    view: RunView

    def __call__(self, event: Event) -> None:
        """Take an event."""
        ...


class JsonProgress:
    """One event a line on the stream, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self.view = RunView()
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Write the event."""
        self.view.update(event)
        self._stream.write(event.model_dump_json() + "\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LineProgress:
    """A line a stage, a round and a find; no control characters, so that a log file stays readable."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self.view = RunView()
        self._console = console
        self._verbose = verbose
        self._stage = ("", 0)

    def __call__(self, event: Event) -> None:
        """Print what the event tells, when it is worth a line."""
        self.view.update(event)
        for line in self._lines(event):
            stamp = _styled(f"{clock(event.elapsed_s):>7}  ", "quiet")
            self._console.print(stamp.append_text(line), soft_wrap=True)

    def _lines(self, event: Event) -> list[Text]:
        view = self.view
        match event.kind:
            case EventKind.STARTED:
                return [_styled(f"run {view.run} in {view.folder}")]
            case EventKind.EVIDENCE:
                return [_styled(f"{view.quotes} passages of the literature notes read")]
            case EventKind.ROUND:
                self._stage = ("", 0)
                return [_styled(f"{_round_name(event.round)} begins")]
            case EventKind.PROGRESS:
                finished = view.total > 0 and view.done >= view.total
                if (view.stage, event.round) == self._stage and not (finished or self._verbose):
                    return []
                self._stage = (view.stage, event.round)
                return [_styled(f"  {_stage_words(view)}")]
            case EventKind.CANDIDATE:
                found = view.last
                return [found_line(found)] if found and (found.meets or self._verbose) else []
            case EventKind.ROUND_FINISHED:
                return [_styled(_round_words(event))]
            case EventKind.WARNING:
                return [_styled(f"warning: {view.warnings[-1]}", "unknown")]
            case _:
                return []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LiveProgress:
    """A panel that renews itself four times a second; finds, warnings and finished rounds scroll above it."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        from rich.live import Live

        self.view = RunView()
        self._console = console
        self._verbose = verbose
        self._told: set[str] = set()
        self._live = Live(
            console=console,
            refresh_per_second=4,
            transient=True,
            get_renderable=self._panel,
            redirect_stdout=False,
        )

    def __call__(self, event: Event) -> None:
        """Take an event in; what should stay is printed above the panel."""
        from rich.padding import Padding

        self.view.update(event)
        line: RenderableType | None = None
        if event.kind is EventKind.CANDIDATE and (found := self.view.last) is not None:
            if (found.meets or self._verbose) and found.id not in self._told:
                self._told.add(found.id)
                line = found_row(found, width=self._console.width)
        elif event.kind is EventKind.ROUND_FINISHED:
            line = _styled(_round_words(event), "quiet")
        elif event.kind is EventKind.WARNING:
            line = _styled(f"! {self.view.warnings[-1]}", "unknown")
        if line is not None:
            self._console.print(Padding(line, (0, 0, 0, 1), expand=False))

    def _panel(self) -> RenderableType:
        return run_panel(self.view, now=time.monotonic(), width=self._console.width)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)


def run_panel(view: RunView, *, now: float, width: int) -> RenderableType:
    """Return the panel: round and stage, what was found, the best so far, time. `now` is a `time.monotonic` time."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="label", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    stage = Table.grid(padding=(0, 2))
    stage.add_column(no_wrap=True)
    stage.add_column(width=26)
    stage.add_column(no_wrap=True)
    pulse = view.total <= 0
    stage.add_row(
        Text(_STAGES.get(view.stage, view.stage) or "starting"),
        ProgressBar(total=max(1, view.total), completed=view.done, width=26, pulse=pulse, animation_time=now),
        Text("" if pulse else f"{view.done} of {view.total}", style="quiet"),
    )
    table.add_row(_round_name(view.round).capitalize(), stage)
    table.add_row("Found", Text(_found_words(view)))
    if view.best is not None:
        table.add_row("Best", found_row(view.best, width=width - 16, mark=False))
    elapsed, left = view.elapsed_s(now), view.seconds_left(now)
    table.add_row("Time", Text(f"{clock(elapsed)}, {clock(left)} left"))
    return Padding(Group(Text(), table), (0, 0, 0, 1), expand=False)


def found_line(found: Found, *, mark: bool = True) -> Text:
    """Return a candidate in one line: mark, formula, novelty, then each value with its verdict."""
    from rich.text import Text

    line = Text()
    if mark:
        line.append_text(_mark(found)).append(" ")
    line.append(found.formula, style="label")
    if found.novelty:
        line.append(f"  {found.novelty}", style=_novelty_style(found))
    for value in _values(found):
        line.append("  ").append_text(value)
    return line


def found_row(found: Found, *, width: int, mark: bool = True) -> RenderableType:
    """Return a candidate in columns; values that do not fit beside each other stand below each other."""
    from rich.table import Table
    from rich.text import Text

    values = _values(found)
    beside = Text("   ").join(values)
    table = Table.grid(padding=(0, 1))
    for least in (1, 10, 8) if mark else (10, 8):
        table.add_column(min_width=least, no_wrap=True)
    table.add_column(overflow="fold")
    cells = [Text(found.formula, style="label"), Text(found.novelty, style=_novelty_style(found))]
    room = width - 4 - max(10, len(found.formula)) - max(8, len(found.novelty)) - 3 * mark
    table.add_row(
        *([_mark(found)] if mark else []),
        *cells,
        beside if beside.cell_len <= room else Text("\n").join(values),
    )
    return table


def _values(found: Found) -> list[Text]:
    from rich.text import Text

    texts: list[Text] = []
    for name, value, answer in found.values:
        sign, style = _MARKS.get(answer, ("", "quiet"))
        text = Text.assemble((name, "quiet"), " " if value else "", value)
        texts.append(text.append(f" {sign}" if sign else "", style=style))
    return texts


def _mark(found: Found) -> Text:
    from rich.text import Text

    sign, style = _MARKS["met"] if found.meets else ("·", "quiet")
    return Text(sign, style=style)


def _novelty_style(found: Found) -> str:
    return "known" if found.novelty == "known" else "met" if found.novelty == "new" else "quiet"


def _round_name(number: int | None) -> str:
    """Name a round; the one before the first looks at what is known already."""
    return "planning" if number is None else f"round {number}" if number else "what is known"


def _found_words(view: RunView) -> str:
    counted = view.found + view.found_known if view.accept_known else view.found
    kind = "" if view.accept_known else " new"
    wanted = f" of {view.wanted}" if view.wanted else ""
    joint = "," if view.accept_known else ", and"
    known = f"{joint} {view.found_known} known" if view.found_known else ""
    return f"{counted}{wanted}{kind}{known}; {view.judged} judged"


def _stage_words(view: RunView) -> str:
    words = _STAGES.get(view.stage, view.stage)
    return f"{words} {view.done} of {view.total}" if view.total else words


def _round_words(event: Event) -> str:
    data: dict[str, Any] = event.data
    best = data.get("best")
    if isinstance(best, dict):
        best = cast("dict[str, Any]", best).get("formula")
    tail = f", best {best}" if isinstance(best, str) and best else ""
    return (
        f"{_round_name(event.round)}: {data.get('generated', 0)} generated, {data.get('simulated', 0)} simulated, "
        f"{data.get('met', 0)} meet every target{tail}"
    )


def _styled(text: str, style: str = "") -> Text:
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    return Text(visible(text), style=style)
