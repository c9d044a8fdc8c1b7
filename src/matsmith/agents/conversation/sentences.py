"""Sentences that mean one thing whatever is at hand: help, runs, plans and the words that begin or end something."""

from __future__ import annotations

import re

from matsmith.agents.conversation.intents import Intent, Kind, Situation

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


def fixed(bare: str, plain: str, situation: Situation) -> list[Intent]:
    """What a sentence of the table means; nothing for any other."""
    if plain == "?":
        return [Intent(kind=Kind.HELP)]
    low = re.sub(r"^(?:please|could you|can you|now|so|and)\s+|\s+please$", "", bare.lower()).strip()
    for pattern, kind in _SENTENCES:
        if re.fullmatch(pattern, low) and low:
            if kind in (Kind.STOP, Kind.RESUME) and not situation.has_run and low in ("end",):
                continue
            return [Intent(kind=kind)]
    return []


def started(bare: str, plain: str, situation: Situation) -> list[Intent]:
    """Whether the planned run is to begin."""
    del plain
    return [Intent(kind=Kind.START)] if _START.fullmatch(bare) and situation.has_spec else []
