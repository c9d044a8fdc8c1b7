"""A candidate on its way through the simulator's stages, and its verdicts from the records it has gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matsmith.core.candidate import Candidate, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Record
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import Answer, Measurement, Verdict, judge
from matsmith.tools.registry import LOOK_UPS, PREDICTIONS


@dataclass
class Work:
    """A candidate on its way through the stages. `references` are records of the materials that targets compare with, by formula."""

    candidate: Candidate
    screened: Record | None = None
    relaxed: Record | None = None
    records: list[Record] = field(default_factory=list[Record])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    novelty: NoveltyLabel = field(default_factory=NoveltyLabel)
    references: Mapping[str, Sequence[Record]] = field(default_factory=dict[str, Sequence[Record]])
    rejected: str = ""
    told: bool = False

    @property
    def alive(self) -> bool:
        """Whether it is still in the run."""
        return not self.rejected

    @property
    def structure(self) -> str:
        """Id of the best structure at hand: the relaxed one, else the candidate's own."""
        return self.relaxed.id if self.relaxed is not None else self.candidate.id

    @property
    def crystal(self) -> Crystal:
        """The structure that `structure` names."""
        relaxed = None if self.relaxed is None else self.relaxed.outcome.crystal
        return relaxed or self.candidate.crystal

    @property
    def settled(self) -> bool:
        """Whether every target has its verdict."""
        return bool(self.verdicts) and all(verdict.answer is not Answer.UNKNOWN for verdict in self.verdicts)

    @property
    def hopeless(self) -> bool:
        """Whether some hard target is certainly not met."""
        return any(verdict.answer is Answer.NOT_MET for verdict in self.verdicts)

    def judge(self, spec: DesignSpec) -> None:
        """Judge every target from the records at hand."""
        self.verdicts = [
            judge(
                target,
                measurements(spec, index, self.records),
                spec=spec,
                candidate=self.candidate.id,
                index=index,
                references=measurements(spec, index, self.references.get(target.reference or "", ())),
            )
            for index, target in enumerate(spec.targets)
        ]


def measurements(spec: DesignSpec, target_index: int, records: Sequence[Record]) -> list[Measurement]:
    """What the records say about a target's property, from the tools that the registry lists for it.

    Where a computation of the structure failed, a prediction from its formula does not stand in for it: the gap stays. Nor does it speak
    against what a table holds of the formula: the model has seen such tables, and knows less than they do.
    """
    name = spec.targets[target_index].property
    tools = set(PROPERTIES[name].tools)
    computing = tools - LOOK_UPS - PREDICTIONS
    if any(record.tool in computing and record.outcome.failure is not None for record in records):
        tools -= PREDICTIONS
    found: list[Measurement] = []
    for record in records:
        quantity = record.quantities.get(name)
        if quantity is None or record.tool not in tools:
            continue
        facts = record.outcome.facts
        inconclusive = facts.get("inconclusive")
        caveat = str(inconclusive.get(name, "")) if isinstance(inconclusive, dict) else ""
        conclusive = not caveat
        found.append(
            Measurement(
                record=record.id,
                tool=record.tool,
                quantity=quantity,
                conclusive=conclusive,
                caveat=caveat,
                method=_method_key(record),
            )
        )
    if any(one.tool in LOOK_UPS and one.conclusive for one in found):
        return [one for one in found if one.tool not in PREDICTIONS]
    return found


def _method_key(record: Record) -> str:
    """What the values of two materials must have in common to be compared: model, weights and files."""
    method = record.outcome.method
    if method is None:
        return record.tool_version
    files = ",".join(f"{name}={digest}" for name, digest in sorted(method.files.items()))
    return ":".join((record.tool_version, method.model, method.weights_hash, files))
