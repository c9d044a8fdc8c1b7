"""What the words around a quantity make of it: denied, hypothetical, a change, a condition, or how it was obtained."""

from __future__ import annotations

import re

from matsmith.knowledge.literature.extraction.clauses import clause_bounds
from matsmith.knowledge.literature.extraction.quantities import Measure
from matsmith.knowledge.literature.extraction.values import Obtained

_NEGATOR = re.compile(
    r"\b(?:not(?! (?:exceed|less than|more than|only|smaller than|larger than))|cannot|nor|neither|instead of|rather than|contrary to|no|never|without|unlike)\b",
    re.IGNORECASE,
)
_SCOPE_ENDS = re.compile(
    r"[,;]|\bbut\b|\band (?:\w+s|\w+ed|has|is|was|are|were|shows?|have)\b|\bthan that\b|\bhas\b|\bhave\b",
    re.IGNORECASE,
)
_CHANGE = re.compile(
    r"(?:\bby (?:about |up to |as much as |nearly |another |roughly )?|"
    r"\b(?:narrow|widen|shift|increas|decreas|reduc|chang|drop|enhanc|lower|gain|loss|fading|renormali[sz]|broaden)\w*(?: \w+){0,3} of (?:about |up to )?|"
    r"\b(?:differences?|mismatch|offsets?|splittings?|discontinuity|spread|scatter)\b(?:(?!\bband gap of\b)[^;]){0,60}?(?:of|is|was|are|were|amounts to|equals|=)\s?|"
    r"\brates? of |\b(?:errors?|uncertaint(?:y|ies)|accurac(?:y|ies)|deviations?|precision|resolution|tolerance)\b[^;]{0,60}?)$",
    re.IGNORECASE,
)
_MORE = re.compile(r"\s(?:above|below|higher|lower|larger|smaller|wider|narrower|greater|more|less|apart)\b")
# A term of a formula, as in `2 (k^2 G)^0.585 - 3 GPa`.
_TERM = re.compile(r"[\w)]\s?[-−+*×^]\s$")
_SUPPOSED = re.compile(
    r"\b(?:would|ideal(?:ly)?|needs?|requires?|required|requiring|must|were to|if\b[^;]*\bwere|should (?:have|be|exceed|reach)|desired|desirable|target(?:ed)?|"
    r"assum\w+|supposed?|starting (?:guess|value)|initial guess|fixed (?:at|to)|set (?:at|to)|kept at|hypothetical\w*|goal|threshold)\b",
    re.IGNORECASE,
)
_TURN = re.compile(r";\s|\b(?:whereas|while|but|although|though|however|yet|nevertheless)\b", re.IGNORECASE)
_SUPPOSED_AFTER = re.compile(
    r"^[^.;,]{0,30}?\b(?:(?:remains?|is|was) (?:a|the|our) (?:\w+ )?(?:target|goal|aim|threshold|challenge)|(?:as|for) (?:a |the )?(?:starting|initial) (?:guess|value)|(?:was|is|were) assumed|in the (?:simulation|model|fit)s?\b)",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"^\s(?:long |once |previously |formerly |widely |generally )?(?:believed|thought|accepted|expected)\b|^[^.;]{0,60}?\b(?:this|which|that|the) ?(?:value|figure|claim|result)? ?(?:could not|was not|cannot|has not|were not)\b|^[^.;,]{0,40}? (?:could not be|was not|has not been|is not) (?:reproduced|confirmed|observed|found)",
    re.IGNORECASE,
)
# Quantities that the words before them give to something else.
_FOREIGN = re.compile(
    r"(?:\b(?:loads?|forces?|pressures?|temperatures?|thickness(?:es)?|powers?|wavelengths?|frequenc(?:y|ies)|fields?|loadings?|lattice (?:constants?|parameters?)|"
    r"grain sizes?|photon energ(?:y|ies)|binding energ(?:y|ies)|spin-orbit \w+|cut-?off(?: energ(?:y|ies))?|porosity|boiling points?|peaks?|bands?|emission|lines?|"
    r"boiling points? of [\w ]{1,24}\(|(?:threshold|reference|photon|excitation|incident) energ(?:y|ies)|current densit(?:y|ies)|scan rates?|strains?|stress(?:es)?)(?: of| at| near| around| =| is| was)? ?(?:about |~ ?|≈ ?)?|"
    r"\b(?:excited|illuminated|annealed|sintered|calcined|fired|heated|pressed|deposited|sputtered|grown|cooled|cycled|quenched|centred|centered|located|synthesi[sz]ed|"
    r"measured|tested|pumped|decompos\w+|stable|applied|compressed|studied|operated|prepared|treated|dried|pressing)\b(?: (?!amounts?\b|reach|is\b|was\b|are\b|were\b|has\b|have\b|equals?\b|yields?\b|gives?\b|shows?\b)\w+){0,4}? (?:at|to|up to|down to|between|from|under|near|above|below|of) (?:about |~ ?)?)$",
    re.IGNORECASE,
)
_AFTER_COMMA = re.compile(r"\b(?:binding energy|exciton|photoluminescence|plasmon|phonon)\b", re.IGNORECASE)
# `a strength of 130 GPa`: the noun owns the quantity, unless it only says value.
_NOUN_OF = re.compile(
    r"\b([a-z]{3,}) of (?:about |up to |nearly |roughly |only |more than |less than |over |at least |at most |~ ?|≈ ?|> ?|< ?)*$"
)
_NEUTRAL = frozenset(
    [
        "value",
        "values",
        "figure",
        "figures",
        "level",
        "levels",
        "average",
        "mean",
        "peak",
        "maximum",
        "minimum",
        "record",
        "order",
        "excess",
        "range",
        "magnitude",
        "one",
        "that",
        "those",
        "each",
        "result",
        "results",
        "estimate",
        "estimates",
        "one",
        "records",
    ]
)
_AT = re.compile(
    r"\b(?:at|down to|near|until|under|around|versus|vs\.?)\s(?:about\s|ca\.?\s|~\s?|≈\s?)?$", re.IGNORECASE
)
_CONDITION_LEAD = re.compile(
    r"\b(?:at|under|near|above|below|between|from|up to|down to|over the whole temperature range of|over|at a load of|at a pressure of|loads? of|pressures? of)\s(?:about\s|ca\.?\s|~\s?)?$",
    re.IGNORECASE,
)
_VALUE_LEAD = re.compile(
    r"\b(?:melts?|melting|yield(?:s|ed)?|gap|fails?|fractured|crystalli[sz]es?|occurs?|sets? in|lies|orders?|gaps?|placed?|places?|superconducts?|superconducting|transition|calculated|estimated|reported|determined|found|obtained|put)\b[^.;]{0,80}\bat\s(?:about\s|ca\.?\s)?$",
    re.IGNORECASE,
)
_ROOM = re.compile(
    r"\b(?:at|near) (?:room|ambient|low|high|liquid[- ]nitrogen) (?:temperature|pressure|conditions)\b",
    re.IGNORECASE,
)
_DEFECTS = re.compile(
    r"\b(?:defects?|vacanc(?:y|ies)|interstitials?|antisites?|frenkel|schottky|dopants?|polarons?|adsor\w+|surfaces?)\b",
    re.IGNORECASE,
)
_METHODS = re.compile(
    r"\b(PBEsol|PBE0|PBE\+U|PBE|GGA\+U|GGA|LDA\+U|LDA|r2SCAN|SCAN|HSE ?0?[36]|HSE|B3LYP|mBJ|TB-mBJ|G0W0|GW|DFT\+U|DFT|NEB)\b"
)
_COMPUTED = re.compile(
    r"\b(?:calculat\w+|comput\w+|first[- ]principles|ab initio|density functional|simulat\w+|predict(?:s|ed|ion|ions)?|hybrid[- ]functional|theor(?:y|etical|etically))\b",
    re.IGNORECASE,
)
_MEASURED = re.compile(
    r"\b(?:measur\w+|experiment\w*|observed|Tauc|reflectance|spectroscop\w+|nanoindentation|indentation|ultrasonic|diffract\w+|laser flash|impedance|"
    r"calorimetr\w+|ellipsometr\w+|determined by|resistivity|films?|crystals?|ceramics?|sintered|annealed|sputtered|pellets?|samples?)\b",
    re.IGNORECASE,
)


