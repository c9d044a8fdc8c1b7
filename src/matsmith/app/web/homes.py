"""What belongs to one person of a server: settings, runs, tools with their records, conversations. Alone, there is one home for all calls.

Several people share the worker process, the tables and the cache of downloads; each has folders of their own for runs, records,
conversations and papers, below `people/NAME` in the state folder of the installation.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.app.tool_service import ToolService
from matsmith.app.web.room import MOST_RUNNING, Room
from matsmith.app.web.runs import RunDesk
from matsmith.app.web.shared_worker import SharedWorker
from matsmith.app.web.threads import Threads

if TYPE_CHECKING:
    from fastapi import Request

    from matsmith.core.settings import Settings

PEOPLE = "people"


@dataclass(frozen=True, kw_only=True)
class Home:
    """One person's part of the server; `person` is "" where nobody is told apart."""

    person: str
    settings: Settings
    runs: RunDesk
    tools: ToolService
    threads: Threads

    def close(self) -> None:
        """End what is said and computed; design runs go on."""
        self.threads.close()
        self.tools.close()


class Homes:
    """All homes; each opens when its person first calls."""

    def __init__(
        self, *, settings: Settings, runs_each: int = MOST_RUNNING, runs_together: int | None = None
    ) -> None:
        from matsmith.tools.runner import local_executor

        self.settings = settings
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._worker = SharedWorker(
            local_executor(log=settings.state_dir / "page-worker.log", settings=settings)
        )
        self._room = Room(each=runs_each, together=runs_together, folders=self._runs_folders)
        self._homes: dict[str, Home] = {}
        self._lock = threading.Lock()

    def of(self, person: str) -> Home:
        """The home of a person, or the only one."""
        with self._lock:
            held = self._homes.get(person)
            if held is None:
                settings = settings_of(person, self.settings) if person else self.settings
                held = self._homes[person] = Home(
                    person=person,
                    settings=settings,
                    runs=RunDesk(settings=settings, room=self._room),
                    tools=ToolService(settings=settings, executor=self._worker.share()),
                    threads=Threads(settings=settings, worker=self._worker),
                )
            return held

    def close(self) -> None:
        """Close every home and end the worker."""
        with self._lock:
            homes = list(self._homes.values())
            self._homes.clear()
        for home in homes:
            home.close()
        self._worker.close()

    def _runs_folders(self) -> Iterator[Path]:
        yield self.settings.runs_dir
        people = self.settings.state_dir / PEOPLE
        if people.is_dir():
            yield from (folder / "runs" for folder in people.iterdir())


def settings_of(person: str, settings: Settings) -> Settings:
    """The installation's settings with a person's own folders."""
    own = settings.state_dir / PEOPLE / person
    return settings.model_copy(
        update={"state_dir": own, "runs_dir": own / "runs", "library_dir": own / "library"}
    )


def home_of(request: Request) -> Home:
    """The home of whoever calls; the guard has found out who that is."""
    person: str = getattr(request.state, "person", "")
    homes: Homes = request.app.state.homes
    return homes.of(person)
