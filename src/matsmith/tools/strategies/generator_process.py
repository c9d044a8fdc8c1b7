"""One call of another program that makes crystals: its own process group and folder, a scrubbed environment, limits on time and disk.

What a call wrote is kept under the cache by what was asked, so that the same round of a resumed run gets the same crystals, though the program
may have no seed. A call that failed leaves the reason and is not repeated until `generators.toml` changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matsmith.core.crystal import content_hash
from matsmith.core.errors import ToolError
from matsmith.core.settings import Settings
from matsmith.tools.strategies.generator_file import FILE, Generator

OUTPUT, DONE, FAILED = "output.txt", "done.json", "failed"
_LAUNCHER = Path(__file__).parents[1] / "lammps" / "launch.py"
_PASSED = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "HF_HOME",
    "TORCH_HOME",
)
_GLANCE_S, _DISK_EVERY_S, _TOLD = 0.2, 3.0, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a program is asked for; `conditions` by its own names and in its own units."""

    count: int
    seed: int = 0
    formula: str = ""
    elements: tuple[str, ...] = ()
    conditions: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def words(self) -> str:
        """For the lineage."""
        parts = [self.formula, "-".join(self.elements)]
        parts += [f"{name} {value:g}" for name, value in self.conditions.items()]
        return ", ".join(part for part in parts if part) or "no conditions"


def command_of(generator: Generator, wanted: Wanted, *, out: Path) -> list[str]:
    """The words of one call; there is no shell, so that nothing in them is anything but a word."""
    conditions: dict[str, float | str] = dict(wanted.conditions)
    if generator.conditions_as_elements and wanted.elements:
        conditions[generator.conditions_as_elements] = "-".join(wanted.elements)
    places = {
        "out": str(out),
        "count": str(wanted.count),
        "batch": str(min(generator.batch, wanted.count)),
        "batches": str(-(-wanted.count // min(generator.batch, wanted.count))),
        "seed": str(wanted.seed),
        "checkpoint": generator.checkpoint,
        "formula": wanted.formula,
        "elements": "-".join(wanted.elements),
        "conditions": repr(conditions),
    }
    words = [
        *generator.command,
        *(generator.formula if wanted.formula else ()),
        *(generator.elements if wanted.elements else ()),
        *(generator.conditions if conditions else ()),
    ]
    return [word.format(**places) for word in words]


def run_generator(
    generator: Generator, wanted: Wanted, *, settings: Settings, limit_s: float | None = None
) -> Path:
    """The folder with what the program wrote; from the cache where it was asked the same before.

    `limit_s` is the time it may take, the file's own limit by default. Raises `ToolError` when the program fails, takes too long or writes too much, or did so for the same question before.
    """
    home = _home(generator, settings=settings)
    key = content_hash([generator.model_dump(mode="json"), generator.checkpoint_hash, asdict(wanted)])
    limit = generator.time_limit_s if limit_s is None else limit_s
    folder, failed = home / key, home / FAILED / f"{key}-{limit:g}.json"
    if (folder / DONE).is_file():
        return folder
    if failed.is_file() and not _outdated(failed, settings=settings):
        raise ToolError(
            str(json.loads(failed.read_text(encoding="utf-8"))["message"]),
            hint=f"Correct {settings.state_dir / FILE}, and it is tried again.",
        )
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="call-", dir=home) as scratch:
        draft = Path(scratch)
        try:
            seconds = _call(
                generator, command_of(generator, wanted, out=draft / "made"), folder=draft, limit_s=limit
            )
        except ToolError as error:
            failed.parent.mkdir(parents=True, exist_ok=True)
            failed.write_text(json.dumps({"message": error.message}), encoding="utf-8")
            raise
        facts: dict[str, Any] = {
            "wanted": asdict(wanted),
            "label": generator.label,
            "wall_s": round(seconds, 2),
        }
        (draft / "made" / DONE).write_text(json.dumps(facts), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        (draft / "made").rename(folder)
    return folder


def failures(generator: Generator, *, settings: Settings) -> list[str]:
    """Why the calls failed since the file of generators was last changed, the earliest first."""
    folder = _home(generator, settings=settings) / FAILED
    files = [file for file in folder.glob("*.json") if not _outdated(file, settings=settings)]
    found: list[str] = []
    for file in sorted(files, key=lambda one: one.stat().st_mtime_ns):
        with contextlib.suppress(OSError, ValueError, KeyError):
            found.append(str(json.loads(file.read_text(encoding="utf-8"))["message"]))
    return found


def _home(generator: Generator, *, settings: Settings) -> Path:
    return settings.cache_dir / "generators" / generator.name


def _outdated(failed: Path, *, settings: Settings) -> bool:
    file = settings.state_dir / FILE
    return file.is_file() and file.stat().st_mtime_ns > failed.stat().st_mtime_ns


def _call(generator: Generator, words: list[str], *, folder: Path, limit_s: float) -> float:
    """Run the program in its folder until it ends well; returns the seconds it took."""
    program = generator.program
    if program is None:
        raise ToolError(
            f"{generator.name} is not there: {generator.command[0]} is no program.",
            hint=f"Correct its command in {FILE}.",
        )
    made = folder / "made"
    made.mkdir()
    environment = {
        name: os.environ[name] for name in (*_PASSED, *generator.environment) if name in os.environ
    }
    environment["TMPDIR"] = str(folder)
    begun = time.monotonic()
    # The launcher ends the program with whoever waits for it; the rest of its limits would keep a GPU from working.
    start = [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps({"parent": os.getpid()})]
    with (folder / OUTPUT).open("wb") as sink:
        try:
            process = subprocess.Popen(
                [*start, program, *words[1:]],
                cwd=made,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=True,
            )
        except OSError as error:
            raise ToolError(f"{generator.name} does not start: {error}.", retryable=True) from error
    try:
        _watch(process, generator=generator, folder=folder, begun=begun, limit_s=limit_s)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0:
        raise ToolError(
            f"{generator.name} ended with status {process.returncode}: {_tail(folder / OUTPUT)}",
            hint=f"Try its command by hand: {' '.join(words)}",
        )
    return time.monotonic() - begun


def _watch(
    process: subprocess.Popen[bytes], *, generator: Generator, folder: Path, begun: float, limit_s: float
) -> None:
    looked = begun
    while True:
        try:
            process.wait(timeout=_GLANCE_S)
            return
        except subprocess.TimeoutExpired:
            now = time.monotonic()
        if now - begun > limit_s:
            raise ToolError(
                f"{generator.name} took longer than the {limit_s:g} s that it is allowed.",
                hint=f"Raise time_limit_s in {FILE}, or ask for fewer crystals.",
            )
        if now - looked > _DISK_EVERY_S:
            looked = now
            written = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            if written > generator.disk_gb * 1e9:
                raise ToolError(
                    f"{generator.name} wrote more than the {generator.disk_gb:g} GB that it is allowed.",
                    hint=f"Raise disk_gb in {FILE}, or ask for fewer crystals.",
                )


def _tail(output: Path) -> str:
    """The last words of the output, in one line."""
    text = output.read_bytes()[-4000:].decode("utf-8", "replace")
    return " ".join(text.split())[-_TOLD:] or "it said nothing."