def is_denied(sentence: str, measure: Measure) -> bool:
    """Whether the sentence denies the quantity: not 1.9 eV, neither ... nor, instead of, could not be reproduced."""
    start, _ = clause_bounds(sentence, measure.start)
    before = sentence[start : measure.start]
    negators = list(_NEGATOR.finditer(before))
    if negators and not _SCOPE_ENDS.search(before[negators[-1].end() :]):
        return True
    return bool(_DENIED_AFTER.search(sentence[measure.end :]))


def is_supposed(sentence: str, measure: Measure) -> bool:
    """Whether the quantity is wished for, assumed or asked for, and not reported."""
    before = _TURN.split(sentence[: measure.start])[-1]
    return bool(_SUPPOSED.search(before) or _SUPPOSED_AFTER.search(sentence[measure.end :]))


def is_change(sentence: str, measure: Measure) -> bool:
    """Whether the quantity is by how much something changes, differs or is uncertain."""
    if _CHANGE.search(sentence[: measure.start]) or _TERM.search(sentence[: measure.start]):
        return True
    after = _MORE.match(sentence, measure.end)
    return after is not None and "hull" not in sentence[after.end() : after.end() + 30]


def is_foreign(sentence: str, measure: Measure, *, mention_end: int) -> bool:
    """Whether words between the property and the quantity give it to something else: a load, a peak, a furnace."""
    lead = sentence[: measure.start]
    match = _FOREIGN.search(lead)
    if match is not None and match.end() == len(lead) and match.start() >= mention_end:
        return True
    if match is not None and mention_end > measure.end:
        return True
    noun = _NOUN_OF.search(lead)
    if noun is not None and noun.start() >= mention_end and noun[1] not in _NEUTRAL:
        return True
    return bool(re.search(r",\s$", lead) and _AFTER_COMMA.search(lead))


