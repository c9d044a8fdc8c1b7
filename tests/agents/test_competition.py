"""Fair competition between forms of one formula, whenever they are found."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from matsmith.agents.context import RunContext
from matsmith.agents.critic import enough
from matsmith.agents.simulator import simulate
from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Relation
from matsmith.core.record import Record
from matsmith.core.run import Judgement
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.prototypes import by_name, decorate

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]


def caesium_chloride(cation: str, *, edge: float) -> Candidate:
    crystal = Crystal(
        lattice=((edge, 0.0, 0.0), (0.0, edge, 0.0), (0.0, 0.0, edge)),
        species=(cation, "O"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )
    return Candidate.of(crystal, lineage=Lineage(strategy="decoration", prototype="caesium chloride"))


def stability_of(context: RunContext, candidate: Candidate) -> Record:
    names = context.judgements()[candidate.id].records
    records = [found for name in names if (found := context.ledger.record(name)) is not None]
    return next(record for record in records if record.tool == "stability")


def test_a_lower_form_found_later_counts_against_an_earlier_one(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: Callable[..., Candidate]
) -> None:
    target = Target(property="energy_above_hull", relation=Relation.BELOW, value=5.0)
    context = make_context(make_spec(targets=[target]))
    higher, lower = caesium_chloride("Mg", edge=2.65), made_candidate("Mg", edge=4.25)
    for round_number, candidate in enumerate((higher, lower)):
        context.ledger.append("candidate", candidate.id, candidate)
        simulate(context, [candidate], round_number=round_number)
        if round_number == 0:
            first = stability_of(context, higher)
            assert first.inputs["lower_form"] is None
    after = stability_of(context, higher)
    assert after.inputs["lower_form"] == context.judgements()[lower.id].relaxed
    assert stability_of(context, lower).inputs["lower_form"] is None
    # Rocksalt magnesia lies some 0.8 eV/atom below the caesium chloride form; the round stays that of the first judgement.
    assert after.quantities["energy_above_hull"].value > 0.2
    assert context.judgements()[higher.id].round == 0


def test_an_answer_of_a_new_formula_is_held_against_its_other_forms(
    house: Settings, make_context: MakeContext, make_spec: MakeSpec
) -> None:
    # Near the measured enthalpies (Sc2O3 -1908.8, RhO2 about -240 kJ/mol); the wish is so wide that the layered type meets it.
    house.data_dir.mkdir()
    rows = "formula,formation_energy_eV_per_atom\nRh,0.0\nSc,0.0\nO2,0.0\nSc2O3,-3.95\nRhO2,-0.83\n"
    (house.data_dir / "mp_formation_energy.csv.gz").write_bytes(gzip.compress(rows.encode(), mtime=0))
    context = make_context(
        make_spec(
            targets=[Target(property="energy_above_hull", relation=Relation.BELOW, value=5.0)],
            chemistry={"required": ["O"]},
        )
    )
    layered = by_name("AB2C4_tI14_139_a_e_ce")
    crystal = Crystal.from_pymatgen(
        decorate(layered, dict(zip(layered.slots, ("Sc", "Rh", "O"), strict=True)))
    )
    candidate = Candidate.of(crystal, lineage=Lineage(strategy="decoration", prototype=layered.name))
    context.ledger.append("candidate", candidate.id, candidate)
    simulate(context, [candidate], round_number=0)
    judgement = context.judgements()[candidate.id]
    assert judgement.novelty.label is Novelty.NEW
    forms = [
        r for name in judgement.records if (r := context.ledger.record(name)) and r.tool == "competing_forms"
    ]
    assert len(forms) == 1
    relaxed = context.ledger.consume(judgement.relaxed)
    gap = relaxed.quantities["energy"].value - forms[0].quantities["energy"].value
    assert gap > 0.05
    stability = stability_of(context, candidate)
    assert stability.inputs["lower_form"] == forms[0].id
    assert stability.quantities["energy_above_hull"].value >= gap


def test_two_forms_of_a_new_formula_are_one_find(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: Callable[..., Candidate]
) -> None:
    context = make_context(make_spec(candidates=2))

    def found(candidate: Candidate) -> None:
        context.ledger.append("candidate", candidate.id, candidate)
        judgement = Judgement(
            candidate=candidate.id, round=0, meets=True, novelty=NoveltyLabel(label=Novelty.NEW)
        )
        context.ledger.append("judgement", candidate.id, judgement)

    found(made_candidate("Pm"))
    found(caesium_chloride("Pm", edge=2.9))
    assert not enough(context)
    found(made_candidate("Ac"))
    assert enough(context)
