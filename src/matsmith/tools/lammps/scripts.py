"""What LAMMPS is given for one stage: the header that is always the same, a protocol's body after rendering, and the footer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matsmith.tools.lammps import sanity
from matsmith.tools.lammps.potentials import Choice
from matsmith.tools.lammps.rendering import ScriptError, Value, render
from matsmith.tools.lammps.stage import COLUMNS, FINAL
from matsmith.tools.lammps.structures import mass_of

_RESTART_EVERY_S = 15.0
_BOUNDARY = re.compile(r"[pfsm]{1,2}( [pfsm]{1,2}){2}")
_COLUMN = re.compile(
    r"[cfv]_[A-Za-z][A-Za-z0-9_]*(\[\d{1,4}\])?(\[\d{1,4}\])?|enthalpy|cella|cellb|cellc|fmax|fnorm|atoms"
)
# Fixes whose state LAMMPS keeps in restart files, or that have none.
_RESTARTABLE = frozenset(
    [
        "nve",
        "nvt",
        "npt",
        "nph",
        "langevin",
        "momentum",
        "temp/berendsen",
        "temp/csvr",
        "temp/csld",
        "temp/rescale",
        "press/berendsen",
        "setforce",
        "ave/time",
        "ave/chunk",
        "enforce2d",
        "lineforce",
        "planeforce",
        "recenter",
    ]
)
# Commands that belong to the beginning of a stage, and are left out when it goes on.
_BEGINNING = frozenset(
    [
        "velocity",
        "displace_atoms",
        "change_box",
        "create_atoms",
        "delete_atoms",
        "set",
        "minimize",
        "group",
        "lattice",
        "replicate",
        "min_style",
        "min_modify",
    ]
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A stage as asked for: body after rendering, steps, and how it is shown."""

    name: str
    title: str
    body: str
    steps: int
    columns: tuple[str, ...]
    every: int
    boundary: str
    timestep_ps: float
    cores: int
    atoms: int

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        """Which faces the boundary wraps."""
        first, second, third = (part == "p" for part in self.boundary.split())
        return first, second, third

    @property
    def shears(self) -> bool:
        """Whether angles of the cell change."""
        return bool({"tri", "xy", "xz", "yz"} & set(self.body.split()))

    @property
    def resumable(self) -> bool:
        """Whether the stage can go on from a restart file: one run at its end, and nothing whose state would be lost."""
        lines = [line.split() for line in self.body.splitlines()]
        runs = [words for words in lines if words[0] == "run"]
        return (
            len(runs) == 1
            and lines[-1] == ["run", str(self.steps)]
            and all(words[3] in _RESTARTABLE for words in lines if words[0] == "fix")
            and not any(words[0] in ("reset_timestep", "unfix", "uncompute") for words in lines)
            and not any("running" in words or "window" in words or "dynamic" in words for words in lines)
            and not any(words[:1] == ["variable"] and "internal" in words for words in lines)
        )


def plan_of(
    name: str,
    template: str,
    *,
    steps: int,
    values: Mapping[str, Value],
    columns: Sequence[str] = (),
    every: int | None = None,
    title: str = "",
    boundary: str,
    timestep_ps: float,
    cores: int,
    atoms: int,
) -> Plan:
    """Check what a stage was asked for and render its body. Raises `ScriptError`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", name):
        raise ScriptError(f"{name[:60]!r} is no name of a stage.", hint="Use small letters, digits, _ and -.")
    if not all(_COLUMN.fullmatch(column) for column in columns):
        raise ScriptError(f"One of {list(columns)} is no column of the thermo output.")
    if not _BOUNDARY.fullmatch(boundary):
        raise ScriptError(f"{boundary[:30]!r} is no boundary.", hint="Give three of p, f, s, m.")
    if steps < 0 or (every is not None and every < 1):
        raise ScriptError("Steps have to be above zero.")
    return Plan(
        name=name,
        title=title or name.replace("_", " "),
        body=render(template, values),
        steps=steps,
        columns=tuple(columns),
        every=every if every is not None else max(steps // 1000, min(10, steps // 100), 1),
        boundary=boundary,
        timestep_ps=timestep_ps,
        cores=cores,
        atoms=atoms,
    )


def script_of(plan: Plan, *, choice: Choice, elements: Sequence[str], resumed: str | None = None) -> str:
    """The whole input; `resumed` is the restart file to go on from."""
    lines = ["units metal"]
    if resumed is None:
        lines += ["atom_style atomic", "atom_modify map array", f"boundary {plan.boundary}", "box tilt large"]
        lines += ["read_data ../start.data"]
    else:
        lines += [f"read_restart {resumed}"]
    lines += choice.commands(elements, at="../../potential")
    lines += [f"mass {number} {mass_of(symbol):.10g}" for number, symbol in enumerate(elements, start=1)]
    if choice.learned:
        lines += ["fix learned all external pf/callback 1 1", "fix_modify learned energy yes virial yes"]
    lines += [f"timestep {plan.timestep_ps!r}", "thermo_modify lost error flush yes"]
    shown = [
        f"thermo_style custom {' '.join((*COLUMNS, *plan.columns))}",
        "thermo_modify line one lost error flush yes format float %.12g",
        f"thermo {plan.every}",
    ]
    interval = _restart_interval(plan, choice)
    if interval:
        shown.append(f"restart {interval} restart.a restart.b")
    for line in plan.body.splitlines():
        command = line.split()[0]
        if resumed is not None and command in _BEGINNING:
            continue
        if command in ("run", "minimize") and shown:
            lines += shown
            shown = []
        if resumed is not None and command == "run":
            line = f"run {plan.steps} upto start 0 stop {plan.steps}"
        lines.append(line)
    if shown:
        raise ScriptError(f"The template of {plan.name} neither runs nor minimises.")
    return "\n".join([*lines, f"write_data {FINAL} nocoeff", ""])


def _restart_interval(plan: Plan, choice: Choice) -> int:
    """Steps between restart files, some seconds apart; 0 where the stage is short or could not go on from them."""
    if not plan.resumable:
        return 0
    per_step = sanity.estimated_s(plan.atoms, 1, choice, cores=1)
    interval = max(50, round(_RESTART_EVERY_S / max(per_step, 1e-6)))
    interval = plan.every * -(
        -interval // plan.every
    )  # on a thermo row, so that the rows of both parts fit together
    return 0 if 1.5 * interval > plan.steps else interval
