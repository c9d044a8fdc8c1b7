"""From a sentence to what is wanted, by rules: commands, runs and candidates, calculations, the literature, objectives.

A pure function with a table of sentences as its test. What it is not sure of is `not_understood`; it never guesses a calculation or a run.
"""

from __future__ import annotations

import re

from matsmith.agents.conversation.calculation_wishes import (
    BOUND,
    DESIGN,
    QUESTION,
    measured,
    name_of,
    without_structure_type,
)
from matsmith.agents.conversation.commands import read_command
from matsmith.agents.conversation.generation_wishes import generated
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.materials import Mention, mentions, without
from matsmith.agents.conversation.prediction_wishes import predicted
from matsmith.agents.conversation.sentences import fixed, started
from matsmith.agents.conversation.wanted import wanted_in
from matsmith.agents.objective import parse_objective
from matsmith.core.errors import MatsmithError, UsageError

LONGEST = 4000
_READING = re.compile(
    r"^(?:why (?:do|does|is|are|can)|how (?:do|does|can|to|is|are|might|would|did)|what (?:limits|causes|determines|controls|makes|happens|affects|"
    r"influences|are the|is known|do we|does|role|reduces|increases|factors|strategies|methods)|which (?!candidate|run|tool|file)|when (?:do|does|is)|"
    r"has anyone|have \w+ been|who )",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"^(?:ask|according to|search the literature|look (?:it )?up in the (?:literature|papers)|what do the papers|in the literature)\b[:,]?\s*",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"^(?:please\s+|and\s+|but\s+|now\s+|then\s+)*(?:make it|make that|change|set|raise|lower|increase|decrease|reduce|drop|remove|exclude|include|also|"
    r"add|without|no |but|instead|allow|only|use|with \d|spend|give it|budget|forbid|require|leave out|known (?:ones|materials)|new ones)",
    re.IGNORECASE,
)
_WHY = re.compile(
    r"\b(?:why|explain|reason|what happened|what about|tell me about|what is wrong|details|more about|how good|rejected|fail|failed)\b",
    re.IGNORECASE,
)
_CELL = re.compile(
    r"\b(?:lattice (?:constants?|parameters?|vectors?)|cell (?:lengths?|parameters?|volume|edges)|unit cell|how many atoms)\b",
    re.IGNORECASE,
)
_RECORD = re.compile(
    r"^(?:show(?: me)?|what is|open|explain)?\s*(?:the )?record\s+([0-9a-f]{4,64})$", re.IGNORECASE
)
_EXPORT = re.compile(r"^(?:save|write|export|download)\b", re.IGNORECASE)
_LOOK = re.compile(r"^(?:show|look at|describe|open|what is in|what's in|summari[sz]e|view)\b", re.IGNORECASE)


def route(text: str, situation: Situation) -> list[Intent]:
    """What the person wants, in the order of the sentence. Raises `UsageError` for a command that is written wrongly or does not exist."""
    plain = " ".join(text.split())
    if not plain:
        return [Intent(kind=Kind.NOT_UNDERSTOOD)]
    if len(plain) > LONGEST:
        raise UsageError(
            f"That has more than {LONGEST} characters.", hint="Say it in fewer words, or give it as a file."
        )
    if plain.startswith("/") and not plain.startswith("//") and re.match(r"/[a-z]+(?:\s|$)", plain):
        return [read_command(text.strip(), situation)]
    bare = plain.rstrip("?!. ").strip()
    for rule in (fixed, _runs_by_name, _about_candidates, started, _records, _exported, _tables):
        found = rule(bare, plain, situation)
        if found:
            return found
    named = mentions(without_structure_type(plain), labels=[*situation.labels, *situation.tables])
    for later in (
        generated,
        predicted,
        _cell_asked,
        _asked,
        _changed,
        measured,
        _planned,
        _questioned,
        _looked,
    ):
        found = later(bare, plain, situation, named)
        if found:
            return found
    return [Intent(kind=Kind.NOT_UNDERSTOOD, what=plain)]


def _runs_by_name(bare: str, plain: str, situation: Situation) -> list[Intent]:
    """A verb and the name of a run."""
    del plain
    name = next((run for run in situation.runs if run in bare), "")
    if not name:
        return []
    rest = bare.replace(name, " ").lower()
    if re.search(r"\bcandidate\b", rest):
        return []
    for verbs, kind in (
        (r"\b(?:stop|cancel|abort|halt)\b", Kind.STOP),
        (r"\b(?:resume|continue|go on)\b", Kind.RESUME),
        (r"\b(?:watch|follow|how is|status|progress|doing)\b", Kind.WATCH),
        (r"\b(?:approve)\b", Kind.APPROVE),
        (r"\b(?:refuse)\b", Kind.REFUSE),
    ):
        if re.search(verbs, rest):
            return [Intent(kind=kind, run=name)]
    return [Intent(kind=Kind.SHOW_RUN, run=name)]


