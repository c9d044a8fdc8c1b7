"""From a sentence to what is wanted, by rules: commands, runs and candidates, calculations, the literature, objectives.

A pure function with a table of sentences as its test. What it is not sure of is `not_understood`; it never guesses a calculation or a run.
"""

from __future__ import annotations

import re

from matsmith.agents.conversation.commands import parsed_value, read_command
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.materials import Mention, mentions, without
from matsmith.agents.conversation.wanted import strip_wanted, wanted_in
from matsmith.agents.objective import parse_objective
from matsmith.core.errors import MatsmithError, UsageError

LONGEST = 4000
_QUESTION = re.compile(
    r"^(?:what|why|which|how|when|where|who|does|do|did|is|are|can|could|should|would|has|have)\b",
    re.IGNORECASE,
)
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
_DESIGN = re.compile(
    r"^(?:please\s+)?(?:design|find(?: me)?|search for|look for|discover|propose|suggest|invent|i (?:want|need|am looking for|would like)|we (?:want|need)|give me)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"\b(?:above|below|at least|at most|greater than|less than|more than|higher than|lower than|larger than|smaller than|between|under|over|exceeding|"
    r"as \w+ as possible|maximi[sz]e|minimi[sz]e|without|free)\b|[<>≥≤]",
    re.IGNORECASE,
)
_COMPUTE = re.compile(
    r"\b(?:compute|calculate|relax|give|get|show|determine|predict|estimate|measure|run|tell me|what(?:'s| is| are| was)|how (?!do|does|can|to\b))",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"^(?:please\s+|and\s+|but\s+|now\s+|then\s+)*(?:make it|make that|change|set|raise|lower|increase|decrease|reduce|drop|remove|exclude|include|also|"
    r"add|without|no |but|instead|allow|only|use|with \d|spend|give it|budget|forbid|require|leave out|known (?:ones|materials)|new ones)",
    re.IGNORECASE,
)
_IN_TYPE = re.compile(
    r"\bin (?:the |a )?([a-z][a-z -]{2,30}?)(?: structure| type| form| phase)\b", re.IGNORECASE
)
_THE_RUN = (
    r"(?:the |this |that |my |current )?(?:design |background )?(?:run|search|job|loop|it|design|everything)"
)
_SENTENCES: tuple[tuple[str, Kind], ...] = (
    (r"(?:help|\?|what can (?:you|i) (?:do|say|ask)(?: here)?|how does this work|how do i use (?:this|you)|commands)", Kind.HELP),
    (r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|hello there|hi there)", Kind.GREETING),
    (r"(?:thanks|thank you|thx|cheers|great|perfect|nice|ok thanks)(?: (?:a lot|very much|so much))?", Kind.THANKS),
    (r"(?:quit|exit|bye|goodbye|leave|q|close)", Kind.QUIT),
    (r"(?:list|show|what are|which are)?\s*(?:me )?(?:the |your |all )?(?:available )?tools(?: (?:are there|do you have|can you run))?|which tools (?:are there|do you have|can you use)", Kind.TOOLS),
    (r"(?:list|show|which|what)?\s*(?:me )?(?:the |my |all )?(?:files|structures|crystals)(?: (?:are there|do you have|did i give|are (?:here|in this thread)))?", Kind.FILES),
    (r"(?:list|show)?\s*(?:me )?(?:the |all )?(?:records|results so far)|what (?:was|has been|did you) computed?(?: so far)?", Kind.RECORDS),
    (r"(?:list|show|which)?\s*(?:me )?(?:the |my |all )?(?:design )?runs(?: (?:are there|did i start))?", Kind.LIST_RUNS),
    (r"(?:show|what is|what's|print|see|review)?\s*(?:me )?(?:the |my |your |current |next )*(?:plan|spec|specification)(?: again| now| so far)?", Kind.SHOW_SPEC),
    (rf"(?:stop|cancel|abort|halt|kill|end|interrupt)(?: {_THE_RUN})?(?: now)?", Kind.STOP),
    (rf"(?:resume|continue|go on|carry on)(?: with)?(?: {_THE_RUN})?", Kind.RESUME),
    (r"(?:approve|approved|i approve)(?: (?:it|this|that|the (?:plan|round|spending)))?", Kind.APPROVE),
    (r"(?:refuse|reject it|i refuse|do not approve)(?: (?:it|this|that|the (?:plan|round|spending)))?", Kind.REFUSE),
    (rf"(?:how is|how's|how are) (?:{_THE_RUN}|things)(?: (?:going|doing|coming along))?|how (?:far|is it going|are things going)(?: is (?:it|the run))?|(?:status|progress)(?: of {_THE_RUN})?|(?:watch|follow|monitor)(?: {_THE_RUN})?|(?:is|has) {_THE_RUN} (?:done|finished|ready|over|still (?:running|going))(?: yet)?|any (?:news|results)(?: yet)?|what is (?:it|the run) doing(?: now)?", Kind.WATCH),
    (rf"(?:show|summari[sz]e|report|give)(?: me)? (?:{_THE_RUN}|the (?:results?|outcome|findings|report|best candidates|candidates|ranking)|a summary)(?: of {_THE_RUN})?|what (?:did|has) (?:you|it|{_THE_RUN}) (?:find|found|found out)(?: so far)?|what was found(?: so far)?|what are the (?:results|best candidates|candidates)|which candidates? (?:meet|met|meets|is best|are best|were found|passed)(?: .{{0,40}})?|(?:results|candidates|best candidates|ranking)|did (?:it|the run) (?:succeed|find anything)|what came (?:out|of it)|what failed(?: in {_THE_RUN})?|how did (?:it|the run) (?:go|end)", Kind.SHOW_RUN),
)  # fmt: skip
_START = re.compile(
    r"(?:yes|y|ok|okay|go|go ahead|do it|start|start it|start now|begin|launch|launch it|run it|run the (?:design|plan|search)|start the (?:design|run|search|loop|plan)|"
    r"yes,? (?:please|start|go ahead|do it|start it))(?: please| now)?",
    re.IGNORECASE,
)
_WHY = re.compile(
    r"\b(?:why|explain|reason|what happened|what about|tell me about|what is wrong|details|more about|how good|rejected|fail|failed)\b",
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
    for rule in (_fixed, _runs_by_name, _about_candidates, _started, _records, _exported, _tables):
        found = rule(bare, plain, situation)
        if found:
            return found
    named = mentions(_IN_TYPE.sub(_blank, plain), labels=[*situation.labels, *situation.tables])
    for later in (_asked, _changed, _calculated, _planned, _questioned, _looked):
        found = later(bare, plain, situation, named)
        if found:
            return found
    return [Intent(kind=Kind.NOT_UNDERSTOOD, what=plain)]


def _fixed(bare: str, plain: str, situation: Situation) -> list[Intent]:
    if plain == "?":
        return [Intent(kind=Kind.HELP)]
    low = re.sub(r"^(?:please|could you|can you|now|so|and)\s+|\s+please$", "", bare.lower()).strip()
    for pattern, kind in _SENTENCES:
        if re.fullmatch(pattern, low) and low:
            if kind in (Kind.STOP, Kind.RESUME) and not situation.has_run and low in ("end",):
                continue
            return [Intent(kind=kind)]
    return []


def _started(bare: str, plain: str, situation: Situation) -> list[Intent]:
    del plain
    return [Intent(kind=Kind.START)] if _START.fullmatch(bare) and situation.has_spec else []


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
    return [Intent(kind=Kind.EXPORT, what=target, about=(_name(what),) if what else ("it",))]


def _tables(bare: str, plain: str, situation: Situation) -> list[Intent]:
    name = next((table for table in situation.tables if table.lower() in plain.lower()), "")
    if (
        name
        and not wanted_in(plain)
        and (_LOOK.match(bare) or bare.lower() == name.lower() or _QUESTION.match(bare))
    ):
        return [Intent(kind=Kind.TABLE, what=name)]
    return []


def _asked(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """What is put to the literature in so many words."""
    del situation
    if any(one.kind in ("label", "file") for one in named) and wanted_in(without(plain, named)):
        return []  # it is about a file of the thread
    match = _ASKED.match(plain)
    if match and len(plain[match.end() :].split()) >= 2:
        return [Intent(kind=Kind.LITERATURE, what=plain[match.end() :].strip())]
    if (
        _READING.match(bare)
        and len(bare.split()) >= 4
        and not re.match(r"^how (?:is|are) (?:it|things)", bare, re.IGNORECASE)
    ):
        return [Intent(kind=Kind.LITERATURE, what=plain)]
    return []


def _changed(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    del bare, named
    if situation.has_spec and _CHANGE.match(plain):
        return [Intent(kind=Kind.CHANGE_SPEC, what=plain)]
    return []


def _calculated(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """A tool or a property, and what it is to be had of."""
    del situation
    materials = [one for one in named if one.kind != "pronoun"] or named
    wanted = wanted_in(without(plain, [one for one in named if one.kind != "pronoun"]))
    pronoun_only = all(one.kind == "pronoun" for one in materials)
    if not wanted or not materials:
        return []
    bounds = _BOUND.search(strip_wanted(without(plain, materials)))
    if bounds and not (_COMPUTE.match(bare) and not _DESIGN.match(bare)):
        return []
    if pronoun_only and not (_COMPUTE.search(bare) or len(bare.split()) <= 8):
        return []
    about = tuple(_name(one) for one in materials)
    prototype = _prototype(plain)
    arguments = _arguments(plain)
    if prototype:
        arguments["_prototype"] = prototype
    return [
        Intent(kind=Kind.CALCULATE, what=f"{kind}:{name}", about=about, arguments=arguments)
        for kind, name in wanted
    ]


def _planned(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """An objective that the planner's rules read for the most part."""
    del situation, named
    asks = bool(_QUESTION.match(bare)) and not re.match(
        r"^(?:can|could|would) (?:you|we|i)\b", bare, re.IGNORECASE
    )
    try:
        plan = parse_objective(plain)
    except MatsmithError:
        return (
            [Intent(kind=Kind.PLAN, what=plain)]
            if _DESIGN.match(bare) and len(bare.split()) > 3 and _BOUND.search(bare)
            else []
        )
    unknown = sum(len(words.split()) for words in plan.not_understood)
    understood = sum(len(one.words.split()) for one in plan.understood)
    sure = (
        bool(plan.spec.targets)
        or bool(_DESIGN.match(bare))
        or (
            understood >= 2
            and unknown <= 1
            and bool(re.match(r"^(?:an?|some|\w+ new|new|stable)\b", bare, re.IGNORECASE))
        )
    )
    if asks and plain.endswith("?") and not _DESIGN.match(bare):
        return []
    if (
        sure
        and unknown <= max(3, understood)
        and (
            _DESIGN.match(bare)
            or _BOUND.search(bare)
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
    scientific = len(bare.split()) >= 4 and (plain.endswith("?") or _QUESTION.match(bare))
    if scientific and not re.search(r"\b(?:you|your|weather|joke|time is it|my name)\b", bare, re.IGNORECASE):
        return [Intent(kind=Kind.LITERATURE, what=plain)]
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
        return [Intent(kind=Kind.LOOK, about=tuple(_name(one) for one in materials))]
    return []


def _name(mention: Mention) -> str:
    return f"candidate {mention.name}" if mention.kind == "candidate" else mention.name


def _prototype(text: str) -> str:
    match = _IN_TYPE.search(text)
    return match[1].strip().lower() if match else ""


def _blank(match: re.Match[str]) -> str:
    """Hide a structure type, whose name may be a mineral's too; places stay."""
    return " " * len(match[0])


def _arguments(text: str) -> dict[str, object]:
    """What a sentence says beside the material: key=value, a surface, a temperature, a pressure."""
    found: dict[str, object] = {}
    for key, value in re.findall(r"\b([a-z_]{2,40})=(\S+)", text):
        found[key] = parsed_value(value.rstrip(",;"))
    surface = re.search(r"\((-?\d)[ ,]*(-?\d)[ ,]*(-?\d)\)", text)
    if surface:
        found["_miller"] = [int(surface[place]) for place in (1, 2, 3)]
    temperature = re.search(r"\bat (\d+(?:\.\d+)?) ?K\b", text)
    if temperature:
        found["_temperature_k"] = float(temperature[1])
    pressure = re.search(r"\b(?:at|under) (\d+(?:\.\d+)?) ?GPa\b", text)
    if pressure:
        found["_pressure_gpa"] = float(pressure[1])
    return found
