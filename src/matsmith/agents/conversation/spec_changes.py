"""Changes of the next design run in plain words: "without nickel", "five candidates", "raise the bulk modulus to 200 GPa"."""

from __future__ import annotations

import re

from pydantic import ValidationError

from matsmith.agents.conversation.wanted import wanted_in
from matsmith.agents.decisions import Plan
from matsmith.agents.objective import parse_objective
from matsmith.core.errors import MatsmithError, SpecError
from matsmith.core.quantity import Relation
from matsmith.core.spec import DesignSpec, Target

_LEAD = re.compile(
    r"^(?:(?:please|and|but|now|then|also|instead)\s+)*(?:(?:make (?:it|that|them)|change (?:it|that) to|give (?:it|me)|use|with|i want|set it to|"
    r"search for|look for)\s+)?",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\b(\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)\s+(?:new\s+)?(?:candidates?|answers?|materials?|crystals?|results?)\b",
    re.IGNORECASE,
)
_COUNTS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "twenty": 20,
}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)\b", re.IGNORECASE)
_DROP = re.compile(r"\b(?:drop|remove|forget|take out|leave out|delete)\b", re.IGNORECASE)
_MOVE = re.compile(r"\b(?:raise|increase|lower|decrease|reduce|set|change)\b", re.IGNORECASE)
_EXCLUDE = re.compile(r"\b(?:exclude|forbid|remove|drop|leave out|take out|ban)\b", re.IGNORECASE)
_INCLUDE = re.compile(r"\b(?:include|require|add)\b", re.IGNORECASE)
_ALLOW = re.compile(r"\b(?:allow|permit)\b", re.IGNORECASE)
_HINT = 'Try "without nickel", "five candidates", "budget 20 minutes", "bulk modulus above 200 GPa", or /set candidates=5.'


def changed_by_words(spec: DesignSpec, text: str) -> DesignSpec:
    """The specification with what the words change. Raises `SpecError` when they change nothing, and nothing is lost."""
    try:
        new = _changed(spec.model_copy(deep=True), " ".join(text.split()))
    except ValidationError as error:
        raise SpecError(f"That cannot be: {error.errors()[0]['msg']}.", hint=_HINT) from error
    if new.model_dump() == spec.model_dump():
        raise SpecError(f"Nothing in {text[:80]!r} changes the plan.", hint=_HINT)
    return new.model_copy(update={"objective": f"{spec.objective}; {text}"[:2000]})


def _changed(spec: DesignSpec, text: str) -> DesignSpec:
    low = text.lower()
    if re.search(r"\b(?:only|just) new\b|\bnew ones only\b|\bno known\b", low):
        spec.new_only, spec.accept_known = True, False
    elif re.search(
        r"\bknown (?:ones|materials)\b.*\b(?:fine|ok|okay|count|allowed|enough)\b|\baccept known\b", low
    ):
        spec.accept_known, spec.new_only = True, False
    count = _COUNT.search(text)
    if count:
        word = count[1].lower()
        spec.candidates = _COUNTS.get(word) or int(word)
        text = text.replace(count[0], " ")
    time = _TIME.search(text)
    if time and re.search(
        r"\b(?:budget|time|spend|most|within|for|limit|longer|minutes?|hours?|give|make|run)\b", low
    ):
        seconds = float(time[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0}[time[2][0].lower()]
        spec.budget = spec.budget.model_copy(update={"wall_time_s": seconds})
        text = text.replace(time[0], " ")
    named = [name for kind, name in wanted_in(text) if kind == "property"]
    if _DROP.search(text) and named and not re.search(r"\d", text):
        spec.targets = [target for target in spec.targets if target.property not in named]
        return spec
    return _from_objective(spec, text)


def _from_objective(spec: DesignSpec, text: str) -> DesignSpec:
    """Read the rest as the planner would, and take in what it names."""
    wish = _LEAD.sub("", text, count=1).strip(" .,;!")
    moved = bool(_MOVE.search(wish))
    if moved:
        wish = re.sub(r"\bto\b", "above", _MOVE.sub("", wish), count=1)
    for pattern, word in ((_EXCLUDE, "without"), (_INCLUDE, "containing"), (_ALLOW, "containing")):
        wish = pattern.sub(word, wish, count=1)
    plan = _plan_of(wish)
    if plan is None:
        return spec
    read = plan.spec
    spec.targets = _targets(spec.targets, read.targets, keep_relation=moved)
    chemistry = spec.chemistry
    if _ALLOW.search(text):
        named = [*read.chemistry.required, *read.chemistry.excluded]
        chemistry.excluded = [symbol for symbol in chemistry.excluded if symbol not in named]
        return spec
    excluded, required = read.chemistry.excluded, read.chemistry.required
    chemistry.excluded = [*(one for one in chemistry.excluded if one not in required), *excluded]
    chemistry.required = [*(one for one in chemistry.required if one not in excluded), *required]
    chemistry.allowed = [one for one in (read.chemistry.allowed or chemistry.allowed) if one not in excluded]
    chemistry.any_of = [
        *chemistry.any_of,
        *(group for group in read.chemistry.any_of if group not in chemistry.any_of),
    ]
    default = DesignSpec()
    for name in ("elements_min", "elements_max", "earth_abundant", "non_toxic", "charge_neutral", "formula"):
        value = getattr(read.chemistry, name)
        if value != getattr(default.chemistry, name):
            setattr(chemistry, name, value)
    for name in ("prototype", "space_groups", "atoms_min", "atoms_max", "known_atoms_max"):
        value = getattr(read.structure, name)
        if value != getattr(default.structure, name):
            setattr(spec.structure, name, value)
    if read.candidates != default.candidates:
        spec.candidates = read.candidates
    spec.chemistry = type(chemistry).model_validate(chemistry.model_dump())
    return spec


def _plan_of(wish: str) -> Plan | None:
    for words in (wish, f"a material {wish}", f"a material with {wish}"):
        try:
            return parse_objective(words)
        except MatsmithError:
            continue
    return None


def _targets(before: list[Target], read: list[Target], *, keep_relation: bool) -> list[Target]:
    """A new target takes the place of one on the same property; "raise it to" keeps whether it is to lie above or below."""
    kept = {target.property: target for target in before}
    for target in read:
        old = kept.get(target.property)
        bound = old is not None and old.relation in (Relation.ABOVE, Relation.BELOW, Relation.AROUND)
        if keep_relation and old is not None and bound and target.value is not None:
            target = target.model_copy(update={"relation": old.relation, "upper": None})
        if old is not None:
            target = target.model_copy(update={"hard": old.hard and target.hard})
        kept[target.property] = Target.model_validate(target.model_dump())
    return list(kept.values())
