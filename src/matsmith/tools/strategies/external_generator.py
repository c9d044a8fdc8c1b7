"""Other people's generators as a strategy: MatterGen, or any program with a command line, each in its own environment.

They are named in `generators.toml` in the folder of matsmith's state (MATSMITH_STATE_DIR). MatterGen (Zeni et al., Nature 639, 624, 2025) needs

    [mattergen]
    preset = "mattergen"
    command = ["/opt/mattergen/bin/mattergen-generate"]
    checkpoint = "chemical_system_energy_above_hull"

and any other one a command that writes crystals into `{out}`, with the words for what can be asked of it:

    [mine]
    command = ["/opt/mine/bin/python", "/opt/mine/sample.py", "{out}", "--n", "{count}", "--seed", "{seed}"]
    formula = ["--formula", "{formula}"]
    elements = ["--elements", "{elements}"]
    conditions = ["--conditions", "{conditions}"]
    properties = { bulk_modulus = "K_GPa" }
    checkpoint = "mine-2"

What comes out is read like any file from outside, held against the specification and named in each candidate's lineage.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.errors import MatsmithError
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.tools.evaluation.samples import read_samples
from matsmith.tools.strategies.chemistry_filter import conforms, conforms_chemistry
from matsmith.tools.strategies.generator_file import FILE, Generator, generators
from matsmith.tools.strategies.generator_process import Wanted, failures, run_generator
from matsmith.tools.strategies.interface import StrategyRequest

_FAILURES_BORNE = 2
# A program must leave most of a run's time for looking at what it made.
_SHARE_OF_RUN = 0.4
# How far inside of a one-sided target a program is asked to aim.
_INSIDE = 0.1


@dataclass(frozen=True, kw_only=True)
class _ExternalGenerators:
    """The strategy; what the programs wrote is kept in the cache."""

    name: str = "external"
    title: str = "other generators by their command line"

    def missing(self, settings: Settings) -> str | None:
        """The file that names the programs, a program that is not there, or programs that failed again and again."""
        file = settings.state_dir / FILE
        if not file.is_file():
            return f"No other generator is set up: name its command in {file}."
        try:
            found = generators(settings)
        except MatsmithError as error:
            return f"{error.message} {error.hint}".strip()
        absent = [one for one in found if one.program is None]
        if absent:
            return f"{absent[0].name} is not there: {absent[0].command[0]}, named in {file}, is no program."
        for one in found:
            failed = failures(one, settings=settings)
            if len(failed) >= _FAILURES_BORNE:
                return f"{one.name} failed {len(failed)} times, lastly: {failed[-1]} Correct {file}, and it is tried again."
        return None

    def propose(self, request: StrategyRequest, *, settings: Settings) -> Iterator[Candidate]:
        """Yield what the programs make of the specification and conforms to it, one program after the other.

        A program that fails is told by a warning and proposes nothing; the same question is not put to it again.
        """
        found = generators(settings)
        share = max(1, -(-request.count // len(found)))
        yielded = set(request.seen)
        for one in found:
            wanted = wanted_of(request.spec, one, count=share, seed=1000 * request.seed + request.round)
            try:
                limit_s = min(one.time_limit_s, _SHARE_OF_RUN * request.spec.budget.wall_time_s)
                folder = run_generator(one, wanted, settings=settings, limit_s=limit_s)
                samples = read_samples(folder)
            except MatsmithError as error:
                warnings.warn(f"{one.name}: {error}", RuntimeWarning, stacklevel=2)
                continue
            for sample in samples:
                crystal = sample.crystal
                if crystal is None or conforms_chemistry(request.spec, crystal.amounts) is not None:
                    continue
                if conforms(request.spec, crystal, space_group=None) is not None:
                    continue
                lineage = Lineage(
                    strategy=self.name,
                    seed=request.seed,
                    round=request.round,
                    note=f"{one.label}; {wanted.words}; {sample.name}",
                )
                candidate = Candidate.of(crystal, lineage=lineage)
                if candidate.id not in yielded:
                    yielded.add(candidate.id)
                    yield candidate


STRATEGY = _ExternalGenerators()


def wanted_of(spec: DesignSpec, generator: Generator, *, count: int, seed: int) -> Wanted:
    """What a program can be asked of a specification: its formula, its elements where they are settled, the targets it has a name for."""
    chemistry = spec.chemistry
    elements: tuple[str, ...] = ()
    if not chemistry.formula:
        if chemistry.allowed and len(chemistry.allowed) <= chemistry.elements_max:
            elements = tuple(chemistry.allowed)
        elif len(chemistry.required) >= max(2, chemistry.elements_min):
            elements = tuple(chemistry.required)
    conditions: dict[str, float] = {}
    for target in spec.targets:
        named = generator.properties.get(target.property)
        if named is None or target.value is None or target.reference is not None:
            continue
        low, high = target.interval.low, target.interval.high
        if target.property == "energy_above_hull":
            conditions[named] = 0.0
        elif isfinite(low) and isfinite(high):
            conditions[named] = 0.5 * (low + high)
        elif isfinite(low):
            conditions[named] = low + _INSIDE * abs(low)
        elif isfinite(high):
            conditions[named] = high - _INSIDE * abs(high)
    return Wanted(
        count=count,
        seed=seed,
        formula=chemistry.formula or "",
        elements=elements,
        conditions=conditions,
    )
