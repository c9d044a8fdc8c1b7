"""Events of a run: to the end, left early, cancelled, interrupted, and resumed after each of them."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from pathlib import Path

import pytest

from matsmith.agents import (
    RunEvents,
    RunResult,
    design_async,
    design_events,
    event_line,
    open_run,
    plan,
    resume,
    resume_events,
)
from matsmith.agents.runs import is_locked
from matsmith.agents.stopping import StopSignal
from matsmith.core.errors import ImpossibleObjective, Interrupted, UsageError
from matsmith.core.quantity import Relation
from matsmith.core.run import Event, EventKind, StopReason
from matsmith.core.settings import Settings
from matsmith.core.spec import Budget, DesignSpec, Target

OBJECTIVE = "a stable binary oxide with a bulk modulus above 180 GPa"


def known_events(settings: Settings) -> RunEvents:
    return design_events(OBJECTIVE, settings=settings, accept_known=True, candidates=1, budget_s=600)


def at_rest(folder: Path | None) -> Path:
    """Nothing works on the run any more."""
    assert folder is not None
    assert not is_locked(folder)
    assert not [thread for thread in threading.enumerate() if thread.name == "matsmith-run"]
    return folder


def met(result: RunResult) -> None:
    assert result.stop.reason is StopReason.MET
    assert result.candidate(1).meets


@pytest.mark.usefixtures("shared_worker")
def test_all_events_in_order_and_then_the_result(house: Settings) -> None:
    events = known_events(house)
    with pytest.raises(UsageError, match="has no result yet"):
        _ = events.result
    told = list(events)
    assert told[0].kind is EventKind.STARTED
    assert told[-1].kind is EventKind.FINISHED
    assert [one.elapsed_s for one in told] == sorted(one.elapsed_s for one in told)
    met(events.result)
    assert events.folder == events.result.folder
    assert list(events) == []
    assert events.result.folder.name in event_line(told[0])
    judged = [event_line(one) for one in told if one.kind is EventKind.CANDIDATE]
    assert any("meets all" in line and "GPa" in line for line in judged)


@pytest.mark.usefixtures("shared_worker")
def test_a_loop_left_early_stops_the_run_and_it_can_be_resumed(house: Settings) -> None:
    folder = None
    for event in known_events(house):
        folder = Path(event.data["folder"])
        break
    gc.collect()
    at_rest(folder)
    stopped = open_run(str(folder), settings=house)
    assert not stopped.finished
    met(resume(at_rest(folder), settings=house))
    assert stopped.finished


@pytest.mark.usefixtures("shared_worker")
def test_an_exception_or_an_interrupt_in_the_loop_stops_the_run_too(house: Settings) -> None:
    events = known_events(house)

    def taken_until_interrupted() -> None:
        with events:
            for _ in events:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taken_until_interrupted()
    with pytest.raises(Interrupted):
        _ = events.result
    again = resume_events(at_rest(events.folder), settings=house)
    assert list(again)[-1].kind is EventKind.FINISHED
    met(again.result)


def test_closing_ends_what_is_being_computed(house: Settings, tmp_path: Path) -> None:
    """A worker of its own that computes is ended at once, and what it had finished stays."""
    settings = house.model_copy(update={"potential": "emt"})
    spec = DesignSpec(
        objective="a copper alloy",
        targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=400.0)],
        candidates=1,
        new_only=True,
        budget=Budget(wall_time_s=3600, evaluations=400),
    )
    spec.chemistry.allowed = ["Al", "Cu", "Au", "Pd", "Ni", "Ag"]
    spec.chemistry.elements_min, spec.chemistry.elements_max = 2, 3
    events = design_events(plan(spec, settings=settings), settings=settings)
    for event in events:
        if event.kind is EventKind.PROGRESS and event.data["stage"] in ("screen", "relax"):
            break
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 60.0  # the run has an hour
    folder = at_rest(events.folder)
    run = open_run(folder, settings=settings)
    assert not run.finished
    assert run.contents.generated > 0
    # The same by an interrupt from the keyboard while the loop waits for the worker.
    again = resume_events(folder, settings=settings)
    assert next(again).kind is EventKind.STARTED
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.get_ident()
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT))
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(again)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, handler)
    at_rest(again.folder)
    assert not run.finished


@pytest.mark.usefixtures("shared_worker")
def test_what_a_design_raises_is_raised_by_the_loop(house: Settings) -> None:
    with pytest.raises(ImpossibleObjective):
        list(design_events("an oxide with a bulk modulus above 5000 GPa", settings=house))


@pytest.mark.usefixtures("shared_worker")
def test_an_awaited_design_tells_its_events_and_leaves_the_loop_free(house: Settings) -> None:
    async def awaited() -> tuple[RunResult, list[EventKind], int]:
        heard: list[EventKind] = []
        task = asyncio.ensure_future(
            design_async(
                OBJECTIVE,
                settings=house,
                accept_known=True,
                candidates=1,
                budget_s=600,
                on_event=lambda event: heard.append(event.kind),
            )
        )
        turns = 0
        while not task.done():
            turns += 1
            await asyncio.sleep(0.005)
        return await task, heard, turns

    result, heard, turns = asyncio.run(awaited())
    met(result)
    assert heard[0] is EventKind.STARTED
    assert heard[-1] is EventKind.FINISHED
    assert turns > 5


@pytest.mark.usefixtures("shared_worker")
def test_a_cancelled_task_stops_the_run(house: Settings) -> None:
    folders: list[Path] = []

    async def cancelled() -> None:
        def listen(event: Event) -> None:
            if event.kind is EventKind.STARTED:
                folders.append(Path(event.data["folder"]))
                task.cancel()

        task = asyncio.ensure_future(
            design_async(
                OBJECTIVE, settings=house, accept_known=True, candidates=1, budget_s=600, on_event=listen
            )
        )
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    met(resume(at_rest(folders[0]), settings=house))


@pytest.mark.usefixtures("shared_worker")
def test_a_wait_that_is_cancelled_loses_no_event(house: Settings) -> None:
    async def impatient() -> list[EventKind]:
        kinds: list[EventKind] = []
        async with known_events(house) as events:
            while True:
                try:
                    kinds.append((await asyncio.wait_for(anext(events), 0.01)).kind)
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    return kinds

    kinds = asyncio.run(impatient())
    assert kinds[0] is EventKind.STARTED
    assert kinds[-1] is EventKind.FINISHED
    assert EventKind.ROUND_FINISHED in kinds


def test_a_signal_without_a_run() -> None:
    signal = StopSignal()
    heard: list[Event] = []
    listen = signal.heeded_by(heard.append)
    listen(Event(kind=EventKind.ROUND))
    signal.ask()
    with pytest.raises(Interrupted):
        listen(Event(kind=EventKind.ROUND))
    assert len(heard) == 1
