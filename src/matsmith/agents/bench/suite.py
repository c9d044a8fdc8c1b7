"""Suites: tasks by name, those that ship and those that a user wrote."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from matsmith.agents.bench.task import Task
from matsmith.core.crystal import content_hash
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_LARGEST_BYTES = 5_000_000
_FULL = "full"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A list of tasks, each id once."""

    name: str
    about: str
    tasks: tuple[Task, ...]

    @property
    def sha256(self) -> str:
        """Hash of everything that the tasks ask and check."""
        return content_hash([task.model_dump(mode="json") for task in self.tasks], digits=64)

    def selected(self, pattern: str | None) -> Suite:
        """The tasks whose id, or kind, fits a pattern with `*` and `?`; several patterns stand between commas.

        Raises `UsageError` when none does.
        """
        if pattern is None:
            return self
        wanted = [one.strip() for one in pattern.split(",") if one.strip()]
        kept = tuple(
            task
            for task in self.tasks
            if any(fnmatch.fnmatchcase(task.id, one) or task.kind.value == one for one in wanted)
        )
        if not kept:
            raise UsageError(
                f"No task of the suite {self.name} fits {pattern!r}.",
                hint="`matsmith bench tasks` lists them; --tasks takes ids, kinds and patterns such as 'calc-*'.",
            )
        return Suite(name=self.name, about=self.about, tasks=kept)


def shipped_names() -> list[str]:
    """Names of the suites that ship; `full` is all tasks of all of them."""
    return [_FULL, *sorted(_shipped())]


def load_suite(name: str) -> Suite:
    """A suite that ships, or one in a YAML file. Raises `UsageError` that names the fault."""
    if name == _FULL:
        suites = [
            _read(file.read_text(encoding="utf-8"), name=one) for one, file in sorted(_shipped().items())
        ]
        tasks = {task.id: task for suite in suites for task in suite.tasks}
        return Suite(name=_FULL, about="every task that ships", tasks=tuple(tasks.values()))
    if name in _shipped():
        return _read(_shipped()[name].read_text(encoding="utf-8"), name=name)
    path = Path(name)
    if path.suffix.lower() in _SUFFIXES or path.is_file():
        return _read(_text_of(path), name=path.stem)
    raise UsageError(
        f"There is no suite {name!r}.",
        hint=f"Choose {', '.join(shipped_names())}, or give the path of a YAML file.",
    )


def _shipped() -> dict[str, Traversable]:
    folder = resources.files("matsmith.agents.bench").joinpath("suites")
    return {
        entry.name.removesuffix(".yaml"): entry for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UsageError(f"{path} is too large for a suite.", hint="Split it.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The suite {path} cannot be read: {error}.", hint="Check the path.") from error


def _read(text: str, *, name: str) -> Suite:
    import yaml

    try:
        data: Any = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"The suite {name} is no YAML: {error}.", hint="Correct it.") from error
    if not isinstance(data, dict) or not isinstance(cast("dict[str, Any]", data).get("tasks"), list):
        raise UsageError(
            f"The suite {name} holds no list of tasks.", hint="Write `about: ...` and `tasks: [...]`."
        )
    fields = cast("dict[str, Any]", data)
    unknown = sorted(set(fields) - {"about", "tasks"})
    if unknown:
        raise UsageError(
            f"The suite {name} has an unknown part {unknown[0]!r}.", hint="It takes about and tasks."
        )
    tasks = tuple(_tasks(fields["tasks"], suite=name))
    if not tasks:
        raise UsageError(f"The suite {name} has no task.", hint="Write one.")
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise UsageError(f"The suite {name} has the task {task.id} twice.", hint="Rename one.")
        seen.add(task.id)
    return Suite(name=name, about=str(fields.get("about", "")), tasks=tasks)


def _tasks(entries: Iterable[object], *, suite: str) -> Iterable[Task]:
    """Read the tasks; `{use: ID}` stands for a task of another suite that ships."""
    for place, entry in enumerate(entries, start=1):
        used = cast("dict[str, Any]", entry).get("use") if isinstance(entry, dict) else None
        if isinstance(used, str):
            yield _shipped_task(used, suite=suite)
            continue
        try:
            yield Task.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            name = cast("dict[str, Any]", entry).get("id", place) if isinstance(entry, dict) else place
            raise UsageError(
                f"The suite {suite}, task {name}, {where}: {first['msg']}.", hint="Correct it and try again."
            ) from error


def _shipped_task(task_id: str, *, suite: str) -> Task:
    for name, file in _shipped().items():
        if name == suite:
            continue
        text = file.read_text(encoding="utf-8")
        if f"id: {task_id}\n" not in text:
            continue
        for task in _read(text, name=name).tasks:
            if task.id == task_id:
                return task
    raise UsageError(
        f"The suite {suite} uses the task {task_id!r}, which no suite that ships has.", hint="Correct it."
    )
