"""Word stems, so that "conducts", "conductor" and "conductivity" meet, and the few synonyms that materials science lives by."""

from __future__ import annotations

from functools import lru_cache

from matsmith.knowledge.literature.tokenizer import is_formula, tokenize

_ENDINGS = (
    "ivities", "ivity", "ations", "ation", "ments", "ment", "ances", "ance", "ences", "ence", "iness", "ness", "ingly", "ically",
    "ating", "ators", "ator", "izing", "ising", "ized", "ised", "able", "ible", "ive", "ing", "ion", "ions", "ors", "or", "ers",
    "er", "est", "ity", "ies", "ed", "es", "al", "ic", "ly", "s", "y", "e",
)  # fmt: skip
_SHORTEST_STEM = 4
# Each row is one notion; a word stands for its row's first.
_NOTIONS = """
hard harder hardness superhard
stiff stiffness incompressible incompressibility compressibility
strong strength
tough toughness
soft softness
brittle brittleness
heat thermal thermally
hot temperature warm warmer cold
gap bandgap
cell battery batteries accumulator
conduct conductivity conduction conductor conducting electrolyte
move mobility migrate migration hop diffuse diffusion
melt melting molten
magnet magnetic magnetism
expand expansion contraction shrink shrinks shrinking contract contracts
cheap price cost
dope doped doping dopant
pressure compressed squeeze squeezing
stable stability
metastable metastability
shield protect protective protection coating coat layer
decompose decomposition
light optical
transparent see-through
voltage potential
superconductor superconductivity superconducting superconduct superconducts superconductors
ion ionic
lattice structure crystal crystalline structural
store storage stores
carbon dioxide co2 climate
harm toxic toxicity
common abundant abundance
vibration phonon phonons
oxide oxides
glass amorphous glassy vitreous
garnet garnets
perovskite perovskites
"""
_NOTION = {word: row.split()[0] for row in _NOTIONS.strip().splitlines() for word in row.split()}


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The stem of a lower-case word; formulas, space groups and quantities stay as they are.

    >>> [stem(word) for word in ("conductivity", "hardness", "oxidises", "LiFePO4", "250gpa")]
    ['conduct', 'hard', 'oxidis', 'LiFePO4', '250gpa']
    """
    if word != word.lower() or not word.isalpha():
        return word
    known = _NOTION.get(word)
    if known is not None:
        return known
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            break
    return _NOTION.get(word, word)


def stems(text: str) -> frozenset[str]:
    """The stems of a text's search terms."""
    return frozenset(stem(token) for token in tokenize(text))


def formulas_in(text: str) -> frozenset[str]:
    """The formulas among a text's search terms."""
    return frozenset(token for token in tokenize(text) if is_formula(token))
