"""Fair competition between forms of one formula, whenever they are found."""

from __future__ import annotations

from collections.abc import Callable

from matsmith.agents.context import RunContext
from matsmith.agents.critic import enough
from matsmith.agents.simulator import simulate
from matsmith.core.candidate import Candidate, Lineage, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Relation
from matsmith.core.record import Record
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec, Target

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
