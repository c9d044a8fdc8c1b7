"""Words that carry grammar: comparisons, negations, wishes, numbers, and those that say nothing about a material."""

from __future__ import annotations

from matsmith.agents.objective.word_sets import ordered, words
from matsmith.core.quantity import Relation

ABOVE, BELOW, AROUND = Relation.ABOVE, Relation.BELOW, Relation.AROUND

# phrase -> relation, and whether the value itself is left out.
COMPARISONS: dict[str, tuple[Relation, bool]] = {
    **dict.fromkeys(
        ("above", "over", "more than", "greater than", "larger than", "higher than", "bigger than", "exceeding", "exceeds",
         "exceed", "beyond", "in excess of", "surpassing", "stronger than", "better than", "wider than", "heavier than",
         "denser than", "harder than", "stiffer than", "tougher than", "bigger then", "more then", "greater then",
         "higher then", "larger then", "upwards of", "upward of", ">", "> than"), (ABOVE, True)),
    **dict.fromkeys(
        ("at least", "no less than", "not less than", "no lower than", "not lower than", "minimum of", "a minimum of", "min",
         "minimum", "no smaller than", "not smaller than", "no fewer than", "not fewer than", "starting at", "starting from",
         ">=", "=>", "≥", "> =", "greater than or equal to", "at minimum"), (ABOVE, False)),
    **dict.fromkeys(
        ("below", "under", "less than", "lower than", "smaller than", "fewer than", "cheaper than", "lighter than",
         "narrower than", "short of", "less then", "lower then", "smaller then", "softer than", "<", "beneath"),
        (BELOW, True)),
    **dict.fromkeys(
        ("at most", "no more than", "not more than", "no higher than", "not higher than", "no greater than",
         "not greater than", "no larger than", "not larger than", "up to", "maximum of", "a maximum of", "max", "maximum",
         "within", "<=", "=<", "≤", "< =", "less than or equal to", "at maximum", "not to exceed"), (BELOW, False)),
    **dict.fromkeys(
        ("around", "about", "approximately", "approx", "approx.", "roughly", "near", "close to", "~", "≈", "circa", "ca",
         "ca.", "in the region of", "in the order of", "on the order of", "of the order of", "of about", "of around",
         "equal to", "equals", "=", "exactly", "= ~", "nearly", "almost", "somewhere around"), (AROUND, False)),
}  # fmt: skip
AFTER_NUMBER: dict[str, tuple[Relation, bool]] = {
    **dict.fromkeys(("or more", "or higher", "or above", "or greater", "or larger", "or over", "and above", "and up", "and more",
                     "or better", "upwards", "+", "minimum", "at least", "at minimum"), (ABOVE, False)),
    **dict.fromkeys(("or less", "or lower", "or below", "or smaller", "or fewer", "or under", "and below", "maximum",
                     "at most", "max", "tops"), (BELOW, False)),
}  # fmt: skip
OPPOSITE = {ABOVE: BELOW, BELOW: ABOVE}
RANGE_STARTS = ("between", "from", "in the range of", "in the range from", "in the range between", "in the range",
                "ranging from", "within the range", "anywhere from", "somewhere between", "in between")  # fmt: skip

NEGATIONS = words(
    """
    no not without never neither nor none cannot can't don't doesn't isn't aren't mustn't shouldn't
    won't wouldn't excluding exclude excludes avoid avoiding avoids lacking except w/o minus non
    omit omitting ban banning forbid hate dislike
    """
)
BEFORE_COMPARISON = words(
    """
    be go lie fall get drop rise stay being to have
    """
)

NUMBER_WORDS: dict[str, float] = {
    **{word: value for value, word in enumerate(
        ordered(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty
    """
))},
    **dict(zip(["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(30, 100, 10), strict=True)),
    "dozen": 12,
}  # fmt: skip
SCALES = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}

SOFT_BEFORE = ("preferably", "ideally", "desirably", "optionally", "hopefully", "if possible", "where possible", "if you can",
               "it would be nice to have", "it would be nice if", "would be nice", "nice to have", "bonus", "as a bonus",
               "i would prefer", "i'd prefer", "prefer", "preferred", "preference for", "with a preference for", "better",
               "i would also like", "bonus points for")  # fmt: skip
SOFT_AFTER = ("if possible", "where possible", "preferably", "ideally", "would be nice", "would be a plus",
              "would be a bonus", "is a plus", "a plus", "nice to have", "if you can", "as a bonus", "is preferred",
              "preferred", "would be ideal", "is desirable", "would be great")  # fmt: skip

HIGH_WORDS = words(
    """
    high higher large larger great greater big strong good excellent superior improved enhanced
    ultrahigh maximal wide wider elevated exceptional outstanding significant substantial
    considerable
    """
)
LOW_WORDS = words(
    """
    low lower small smaller little narrow narrower minor reduced ultralow poor minimal negligible
    """
)
MAXIMISE_WORDS = words(
    """
    highest largest greatest biggest strongest widest best maximise maximize maximising maximizing
    maximum max maximises maximizes increase raise maximal
    """
)
MINIMISE_WORDS = words(
    """
    lowest smallest least narrowest minimise minimize minimising minimizing minimum min minimises
    minimizes reduce lower minimal
    """
)
INTENSIFIERS = words(
    """
    very extremely really quite rather fairly relatively reasonably sufficiently super ultra highly
    exceptionally as possible so particularly especially
    """
)

FILLERS = words(
    """
    a an the of with that which who is are was be been being has have having had do does and or for
    to from in on by as at it its this these those there their them they he she i i'm i'd i'll we
    we're our us me my mine you your please kindly can could would will should shall must may might
    let need needs needed want wants wanted wish like looking look seek seeking search searching
    find finding found discover discovering identify suggest propose proposing recommend recommended
    design designing develop create make makes made making get give gives show list generate predict
    come up some any something anything one ones material materials compound compounds crystal
    crystals solid solids candidate candidates structure structures structured phase phases
    substance substances formula formulas composition compositions chemistry system option options
    example examples suitable possible also too both all only just than then thus so such very
    really quite rather more most additionally but yet while though although however moreover
    furthermore plus along together into using use used uses based consisting consists composed made
    entirely fully completely exclusively solely purely containing contains contain include includes
    including comprising comprises element elements elemental value values range least possess
    possessing possesses exhibit exhibits exhibiting show showing shows feature featuring offers
    offering property properties hello hi hey thanks thank dear help type class kind family sort
    around about roughly now today if when while where what how whose each every per cell unit atom
    atoms number ideally overall target targets objective goal requirement requirements required
    criteria constraint constraints specification spec given following polymorph polymorphs form
    forms modification ask know tell am stays stay remains remain staying
    """
)
SIGNS = frozenset(",;.:()!?\"'-/&*[]{}–…") | {"..", "..."}

EXAMPLE = 'Say what is wanted, for example "a stable oxide with a bulk modulus above 150 GPa, no cobalt".'