def _about_candidates(bare: str, plain: str, situation: Situation) -> list[Intent]:
    """Why was candidate 3 rejected?"""
    named = mentions(plain)
    run = next((name for name in situation.runs if name in bare), "")
    candidates = [one.name for one in named if one.kind == "candidate"]
    if candidates and (_WHY.search(bare) or not wanted_in(without(plain, named))):
        return [Intent(kind=Kind.EXPLAIN, about=(key,), run=run) for key in candidates]
    match = re.match(
        r"^why (?:was|is|were|did|does|has|isn't|wasn't) (.+?) (?:rejected|not (?:an answer|met|accepted|chosen)|fail|failed|ruled out|dropped|refused)",
        bare,
        re.IGNORECASE,
    )
    formulas = [one.name for one in named if one.kind in ("formula", "name")]
    if match and formulas and situation.has_run:
        return [Intent(kind=Kind.EXPLAIN, about=(key,), run=run) for key in formulas]
    rank = re.match(
        r"^(?:show|explain|open)(?: me)? (?:number|no\.?|#|the)?\s*(?:best|first|top)(?: one| candidate)?$",
        bare,
        re.IGNORECASE,
    )
    if rank or re.fullmatch(
        r"(?:what is|which is|show(?: me)?) the (?:best|winner|top)(?: one| candidate)?", bare, re.IGNORECASE
    ):
        return [Intent(kind=Kind.EXPLAIN, about=("1",), run=run)]
    return []


def _records(bare: str, plain: str, situation: Situation) -> list[Intent]:
    del plain, situation
    match = _RECORD.match(bare)
    return [Intent(kind=Kind.RECORD, what=match[1].lower())] if match else []


def _exported(bare: str, plain: str, situation: Situation) -> list[Intent]:
    """Save MgO as relaxed.cif."""
    if not _EXPORT.match(bare):
        return []
    named = mentions(plain, labels=situation.labels)
    target = next((one.name for one in named if one.kind == "file"), "")
    what = next((one for one in named if one.kind != "file"), None)
    if what is None and not target:
        return []
    return [Intent(kind=Kind.EXPORT, what=target, about=(name_of(what),) if what else ("it",))]


def _tables(bare: str, plain: str, situation: Situation) -> list[Intent]:
    name = next((table for table in situation.tables if table.lower() in plain.lower()), "")
    if (
        name
        and not wanted_in(plain)
        and (_LOOK.match(bare) or bare.lower() == name.lower() or QUESTION.match(bare))
    ):
        return [Intent(kind=Kind.TABLE, what=name)]
    return []


def _asked(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """What is put to the literature in so many words, and questions that a calculation cannot answer."""
    match = _ASKED.match(plain)
    if match and len(plain[match.end() :].split()) >= 2 and not measured(bare, plain, situation, named):
        return [Intent(kind=Kind.LITERATURE, what=plain[match.end() :].strip())]
    if (
        _READING.match(bare)
        and len(bare.split()) >= 4
        and not re.match(r"^how (?:is|are) (?:it|things)", bare, re.IGNORECASE)
        and not measured(bare, plain, situation, named)
    ):
        return [Intent(kind=Kind.LITERATURE, what=plain)]
    return []


def _changed(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    del bare, named
    if situation.has_spec and _CHANGE.match(plain):
        return [Intent(kind=Kind.CHANGE_SPEC, what=plain)]
    return []


def _planned(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """An objective that the planner's rules read for the most part."""
    del situation, named
    asks = bool(QUESTION.match(bare)) and not re.match(
        r"^(?:can|could|would) (?:you|we|i)\b", bare, re.IGNORECASE
    )
    try:
        plan = parse_objective(plain)
    except MatsmithError:
        return (
            [Intent(kind=Kind.PLAN, what=plain)]
            if DESIGN.match(bare) and len(bare.split()) > 3 and BOUND.search(bare)
            else []
        )
    unknown = sum(len(words.split()) for words in plan.not_understood)
    understood = sum(len(one.words.split()) for one in plan.understood)
    sure = (
        bool(plan.spec.targets)
        or bool(DESIGN.match(bare))
        or (
            understood >= 2
            and unknown <= 1
            and bool(re.match(r"^(?:an?|some|\w+ new|new|stable)\b", bare, re.IGNORECASE))
        )
    )
    if asks and plain.endswith("?") and not DESIGN.match(bare):
        return []
    if (
        sure
        and unknown <= max(3, understood)
        and (
            DESIGN.match(bare)
            or BOUND.search(bare)
            or re.match(
                r"^(?:an?|some|the|\w+ stable|stable|new|\d+|one|two|three|four|five)\b", bare, re.IGNORECASE
            )
        )
    ):
        return [Intent(kind=Kind.PLAN, what=plain)]
    return []


def _questioned(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """Any other question of some length is the literature's to answer."""
    del situation, named
    scientific = len(bare.split()) >= 4 and (plain.endswith("?") or QUESTION.match(bare))
    if scientific and not re.search(r"\b(?:you|your|weather|joke|time is it|my name)\b", bare, re.IGNORECASE):
        return [Intent(kind=Kind.LITERATURE, what=plain)]
    return []


def _cell_asked(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """What are the lattice constants of x.cif? They stand in the file."""
    del situation
    files = [one for one in named if one.kind in ("label", "file", "candidate")]
    if (
        files
        and _CELL.search(bare)
        and not wanted_in(without(plain, named))
        and not bare.lower().startswith("why")
    ):
        return [Intent(kind=Kind.LOOK, about=tuple(name_of(one) for one in files))]
    return []


def _looked(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """A structure by its name alone, or with a wish to see it."""
    del situation
    materials = [one for one in named if one.kind in ("label", "formula", "name", "file")]
    rest = without(plain, materials).strip(" ?.!").lower()
    if materials and (
        _LOOK.match(bare)
        or rest in ("", "the structure of", "structure of", "crystal structure of", "load", "take", "read")
    ):
        return [Intent(kind=Kind.LOOK, about=tuple(name_of(one) for one in materials))]
    return []
