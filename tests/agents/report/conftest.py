"""Ledgers of made runs: real crystals with known structures, plausible numbers, every kind of entry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import pytest

from matsmith.agents.decisions import CandidateSummary, Critique, Plan, RoundSummary, Understanding
from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.directive import Directive
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity, Relation, Truth
from matsmith.core.record import Method, Outcome, Record
from matsmith.core.run import Evidence, Judgement, RunHeader, Stop, StopReason
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish, Target
from matsmith.core.verdict import Measurement, judge, meets_all
from matsmith.knowledge.crystals import measured_crystals

STARTED = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
MASSES = {"O": 16.0, "Mg": 24.3, "Ti": 47.9, "Ca": 40.1, "Al": 27.0, "Si": 28.1, "Be": 9.0, "Li": 6.9}
OBJECTIVE = "a stable oxide with a bulk modulus above 150 GPa, no cobalt, as light as possible"
LISTS = ("built-in crystals (2026-01)", "DFT formation energies (Materials Project 2018-06)")


def spec() -> DesignSpec:
    return DesignSpec(
        objective=OBJECTIVE,
        targets=[
            Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05, words="stable"),
            Target(
                property="bulk_modulus",
                relation=Relation.ABOVE,
                value=150,
                words="bulk modulus above 150 GPa",
            ),
            Target(property="density", relation=Relation.MINIMISE, hard=False, words="as light as possible"),
        ],
        chemistry=Chemistry(required=["O"], excluded=["Co"]),
        structure=StructureWish(atoms_max=40),
        candidates=3,
    )


def record(tool: str, candidate: str, outcome: Outcome) -> Record:
    return Record.of(
        outcome.model_copy(update={"wall_s": 0.8}),
        tool=tool,
        tool_version="1",
        inputs={"structure": candidate},
        identity="d41d8cd98f00",
        seed=0,
        started_at=STARTED,
    )


POTENTIAL = Method(name="CHGNet", model="0.3.0, 412,525 parameters", weights_hash="9b1c" * 16)


def measured(
    candidate: Candidate, *, space_group: tuple[int, str], hull: float, modulus: float, density: float
) -> list[Record]:
    """The records of one candidate: relaxation, symmetry, stability, equation of state, density."""
    crystal = candidate.crystal
    return [
        record("relax", candidate.id, Outcome(crystal=crystal, method=POTENTIAL, facts={"steps": 23})),
        record(
            "symmetry",
            candidate.id,
            Outcome(
                facts={
                    "space_group_number": space_group[0],
                    "space_group_symbol": space_group[1],
                    "tolerance_angstrom": 0.05,
                },
                method=Method(name="spglib 2.8.0"),
            ),
        ),
        record(
            "stability",
            candidate.id,
            Outcome(
                quantities={
                    "energy_above_hull": Quantity(value=hull, unit="eV/atom", sigma=0.028),
                    "formation_energy": Quantity(value=-2.9 + hull, unit="eV/atom", sigma=0.045),
                },
                facts={
                    "tier": "table of DFT formation energies",
                    "false_stable_rate": 0.063,
                    "competitors": 41,
                    "decomposition": {"MgO": 0.5, "Al2O3": 0.5},
                },
                method=POTENTIAL.model_copy(
                    update={"reference": "DFT formation energies (Materials Project 2018-06)"}
                ),
            ),
        ),
        record(
            "equation_of_state",
            candidate.id,
            Outcome(
                quantities={
                    "bulk_modulus": Quantity(value=modulus, unit="GPa", sigma=11.4),
                    "equilibrium_volume": Quantity(
                        value=crystal.volume_angstrom3, unit="angstrom3", sigma=0.4
                    ),
                },
                facts={"fit_residual_ev": 0.0004},
                method=POTENTIAL,
                warnings=("The potential is soft at high compression: sigma covers it.",),
            ),
        ),
        record(
            "density",
            candidate.id,
            Outcome(
                quantities={"density": Quantity(value=density, unit="g/cm3", sigma=0, truth=Truth.EXACT)}
            ),
        ),
    ]


def measurements(records: list[Record], name: str) -> list[Measurement]:
    return [
        Measurement(record=one.id, tool=one.tool, quantity=one.quantities[name])
        for one in records
        if name in one.quantities
    ]


@lru_cache(maxsize=1)
def known_oxides() -> list[tuple[Crystal, str, int, str]]:
    """Small measured oxides: structure, prototype, number and symbol of the space group."""
    found: list[tuple[Crystal, str, int, str]] = []
    for one in measured_crystals():
        structure = one.structure()
        crystal = Crystal.from_pymatgen(structure)
        if "O" in crystal.amounts and len(crystal.species) <= 14:
            symbol, number = structure.get_space_group_info()
            found.append((crystal, one.prototype, number, symbol))
    return found


def crystals(count: int) -> list[tuple[Crystal, str, int, str]]:
    """Structures of measured oxides; when more are asked for, the same ones swollen a little."""
    oxides = known_oxides()
    found: list[tuple[Crystal, str, int, str]] = []
    for number in range(count):
        crystal, prototype, group, symbol = oxides[number % len(oxides)]
        factor = 1 + 0.004 * (number // len(oxides))
        lattice = tuple(tuple(x * factor for x in row) for row in crystal.lattice)
        swollen = Crystal.model_validate({**crystal.model_dump(), "lattice": lattice})
        found.append((swollen, prototype, group, symbol))
    return found


def write_run(
    path: Path,
    *,
    count: int = 12,
    rejected: int = 5,
    stop: bool = True,
    objective: str = OBJECTIVE,
    words: str = "",
) -> Ledger:
    """A run of two rounds with `count` judged and `rejected` rejected candidates; `words` goes wherever text from outside can."""
    ledger = Ledger(path)
    wish = spec()
    ledger.append(
        "run",
        "run-7",
        RunHeader(
            run="run-7" + words,
            objective=objective,
            seed=7,
            reasoner="rules",
            version="0.1.0",
            started_at=STARTED,
            machine="2 cores",
        ),
    )
    ledger.append(
        "plan",
        "plan",
        Plan(
            spec=wish,
            understood=[
                Understanding(words="stable" + words, meaning="energy above hull below 0.05 eV/atom" + words),
                Understanding(words="oxide", meaning="contains oxygen and no other anion"),
                Understanding(words="no cobalt", meaning="without Co"),
            ],
            not_understood=["preferably blue" + words],
            questions=["“stable” was taken as within 0.05 eV/atom of the hull at 0 K" + words],
        ),
    )
    ledger.append(
        "evidence",
        "e1",
        Evidence(
            id="e1",
            quote="Oxides with small, highly charged cations tend to be stiff." + words,
            source="notes/stiffness.md" + words,
            citation="Built-in note on elastic stiffness" + words,
            start=120,
            end=179,
        ),
    )
    judgements: list[Judgement] = []
    first_modulus = ""
    for number, (crystal, prototype, group, symbol) in enumerate(crystals(count)):
        label = NoveltyLabel(
            label=[Novelty.KNOWN, Novelty.NEW, Novelty.NEW_ORDERING, Novelty.UNCHECKED][number % 4],
            lists=LISTS,
        )
        lineage = Lineage(
            strategy="known" if number % 4 == 0 else "substitution",
            prototype=prototype + words,
            parents=(judgements[0].candidate,) if judgements and number % 3 == 0 else (),
            seed=7,
            round=1 + number % 2,
            note=words,
        )
        candidate = Candidate.of(crystal, lineage=lineage, novelty=label)
        records = measured(
            candidate,
            space_group=(group, symbol),
            hull=0.002 + 0.031 * (number % 5),
            modulus=238.0 - 9.5 * (number % 17),
            density=crystal_density(crystal),
        )
        ledger.append("candidate", candidate.id, candidate)
        ledger.append_many(("record", one.id, one) for one in records)
        first_modulus = first_modulus or records[3].reference("bulk_modulus")
        verdicts = [
            judge(
                target, measurements(records, target.property), spec=wish, candidate=candidate.id, index=index
            )
            for index, target in enumerate(wish.targets)
        ]
        judgement = Judgement(
            candidate=candidate.id,
            round=1 + number % 2,
            relaxed=records[0].id,
            records=[one.id for one in records],
            verdicts=verdicts,
            meets=meets_all(verdicts, spec=wish),
            score=-0.4 * (number % 7) - 0.01 * number,
            novelty=label,
        )
        judgements.append(judgement)
        ledger.append("judgement", candidate.id, judgement)
    write_rejected(ledger, rejected, words=words)
    for number in (1, 2) if count or rejected else ():
        met = sum(one.meets for one in judgements if one.round == number)
        ledger.append(
            "round",
            str(number),
            RoundSummary(
                round=number,
                generated=40 * number,
                simulated=18 * number,
                met=met,
                best=[CandidateSummary(id=one.candidate, formula="MgO") for one in judgements[:2]],
                failures={"atoms_too_close": 3},
                by_strategy={"known": (4, 2), "substitution": (14, 1)},
                directive=Directive(reason="Draw nearer to what is stiff." + words),
            ),
        )
        number_named = f" The best reaches {first_modulus}." if first_modulus else ""
        text = f"Stability fails most often.{number_named}" + words
        ledger.append("critique", str(number), Critique(text=text))
    if stop:
        met = [one.candidate for one in judgements if one.meets]
        reason = StopReason.MET if met else StopReason.STALLED
        sentence = (
            f"{len(met)} candidates meet every hard target."
            if met
            else "No candidate meets every hard target."
        )
        ledger.append(
            "stop", "stop", Stop(reason=reason, sentence=sentence + words, elapsed_s=214.0, met=met)
        )
    return ledger


def write_rejected(ledger: Ledger, count: int, *, words: str = "") -> None:
    for number in range(count):
        lattice = ((4.2 + 0.05 * number, 0.0, 0.0), (0.0, 4.2, 0.0), (0.0, 0.0, 4.2))
        crystal = Crystal(lattice=lattice, species=("Sr", "O"), positions=((0, 0, 0), (0.1, 0, 0)))
        candidate = Candidate.of(
            crystal, lineage=Lineage(strategy="substitution", prototype="rocksalt", round=1)
        )
        failed = record(
            "relax", candidate.id, Outcome.failed("atoms_too_close", "Sr and O stand 0.42 Å apart." + words)
        )
        ledger.append("candidate", candidate.id, candidate)
        ledger.append("record", failed.id, failed)
        reason = "atoms_too_close: Sr and O" if number % 3 else "a wish of the specification: no strontium"
        ledger.append(
            "judgement",
            candidate.id,
            Judgement(candidate=candidate.id, round=1, records=[failed.id], rejected=reason + words),
        )


def crystal_density(crystal: Crystal) -> float:
    return 1.66054 * sum(MASSES.get(symbol, 100.0) for symbol in crystal.species) / crystal.volume_angstrom3


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Ledger]:
    """Write a made run into a fresh ledger."""

    def make(**wishes: object) -> Ledger:
        return write_run(tmp_path / "ledger.sqlite", **wishes)  # pyright: ignore[reportArgumentType]

    return make
