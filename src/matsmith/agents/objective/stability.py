"""What "stable" asks for, in energies above the hull."""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.quantities import Bound
from matsmith.agents.objective.targets import add_target
from matsmith.agents.objective.unit_words import to_property_unit
from matsmith.agents.objective.word_sets import words
from matsmith.core.quantity import Relation

# On the hull within what differences of DFT formation energies between solids resolve (Hautier et al., Phys. Rev. B 85,
# 155208 (2012): a standard deviation of 24 meV/atom for reactions between oxides).
ON_THE_HULL_EV_PER_ATOM = 0.025
# "Stable" in daily use: twice that, the customary limit in screening for phases that may well be stable.
STABLE_EV_PER_ATOM = 0.05
# "Metastable" or "can be made": 90 % of the metastable phases known lie within 0.067 eV/atom (Sun et al., Sci. Adv. 2,
# e1600225 (2016)), rounded up.
METASTABLE_EV_PER_ATOM = 0.07
# In an atmosphere at temperature: two sigmas of tabulated Gibbs energies (knowledge/thermochemistry/errors.json), as what lies
# higher reacts.
IN_ATMOSPHERE_EV_PER_ATOM = 0.01

_WORDS: dict[str, tuple[float, str]] = {
    **dict.fromkeys(
        ("thermodynamically stable", "thermodynamic stability", "on the hull", "on the convex hull", "on the stability hull",
         "ground state", "ground state structure", "most stable", "zero energy above hull"),
        (ON_THE_HULL_EV_PER_ATOM, "on the hull, within what DFT resolves")),
    **dict.fromkeys(("stable", "phase stable", "stability", "phase stability", "stabil"),
                    (STABLE_EV_PER_ATOM, "stable, in daily use")),
    **dict.fromkeys(("metastable", "meta stable", "at least metastable", "metastability"),
                    (METASTABLE_EV_PER_ATOM, "metastable: 90 % of the known metastable phases lie within 0.067 eV/atom")),
    **dict.fromkeys(("synthesizable", "synthesisable", "synthesizability", "synthesisability", "can be synthesized",
                     "can be synthesised", "can be made in the lab", "makeable", "synthetically accessible"),
                    (METASTABLE_EV_PER_ATOM, "taken as metastable: 90 % of the known metastable phases lie within 0.067 eV/atom")),
}  # fmt: skip
_PHRASES = index_phrases(_WORDS)
_OTHER_STABILITIES = words(
    """
    dynamically mechanically chemically thermally electrochemically air water moisture oxidation
    radiation photo environmentally hydrolytically dynamical mechanical chemical thermal
    electrochemical ambient kinetically long cycle cycling phonon structurally interfacial
    """
)
_MEDIA = words(
    """
    air water moisture oxygen acid acids acidic alkaline base humid humidity contact electrolyte
    vacuum hydrogen steam seawater solution light sunlight blood lithium
    """
)  # fmt: skip
# Up to this temperature the hull at 0 K is what "stable" means.
ROOM_TEMPERATURE_K = 300.0


def refuse_other_stabilities(draft: Draft) -> None:
    """Set aside "air-stable", "dynamically stable" and the like: none of them is an energy above the hull."""
    for index in range(len(draft)):
        if not draft.open(index) or draft.low(index) not in ("stable", "stability"):
            continue
        before = index - 1 if draft.low(index - 1) != "-" else index - 2
        if draft.low(before) in _OTHER_STABILITIES and draft.open(before):
            draft.refuse(before, index + 1)
            continue
        if draft.low(index + 1) in (
            "in",
            "against",
            "towards",
            "toward",
            "to",
            "with",
            "versus",
            "under",
            "vs",
        ):
            for end in range(index + 2, min(index + 5, len(draft))):
                if draft.low(end) in _MEDIA and draft.free(index, end + 1):
                    draft.refuse(index, end + 1)
                    break


def is_stability(draft: Draft, index: int) -> bool:
    """Whether a word about stability starts at a token."""
    return draft.low(index) in (
        "stable",
        "stability",
        "metastable",
        "survives",
        "survive",
        "withstands",
        "withstand",
        "stays",
    )


def read_stability(draft: Draft, bounds: list[Bound]) -> None:
    """Turn words about stability into a target, at the conditions when the objective names hot or pressed ones."""
    place = 0
    while place < len(draft):
        found = _PHRASES.at(draft, place) if draft.open(place) else None
        if found is None:
            place += 1
            continue
        (limit, meaning), end = found
        start = place
        while draft.open(start - 1) and draft.low(start - 1) in (
            "good",
            "high",
            "very",
            "highly",
            "thermodynamic",
        ):
            start -= 1
        _add(draft, start, end, limit=limit, meaning=meaning, bound=_limit_after(draft, end, bounds))
        place = end
    _survival(draft)


def _limit_after(draft: Draft, end: int, bounds: list[Bound]) -> Bound | None:
    """The number that says how stable: "stable (< 50 meV/atom)", "stable within 30 meV/atom"."""
    for bound in bounds:
        if (
            not draft.free(bound.start, bound.end)
            or bound.unit is None
            or bound.unit.dimension != "energy per atom"
        ):
            continue
        between = range(end, bound.start)
        if bound.start >= end and all(
            draft.low(at) in ("(", ",", "to", "-", "by", "i", "e", ".", "is") for at in between
        ):
            return bound
    return None


def _add(draft: Draft, start: int, end: int, *, limit: float, meaning: str, bound: Bound | None) -> None:
    hot = draft.temperature_k is not None and draft.temperature_k > ROOM_TEMPERATURE_K
    name = "energy_above_hull_at_conditions" if hot or draft.pressure_gpa else "energy_above_hull"
    if draft.atmosphere or draft.oxygen_bar:
        name, limit = "energy_above_hull_in_atmosphere", IN_ATMOSPHERE_EV_PER_ATOM
        meaning = "stable in that atmosphere, within what the tables resolve"
    explicit = any(target.property == "energy_above_hull" for _, target in draft.targets)
    if bound and bound.unit:
        value = to_property_unit(bound.value, bound.unit, property_name=name)
        for at in range(end, bound.end):
            draft.used[at] = True
        add_target(draft, start, bound.end, name=name, relation=Relation.BELOW, value=value)
        return
    if name == "energy_above_hull" and explicit:
        earlier = [target for _, target in draft.targets if target.property == name]
        if all(target.words in _WORDS for target in earlier):
            tightest = min(target.value for target in earlier if target.value is not None)
            if limit < tightest:
                draft.targets = [pair for pair in draft.targets if pair[1].property != name]
                add_target(
                    draft, start, end, name=name, relation=Relation.BELOW, value=limit, note=f" ({meaning})"
                )
                return
        draft.use(start, end, "made precise by the energy above hull asked for")
        return
    if any(target.property == name for _, target in draft.targets):
        draft.use(start, end, "said before")
        return
    add_target(draft, start, end, name=name, relation=Relation.BELOW, value=limit, note=f" ({meaning})")


def _survival(draft: Draft) -> None:
    """Read "survives 1200 K": it asks for stability at that temperature."""
    for index in range(len(draft)):
        if draft.open(index) and draft.low(index) in (
            "survives",
            "survive",
            "surviving",
            "withstands",
            "withstand",
            "withstanding",
        ):
            if draft.temperature_k is None and draft.pressure_gpa is None and draft.oxygen_bar is None:
                continue
            _add(
                draft,
                index,
                index + 1,
                limit=STABLE_EV_PER_ATOM,
                meaning="stable at the conditions",
                bound=None,
            )
