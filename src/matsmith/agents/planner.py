"""Planner: an objective in plain language becomes a specification, and what stands against it is said before spending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matsmith.agents.asked import Asked
from matsmith.agents.conditions import is_pressed, unmet_pressure
from matsmith.agents.confirmable import confirmed_by_measurement_only
from matsmith.agents.decisions import Plan, PlanQuestion, Understanding
from matsmith.agents.objective import find_contradictions
from matsmith.agents.objective.stability import IN_ATMOSPHERE_EV_PER_ATOM
from matsmith.agents.objective.unclear import unclear_words
from matsmith.agents.reasoners.interface import Reasoner, Usage
from matsmith.core.elements import parse_formula
from matsmith.core.errors import SpecError
from matsmith.core.properties import AT_TEMPERATURE, PROPERTIES
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.tools.registry import get_tool, known_only, predicted_only, tools_for

SUPPLY = {"hhi_production", "hhi_reserves", "scarcest_abundance", "toxic_mass_fraction"}
# Most tools here measure at 0 K or room temperature and no pressure; prices know no temperature.
_LOWEST_K, _HIGHEST_K, _HIGHEST_PRESSED_K = 298.0, 3500.0, 3000.0
_HOW_MADE = {"calcination_temperature", "sintering_temperature", "synthesizability"}
_WITHOUT_CONDITIONS = {
    "price",
    "decomposition_temperature",
    "energy_above_hull_in_water",
    *_HOW_MADE,
    *SUPPLY,
}
# Measured at the temperature, in the gases or under the pressure of the conditions (agents/conditions.py).
_AT_TEMPERATURE = {"energy_above_hull_at_conditions", "energy_above_hull_in_atmosphere"}
# "Stable" without a number: Sun et al. 2016, Sci. Adv. 2, e1600225, find half of the known metastable phases within
# 0.015 eV/atom and 90 % within 0.067.
STABLE_EV_PER_ATOM = 0.05
METASTABLE_EV_PER_ATOM = 0.07
_STABILITY = {"energy_above_hull", *_AT_TEMPERATURE}
STABILITY_NOT_NAMED = "(stability not named)"
# What molecular dynamics alone measures needs a potential for the elements.
_BY_DYNAMICS = frozenset(
    name
    for name, entry in PROPERTIES.items()
    if entry.tools and all(one.startswith("md_") for one in entry.tools)
)
_KNOWS_TEMPERATURE = {*AT_TEMPERATURE.values(), "melting_point"}
# A person is asked about so many ambiguities at most; the others are shown with the reading that was taken.
MOST_ASKED = 3
NOT_CLEAR = (
    "“{}” was not understood, and it stands where a requirement stands. Without an answer it is left out."
)
Ask = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class PlanCheck:
    """A plan and what stands against it. `unmeasurable` maps the index of a target to the reason.

    `unclear` are words in the place of a requirement that were not understood: a run starts without them only when a person says so.
    `asked` says by which prompts the plan was made, and `usage` what that has cost; both go into the ledger of the run.
    """

    plan: Plan
    asked: tuple[Asked, ...] = ()
    usage: Usage | None = None
    unclear: Sequence[str] = ()
    contradictions: Sequence[str] = ()
    unmeasurable: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def spec(self) -> DesignSpec:
        """The specification."""
        return self.plan.spec

    @property
    def unmeasurable_targets(self) -> list[Target]:
        """Targets that no installed tool measures."""
        return [self.spec.targets[index] for index in sorted(self.unmeasurable)]

    @property
    def refusal(self) -> str | None:
        """Why the run must not start, in one sentence; None when it can."""
        if self.contradictions:
            return self.contradictions[0]
        targets = self.spec.targets
        hard = [i for i, target in enumerate(targets) if target.hard and target.is_constraint]
        blocking = [self.unmeasurable[index] for index in hard if index in self.unmeasurable]
        if blocking:
            # A run that can never be met must not spend ten minutes on finding that out.
            return " ".join(blocking)
        if targets and not hard and len(self.unmeasurable) == len(targets):
            return " ".join(self.unmeasurable.values())
        return None

    @property
    def runnable(self) -> bool:
        """Whether the run may start."""
        return self.refusal is None

    def require_clear(self) -> None:
        """Raise `SpecError` when words in the place of a requirement were not understood."""
        if not self.unclear:
            return
        words = ", ".join(f"“{words}”" for words in self.unclear)
        they = "stands" if len(self.unclear) == 1 else "stand"
        raise SpecError(
            f"{words} {they} where a requirement stands and could not be understood; without it something else would be sought.",
            hint="Say it in other words; or go on without it by --leave-out, or with a plan that you have checked: "
            "`matsmith plan ... --json` and --spec.",
        )

    @classmethod
    def of(cls, plan: Plan, *, settings: Settings) -> PlanCheck:
        """Check a plan against physics and against the tools that are installed."""
        return cls(
            plan=predictions_said(among_known(plan, settings=settings), settings=settings),
            unclear=unclear_words(plan.spec.objective, plan.not_understood),
            contradictions=tuple(find_contradictions(plan.spec)),
            unmeasurable=unmeasurable(plan.spec, settings=settings),
        )

    @classmethod
    def from_spec(cls, spec: DesignSpec, *, settings: Settings) -> PlanCheck:
        """Check a specification that a person wrote or edited."""
        return cls.of(Plan(spec=spec), settings=settings)


def make_plan(
    objective: str, *, reasoner: Reasoner, second_look: bool = False, ask: Ask | None = None
) -> Plan:
    """Ask the reasoner what is wanted. Raises `SpecError` for an objective that says nothing.

    `second_look` has a language model doubt its plan once. `ask` puts the plan's open questions to a person, once: what is said in reply becomes
    part of the objective, and an empty reply keeps the reading that was taken. First come words in the place of a requirement that were not
    understood: the reply stands in their place, and an empty one leaves them out.
    """
    if not objective.strip():
        raise SpecError(
            "The objective is empty.",
            hint='Say what you want, such as "a stable oxide with a bulk modulus above 150 GPa".',
        )
    plan = _decided(objective, reasoner=reasoner, second_look=second_look)
    if ask is not None:
        said = objective
        for words in unclear_words(objective, plan.not_understood)[:MOST_ASKED]:
            if reply := ask(NOT_CLEAR.format(words)).strip():
                said = said_instead(said, words, reply)
        replies = [reply for question in plan.questions[:MOST_ASKED] if (reply := ask(question).strip())]
        if said != objective or replies:
            plan = _decided(clarified(said, replies), reasoner=reasoner, second_look=second_look)
    return with_default_target(at_temperature(plan))


def said_instead(objective: str, words: str, reply: str) -> str:
    """The objective with other words in the place of some of it.

    >>> said_instead("an oxide with a flurbosity above 3", "flurbosity above 3", "hardness above 3 GPa.")
    'an oxide with a hardness above 3 GPa'
    """
    return " ".join(objective.split()).replace(words, reply.rstrip(".,;"), 1)


def clarified(objective: str, replies: Sequence[str]) -> str:
    """The objective with what a person added when asked; without an addition it stays as it is.

    >>> clarified("a hard oxide", ["bulk modulus above 200 GPa"])
    'a hard oxide, bulk modulus above 200 GPa'
    """
    if not replies:
        return objective
    return ", ".join([objective.strip().rstrip(".,;"), *(reply.rstrip(".,;") for reply in replies)])


def _decided(objective: str, *, reasoner: Reasoner, second_look: bool) -> Plan:
    question = PlanQuestion(objective=objective)
    plan = reasoner.decide(question)
    if second_look:
        from matsmith.agents.second_look import doubted_plan

        plan = doubted_plan(plan, question=question, reasoner=reasoner)
    return plan


def with_default_target(plan: Plan) -> Plan:
    """Ask that the crystal can exist, where the objective says nothing about it, and say so.

    An objective without any property wants a stable crystal. One that names properties but not stability wants a material
    too: without a limit, the stiffest crystals proposed are those that would never form.
    """
    targets = plan.spec.targets
    if any(target.property in _STABILITY for target in targets):
        return plan
    limit = METASTABLE_EV_PER_ATOM if targets else STABLE_EV_PER_ATOM
    words = STABILITY_NOT_NAMED if targets else "(no property named)"
    name = "energy_above_hull"
    reason = ", as far as most known metastable phases lie above the hull" if targets else ""
    if plan.spec.conditions.has_atmosphere:
        name, limit = "energy_above_hull_in_atmosphere", IN_ATMOSPHERE_EV_PER_ATOM
        reason = ", which the gases named ask for"
    elif plan.spec.conditions.away_from_room:
        reason += "; at 0 K"
    target = Target(property=name, relation=Relation.BELOW, value=limit, words=words)
    return plan.model_copy(
        update={
            "spec": plan.spec.model_copy(update={"targets": [*targets, target]}),
            "understood": [
                *plan.understood,
                Understanding(words=words, meaning=f"{target.describe()}{reason}"),
            ],
        }
    )


def at_temperature(plan: Plan) -> Plan:
    """Aim at the property at the temperature of the conditions where dynamics measures that, and say so."""
    spec = plan.spec
    if not spec.conditions.away_from_room:
        return plan
    targets: list[Target] = []
    said: list[Understanding] = []
    for target in spec.targets:
        name = AT_TEMPERATURE.get(target.property)
        # Densities change by a few per cent: the one at room temperature stands for them, as it does beside gases.
        if name is not None and target.property != "density":
            target = target.model_copy(update={"property": name})
            meaning = f"at {spec.conditions.temperature_k:g} K, by molecular dynamics: {target.describe()}"
            said.append(Understanding(words=target.words or PROPERTIES[name].title, meaning=meaning))
        targets.append(target)
    if not said:
        return plan
    spec = spec.model_copy(update={"targets": targets})
    return plan.model_copy(update={"spec": spec, "understood": [*plan.understood, *said]})


def looked_up_only(spec: DesignSpec, *, settings: Settings) -> list[str]:
    """Properties of hard targets that can only be looked up, so that no new material can meet them here.

    Where only new ones count, what is predicted from the formula is not looked up.
    """
    wanted = {target.property for target in spec.hard_targets}
    return sorted(
        name
        for name in wanted
        if known_only(name, settings=settings)
        and not (spec.new_only and predicted_only(name, new=True, settings=settings))
    )


def predictions_said(plan: Plan, *, settings: Settings) -> Plan:
    """Say of which hard targets a run can only give predictions, which rule out and confirm nothing."""
    spec = plan.spec
    names = sorted(
        {
            target.property
            for target in spec.hard_targets
            if predicted_only(target.property, new=spec.new_only, settings=settings)
        }
    )
    if not names:
        return plan
    titles = " and ".join(PROPERTIES[name].title for name in names)
    note = (
        f"The {titles} can only be predicted from the formula here, which rules materials out and confirms none: "
        "the run ends with the best by prediction."
    )
    if note in plan.questions:
        return plan
    return plan.model_copy(update={"questions": [*plan.questions, note]})


def among_known(plan: Plan, *, settings: Settings) -> Plan:
    """Let known materials suffice where a hard target can only be looked up, or confirmed by measurement alone, and say so."""
    names = looked_up_only(plan.spec, settings=settings)
    titles = " and ".join(PROPERTIES[name].title for name in names)
    notes = list(confirmed_by_measurement_only(plan.spec, settings=settings).values())
    if names and not plan.spec.new_only:
        notes.append(
            f"Tables are all that confirms {titles} here: known materials are searched, new ones could not be judged."
        )
    if not notes or plan.spec.accept_known:
        return plan
    if not plan.spec.new_only:
        plan = plan.model_copy(update={"spec": plan.spec.model_copy(update={"accept_known": True})})
    return plan.model_copy(
        update={"questions": [*plan.questions, *(note for note in notes if note not in plan.questions)]}
    )


def unmeasurable(spec: DesignSpec, *, settings: Settings) -> dict[int, str]:
    """Targets that nothing installed measures, with the reason in one sentence each."""
    found: dict[int, str] = {}
    for index, target in enumerate(spec.targets):
        entry = PROPERTIES[target.property]
        condition = _unmet_condition(spec, target, settings=settings)
        if condition:
            found[index] = f"No installed tool measures {entry.title} {condition}."
        elif (
            spec.new_only
            and known_only(target.property, settings=settings)
            and not predicted_only(target.property, new=True, settings=settings)
        ):
            found[index] = (
                f"No installed tool measures {entry.title} of new materials: tables of known ones are all there is."
            )
        elif not entry.tools:
            found[index] = f"No installed tool measures {entry.title}."
        elif not tools_for(target.property, settings=settings):
            reasons = [get_tool(name).missing(settings) for name in entry.tools]
            known = next((reason for reason in reasons if reason), "")
            found[index] = f"No installed tool measures {entry.title} here: {known}"
        elif target.property in _BY_DYNAMICS and (problem := _uncovered(spec, target, settings=settings)):
            found[index] = f"{entry.title[0].upper()}{entry.title[1:]} cannot be measured here: {problem}"
    return found


def _uncovered(spec: DesignSpec, target: Target, *, settings: Settings) -> str:
    """Why no classical potential takes these elements through dynamics; empty where one does.

    The learned potential could, at hours a candidate: too dear for a search.
    """
    from matsmith.tools.lammps.failures import DynamicsError
    from matsmith.tools.lammps.potentials import choose

    chemistry = spec.chemistry
    if not (chemistry.formula or chemistry.allowed):
        return "molecular dynamics needs a classical potential. Name the elements that may occur, such as an Al-Cu alloy."
    formulas = [formula for formula in (chemistry.formula, target.reference) if formula]
    elements = {*chemistry.required, *(symbol for formula in formulas for symbol in parse_formula(formula))}
    if not elements:
        return ""
    try:
        choose(sorted(elements), settings=settings)
    except DynamicsError as error:
        return error.message
    return ""


def _unmet_condition(spec: DesignSpec, target: Target, *, settings: Settings) -> str:
    if target.property in _WITHOUT_CONDITIONS or target.words == STABILITY_NOT_NAMED:
        return ""
    parts: list[str] = []
    temperature = spec.conditions.temperature_k
    own, pressed = target.property in _AT_TEMPERATURE, is_pressed(spec.conditions)
    low, high = (0.0, _HIGHEST_PRESSED_K) if pressed else (_LOWEST_K, _HIGHEST_K)
    if own and not (pressed and temperature is None) and not low <= (temperature or 0.0) <= high:
        kind = "free energies under pressure" if pressed else "tables of Gibbs energies"
        parts.append(f"at {temperature or 0.0:g} K: {kind} run from {low:g} to {high:g} K")
    if target.property == "energy_above_hull_in_atmosphere" and not spec.conditions.has_atmosphere:
        parts.append("without an atmosphere: name one, or pressures of oxygen, under conditions")
    if not own and target.property not in _KNOWS_TEMPERATURE and spec.conditions.away_from_room:
        parts.append(f"at {temperature:g} K")
    parts.append(unmet_pressure(spec.conditions, property_name=target.property, settings=settings))
    return " and ".join(part for part in parts if part)