def is_of_defects(sentence: str, measure: Measure) -> bool:
    """Whether an energy without `per atom` is that of a defect, an adsorbate or a reaction."""
    return "atom" not in measure.unit and "mol" not in measure.unit and bool(_DEFECTS.search(sentence))


def is_condition(sentence: str, measure: Measure) -> bool:
    """Whether the quantity says under which circumstances: at 4 K, down to 2 K, up to 60 GPa."""
    lead = sentence[: measure.start]
    return bool(_AT.search(lead)) and not _VALUE_LEAD.search(lead)


def conditions_in(sentence: str, measures: list[Measure], *, used: set[int]) -> tuple[str, ...]:
    """The circumstances that a sentence states, verbatim: the quantities of another kind after at, under, between."""
    found = [match.group() for match in _ROOM.finditer(sentence)]
    for measure in measures:
        if measure.start in used or not measure.unit:
            continue
        lead = _CONDITION_LEAD.search(sentence[: measure.start])
        if lead is not None:
            found.append(sentence[lead.start() : measure.end])
    return tuple(found)


def obtained_in(sentence: str) -> tuple[Obtained, str]:
    """How a value was obtained, as far as its sentence says, and the name of the method."""
    method = _METHODS.search(sentence)
    if method is not None:
        return "computed", method.group(1)
    if _COMPUTED.search(sentence):
        return "computed", ""
    if _MEASURED.search(sentence):
        return "measured", ""
    return "unstated", ""
